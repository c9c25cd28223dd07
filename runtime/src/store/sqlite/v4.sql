-- From schema 3 to schema 4: a call whose answer was lost is known when it is made again, and
-- an owner that lives has more time.
-- The whole schema as it then is, with comments, is docs/schema/v4.sql.

ALTER TABLE runs ADD COLUMN claim INTEGER;
ALTER TABLE runs ADD COLUMN grace INTEGER;
ALTER TABLE runs ADD COLUMN parked INTEGER;
ALTER TABLE questions ADD COLUMN token INTEGER;
