-- The newest schema. Times are milliseconds since 1970, JSON is text, SHA-256 values are
-- blobs of 32 bytes, and a `seed` above 2^63 shows as a negative number.

CREATE TABLE graphs (
    fingerprint BLOB PRIMARY KEY,
    description TEXT NOT NULL       -- the canonical text that was hashed
) WITHOUT ROWID;

-- One row per run: what it was created with, its head and its lease. Other tables
-- know a run by its number.
CREATE TABLE runs (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    graph       TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    version     INTEGER NOT NULL,
    seed        INTEGER NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    status      TEXT NOT NULL,      -- running, completed, interrupted, sleeping, paused, cancelled, failed
    step        INTEGER NOT NULL,   -- the last committed step
    turn        INTEGER NOT NULL,
    turn_step   INTEGER NOT NULL,   -- the step that began the turn
    chain       BLOB NOT NULL,
    epoch       INTEGER NOT NULL,   -- grows with every owner and outlives the lease
    lapses      INTEGER NOT NULL,   -- when the lease ends; until schema 6 it was named `expires`
    owner       TEXT,               -- NULL: the lease was given back
    lock        TEXT,               -- the owner's file in the folder `<database>-owners`
    token       TEXT,               -- with which the current turn began
    error       TEXT,               -- of a failed run
    pruned      INTEGER NOT NULL DEFAULT 0, -- no step from this one on was pruned
    counted_from INTEGER NOT NULL DEFAULT 0, -- the step from which `max_steps` is counted: the
                                    -- last that came from outside, a turn's or a correction
    claim       INTEGER,            -- the token of the call that took the lease
    grace       INTEGER,            -- until when it is not taken from an owner that is alive
    parked      INTEGER,            -- the epoch under which the run was parked last
    changed     INTEGER,            -- the last change of graph: see `graph_changes`
    changed_to  BLOB,
    changed_version INTEGER,
    wakes       INTEGER             -- when a run that waits starts again; in the past: it is awake
);
CREATE INDEX leased ON runs (lock) WHERE lock IS NOT NULL;
CREATE INDEX runs_by_wakes ON runs (wakes) WHERE wakes IS NOT NULL;

-- Lists of runs are read from these, in the order of their ids. The last one has those that
-- could be stuck; it and the view `stuck` have the same condition.
CREATE INDEX runs_by_status ON runs (status, id);
CREATE INDEX runs_by_graph ON runs (graph, id);
CREATE INDEX runs_by_graph_and_status ON runs (graph, status, id);
CREATE INDEX waiting ON runs (id)
    WHERE status NOT IN ('completed', 'cancelled', 'failed', 'running', 'paused');

-- One row per step, in one b-tree: `place` is the run's number and the step in one
-- integer, so that the table itself is in the order in which steps are read, and
-- rows up to a page stay in it. It is unique, and the idempotency key covers run
-- and step, so the key needs no index of its own.
CREATE TABLE steps (
    place     INTEGER PRIMARY KEY,
    run       INTEGER AS (place >> 32),
    step      INTEGER AS (place & 4294967295),
    kind      TEXT NOT NULL,        -- input, step, turn, update, fork
    committed INTEGER NOT NULL,
    chain     BLOB NOT NULL,
    digest    BLOB NOT NULL,
    key       BLOB NOT NULL,        -- the idempotency key
    updates   TEXT NOT NULL,
    frontier  TEXT NOT NULL,
    version   INTEGER NOT NULL DEFAULT 1,   -- of the graph that wrote it
    notes     TEXT,                 -- what else a replay has to know
    journal   BLOB,                 -- SHA-256 of the notes and the effects
    graph     BLOB                  -- the fingerprint of the graph that wrote it, if another one
                                    -- wrote the step before
);

CREATE TABLE snapshots (
    place  INTEGER PRIMARY KEY,
    run    INTEGER AS (place >> 32),
    step   INTEGER AS (place & 4294967295),
    digest BLOB NOT NULL,
    state  TEXT NOT NULL
);

-- Results of finished tasks of steps that are still open.
CREATE TABLE results (
    run    INTEGER NOT NULL,
    task   BLOB NOT NULL,           -- the order key
    node   TEXT NOT NULL,
    saw    INTEGER NOT NULL,        -- the step whose state the task saw
    result TEXT NOT NULL,
    PRIMARY KEY (run, task)
) WITHOUT ROWID;

-- The journal: one row for each call of an effect, reading of the clock, and thing that a task
-- waited for. `place` is that of the step in which the task runs, see `steps`; one that is
-- after the run's head belongs to the step that is open, one of a step of kind `turn`
-- to the step that was open before and that the turn dropped.
CREATE TABLE "effects" (
    place    INTEGER NOT NULL,
    run      INTEGER AS (place >> 32),
    step     INTEGER AS (place & 4294967295),
    task     BLOB NOT NULL,         -- the order key
    class    TEXT NOT NULL,         -- effect; signal, time: a wait for one
    name     TEXT NOT NULL,         -- empty: a reading of the clock, or a time
    n        INTEGER NOT NULL,      -- which call of that class and name, from 0
    kind     TEXT NOT NULL,         -- done, failed, clock; intent: at most once, outcome unknown;
                                    -- answered: somebody said that it had happened; elapsed: the
                                    -- time of a wait is over
    call     INTEGER,               -- which call of the attempt that finished the task
    seen     INTEGER,               -- as the how-manieth the task got it
    attempt  INTEGER NOT NULL,      -- from 1; 0: left behind by a fork's origin
    request  BLOB NOT NULL,         -- SHA-256 of the request
    excerpt  TEXT NOT NULL,         -- the beginning of the request
    response TEXT,
    error    TEXT,
    signal   INTEGER,               -- the number of the signal that was received
    recorded INTEGER NOT NULL,
    PRIMARY KEY (place, task, class, name, n)
) WITHOUT ROWID;

