-- From schema 5 to schema 6: what tasks wait for, signals, and when a run wakes.

DROP VIEW journal;
DROP VIEW stuck;

-- Programs that know only older schemas name this column in every transaction that writes of a run,
-- before anything else: those that are still up get an error and never write half of what belongs
-- together.
ALTER TABLE runs RENAME COLUMN expires TO lapses;
ALTER TABLE runs ADD COLUMN wakes INTEGER;
CREATE INDEX runs_by_wakes ON runs (wakes) WHERE wakes IS NOT NULL;

CREATE TABLE effects_by_class (
    place    INTEGER NOT NULL,
    run      INTEGER AS (place >> 32),
    step     INTEGER AS (place & 4294967295),
    task     BLOB NOT NULL,
    class    TEXT NOT NULL,
    name     TEXT NOT NULL,
    n        INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    call     INTEGER,
    seen     INTEGER,
    attempt  INTEGER NOT NULL,
    request  BLOB NOT NULL,
    excerpt  TEXT NOT NULL,
    response TEXT,
    error    TEXT,
    signal   INTEGER,
    recorded INTEGER NOT NULL,
    PRIMARY KEY (place, task, class, name, n)
) WITHOUT ROWID;
INSERT INTO effects_by_class (place, task, class, name, n, kind, call, attempt, request, excerpt,
                              response, error, recorded)
SELECT place, task, 'effect', name, n, kind, call, attempt, request, excerpt, response, error, recorded
FROM effects;
DROP TABLE effects;
ALTER TABLE effects_by_class RENAME TO effects;

DROP TABLE timers;
CREATE TABLE waits (
    place    INTEGER NOT NULL,
    run      INTEGER AS (place >> 32),
    step     INTEGER AS (place & 4294967295),
    task     BLOB NOT NULL,
    class    TEXT NOT NULL,
    name     TEXT NOT NULL,
    n        INTEGER NOT NULL,
    node     TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    due      INTEGER,
    parked   INTEGER NOT NULL,
    PRIMARY KEY (place, task, class, name, n)
) WITHOUT ROWID;

CREATE TABLE signals (
    run    INTEGER NOT NULL,
    number INTEGER NOT NULL,
    id     TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  TEXT,
    sent   INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX signals_by_id ON signals (run, id);
CREATE INDEX signals_unreceived ON signals (run, number) WHERE value IS NOT NULL;

ALTER TABLE questions ADD COLUMN due INTEGER;
ALTER TABLE questions ADD COLUMN fallback TEXT;
ALTER TABLE questions ADD COLUMN reason TEXT;
ALTER TABLE questions ADD COLUMN answered_by TEXT;

-- Whoever waited only for answers that are there by now is awake.
UPDATE runs SET wakes = updated
WHERE status = 'interrupted'
  AND EXISTS (SELECT 1 FROM questions WHERE questions.run = runs.number
              AND questions.step = runs.step + 1 AND answer IS NOT NULL);

CREATE VIEW journal AS
SELECT runs.id AS run, effects.step, effects.class, effects.name, effects.n, effects.kind,
       effects.attempt, effects.excerpt AS request, effects.response, effects.error,
       datetime(effects.recorded / 1000, 'unixepoch') AS recorded,
       coalesce(steps.kind = 'turn', 0) AS dropped
FROM runs JOIN effects
ON effects.place BETWEEN runs.number << 32 AND (runs.number << 32) + 4294967295
LEFT JOIN steps ON steps.place = effects.place;

CREATE VIEW stuck AS
SELECT id AS run, status FROM runs
WHERE status NOT IN ('completed', 'cancelled', 'failed', 'running', 'paused')
  AND NOT (owner IS NOT NULL AND lapses > unixepoch() * 1000)
  AND NOT (status IN ('interrupted', 'sleeping')
           AND (wakes IS NOT NULL
             OR EXISTS (SELECT 1 FROM waits
                        WHERE waits.place = (runs.number << 32) + runs.step + 1
                          AND waits.class = 'signal')
             OR EXISTS (SELECT 1 FROM questions
                        WHERE questions.run = runs.number
                          AND questions.step = runs.step + 1
                          AND questions.answer IS NULL
                          AND questions.answered_by IS NULL)));
