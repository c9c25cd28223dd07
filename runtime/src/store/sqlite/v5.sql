-- From schema 4 to schema 5: which graph wrote a step, and what became of a turn.

ALTER TABLE runs ADD COLUMN changed INTEGER;
ALTER TABLE runs ADD COLUMN changed_to BLOB;
ALTER TABLE runs ADD COLUMN changed_version INTEGER;
ALTER TABLE steps ADD COLUMN graph BLOB;

CREATE TABLE graph_changes (
    run         INTEGER NOT NULL,
    step        INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;

CREATE TABLE turns (
    run   INTEGER NOT NULL,
    step  INTEGER NOT NULL,
    turn  INTEGER NOT NULL,
    token TEXT,
    error TEXT,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE UNIQUE INDEX turns_by_token ON turns (run, token) WHERE token IS NOT NULL;

-- Of turns without a token the steps are known that were not pruned.
INSERT INTO turns (run, turn, step, token) SELECT run, turn, step, token FROM turn_tokens;
INSERT OR IGNORE INTO turns (run, turn, step)
SELECT steps.run,
       runs.turn + 1 - row_number() OVER (PARTITION BY steps.run ORDER BY steps.place DESC),
       steps.step
FROM steps JOIN runs ON runs.number = steps.run WHERE steps.kind = 'turn';
DROP TABLE turn_tokens;
UPDATE runs SET token =
    (SELECT token FROM turns WHERE turns.run = runs.number AND turns.step = runs.turn_step)
WHERE token IS NOT NULL;