-- What tasks asked. A run asks those of its open step that have no answer.
CREATE TABLE questions (
    run      INTEGER NOT NULL,
    id       TEXT NOT NULL,
    kind     TEXT NOT NULL,         -- interrupt: a node's own; outcome: whether an effect has happened
    step     INTEGER NOT NULL,
    task     BLOB NOT NULL,         -- the order key
    node     TEXT NOT NULL,
    name     TEXT NOT NULL,
    n        INTEGER NOT NULL,
    question TEXT NOT NULL,
    schema   TEXT,                  -- JSON Schema of the answer
    asked    INTEGER NOT NULL,
    answered INTEGER,
    answer   TEXT,                  -- NULL: still open
    token    INTEGER,               -- of the call that answered
    due      INTEGER,               -- until when it can be answered
    fallback TEXT,                  -- what counts if nobody has by then
    reason   TEXT,                  -- why it is asked again
    answered_by TEXT,               -- who answered; deadline: nobody did in time
    PRIMARY KEY (run, id)
) WITHOUT ROWID;

-- What the tasks of open steps wait for. Nothing reads those of a step that is over.
CREATE TABLE waits (
    place    INTEGER NOT NULL,
    run      INTEGER AS (place >> 32),
    step     INTEGER AS (place & 4294967295),
    task     BLOB NOT NULL,         -- the order key
    class    TEXT NOT NULL,         -- signal, time
    name     TEXT NOT NULL,         -- the signal's
    n        INTEGER NOT NULL,      -- which wait of that class and name, from 0
    node     TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    due      INTEGER,               -- NULL: for as long as it takes
    parked   INTEGER NOT NULL,      -- 1: its task has stopped because of it
    PRIMARY KEY (place, task, class, name, n)
) WITHOUT ROWID;

-- What was sent to runs, in the order in which it came.
CREATE TABLE signals (
    run    INTEGER NOT NULL,
    number INTEGER NOT NULL,        -- from 1, for each run
    id     TEXT NOT NULL,           -- remembered as long as the run
    name   TEXT NOT NULL,
    value  TEXT,                    -- NULL: received, see `effects`
    sent   INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX signals_by_id ON signals (run, id);
CREATE INDEX signals_unreceived ON signals (run, number) WHERE value IS NOT NULL;

CREATE TABLE labels (
    run  INTEGER NOT NULL,
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;

-- Where forks branch off: steps up to `origin_step` are those of the run `origin`.
CREATE TABLE forks (
    run         INTEGER PRIMARY KEY,
    origin      INTEGER NOT NULL,
    origin_step INTEGER NOT NULL
);
CREATE INDEX forks_of ON forks (origin, origin_step);

-- The steps at which a run's graph changes. `steps.graph` says
-- the same, and is pruned with its step; these stay as long as the run.
CREATE TABLE graph_changes (
    run         INTEGER NOT NULL,
    step        INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;

-- One row per further turn; they stay as long as the run.
CREATE TABLE turns (
    run   INTEGER NOT NULL,
    step  INTEGER NOT NULL,         -- the step that began it
    turn  INTEGER NOT NULL,         -- from 1: the input began turn 0
    token TEXT,
    error TEXT,                     -- with which the run failed, if the next turn dropped the step
    PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE UNIQUE INDEX turns_by_token ON turns (run, token) WHERE token IS NOT NULL;

-- Events that were not delivered yet. Ids are never reused, so that receivers
-- can tell what they have seen.
CREATE TABLE outbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    name    TEXT NOT NULL,
    payload TEXT NOT NULL
);

-- For people: the steps of all runs, with readable names and times.
CREATE VIEW history AS
SELECT runs.id AS run, steps.step, steps.kind,
       datetime(steps.committed / 1000, 'unixepoch') AS committed,
       steps.updates, steps.frontier, lower(hex(steps.chain)) AS chain
FROM runs JOIN steps
ON steps.place BETWEEN runs.number << 32 AND (runs.number << 32) + 4294967295;

-- High-water marks. `epoch` is the highest of a run that was pruned: whoever held
-- that run does not hold the next one of its id.
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- For people: the journal of all runs; `dropped` is 1 for what is of a step that a turn
-- dropped.
CREATE VIEW journal AS
SELECT runs.id AS run, effects.step, effects.class, effects.name, effects.n, effects.kind,
       effects.attempt, effects.excerpt AS request, effects.response, effects.error,
       datetime(effects.recorded / 1000, 'unixepoch') AS recorded,
       coalesce(steps.kind = 'turn', 0) AS dropped
FROM runs JOIN effects
ON effects.place BETWEEN runs.number << 32 AND (runs.number << 32) + 4294967295
LEFT JOIN steps ON steps.place = effects.place;

-- Runs that nothing will ever move again: neither final nor failed, nor ready to
-- be claimed, nor leased, nor with a time to wake at, a signal that their open step waits for, or a
-- question in it without an answer. Always empty.
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
