-- From schema 1 to schema 2: effects, questions, and histories that are pruned.

DROP VIEW stuck;
DROP TABLE effects;                 -- nothing wrote to these two before
DROP TABLE questions;

ALTER TABLE runs ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;

ALTER TABLE steps ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE steps ADD COLUMN notes TEXT;
ALTER TABLE steps ADD COLUMN journal BLOB;

-- What is known of older steps is with which version their run began.
UPDATE steps SET version = (SELECT version FROM runs WHERE number = steps.run)
WHERE run IN (SELECT number FROM runs WHERE version <> 1);

CREATE TABLE effects (
    place    INTEGER NOT NULL,
    run      INTEGER AS (place >> 32),
    step     INTEGER AS (place & 4294967295),
    task     BLOB NOT NULL,
    name     TEXT NOT NULL,
    n        INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    call     INTEGER,
    attempt  INTEGER NOT NULL,
    request  BLOB NOT NULL,
    excerpt  TEXT NOT NULL,
    response TEXT,
    error    TEXT,
    recorded INTEGER NOT NULL,
    PRIMARY KEY (place, task, name, n)
) WITHOUT ROWID;

CREATE TABLE questions (
    run      INTEGER NOT NULL,
    id       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    step     INTEGER NOT NULL,
    task     BLOB NOT NULL,
    node     TEXT NOT NULL,
    name     TEXT NOT NULL,
    n        INTEGER NOT NULL,
    question TEXT NOT NULL,
    schema   TEXT,
    asked    INTEGER NOT NULL,
    answered INTEGER,
    answer   TEXT,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;

CREATE VIEW journal AS
SELECT runs.id AS run, effects.step, effects.name, effects.n, effects.kind, effects.attempt,
       effects.excerpt AS request, effects.response, effects.error,
       datetime(effects.recorded / 1000, 'unixepoch') AS recorded
FROM runs JOIN effects
ON effects.place BETWEEN runs.number << 32 AND (runs.number << 32) + 4294967295;

CREATE VIEW stuck AS
SELECT id AS run, status FROM runs
WHERE status NOT IN ('completed', 'cancelled', 'failed', 'running', 'paused')
  AND NOT (owner IS NOT NULL AND expires > unixepoch() * 1000)
  AND NOT (status IN ('interrupted', 'sleeping')
           AND (EXISTS (SELECT 1 FROM timers WHERE timers.run = runs.number)
             OR EXISTS (SELECT 1 FROM questions
                        WHERE questions.run = runs.number
                          AND questions.step = runs.step + 1)));
