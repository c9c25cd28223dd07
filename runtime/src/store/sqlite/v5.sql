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

-- Of turns without a token those are known whose steps were not pruned, and the current one.
-- They are numbered from the input or a known turn, if no step in between is missing, or
-- else back from the current one: then too high, if turns before that were pruned.
INSERT INTO turns (run, turn, step, token) SELECT run, turn, step, token FROM turn_tokens;
INSERT OR IGNORE INTO turns (run, turn, step)
SELECT number, turn, turn_step FROM runs LEFT JOIN forks ON forks.run = runs.number
WHERE turn > 0 AND turn_step > coalesce(origin_step, 0);
WITH counted AS (
    SELECT steps.run, steps.step, steps.kind, runs.turn AS last,
           steps.step - row_number() OVER up_to_it AS stretch,
           count(*) FILTER (WHERE steps.kind = 'turn') OVER up_to_it AS nth,
           count(*) FILTER (WHERE steps.kind = 'turn') OVER (PARTITION BY steps.run) AS all_turns
    FROM steps JOIN runs ON runs.number = steps.run WHERE runs.turn > 0
    WINDOW up_to_it AS (PARTITION BY steps.run ORDER BY steps.place)
)
INSERT OR IGNORE INTO turns (run, turn, step)
SELECT counted.run,
       nth + CASE stretch WHEN -1 THEN 0 ELSE
           coalesce(max(turns.turn - nth) OVER (PARTITION BY counted.run, stretch), last - all_turns)
       END,
       counted.step
FROM counted LEFT JOIN turns ON turns.run = counted.run AND turns.step = counted.step
WHERE counted.kind = 'turn';
DROP TABLE turn_tokens;
UPDATE runs SET token =
    (SELECT token FROM turns WHERE turns.run = runs.number AND turns.step = runs.turn_step)
WHERE token IS NOT NULL;
