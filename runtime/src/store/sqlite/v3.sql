-- From schema 2 to schema 3: the steps of the limit are counted from the last
-- one that came from outside, a turn may drop a step that was left open, and
-- epochs outlive the runs that were pruned.

ALTER TABLE runs ADD COLUMN counted_from INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET counted_from = turn_step;

CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

DROP VIEW journal;
CREATE VIEW journal AS
SELECT runs.id AS run, effects.step, effects.name, effects.n, effects.kind, effects.attempt,
       effects.excerpt AS request, effects.response, effects.error,
       datetime(effects.recorded / 1000, 'unixepoch') AS recorded,
       coalesce(steps.kind = 'turn', 0) AS dropped
FROM runs JOIN effects
ON effects.place BETWEEN runs.number << 32 AND (runs.number << 32) + 4294967295
LEFT JOIN steps ON steps.place = effects.place;
