-- From schema 3 to schema 4: a call whose answer was lost is known when it is made again, and
-- an owner that lives has more time; runs are listed by index.

ALTER TABLE runs ADD COLUMN claim INTEGER;
ALTER TABLE runs ADD COLUMN grace INTEGER;
ALTER TABLE runs ADD COLUMN parked INTEGER;
ALTER TABLE questions ADD COLUMN token INTEGER;

-- Lists of runs are read from these, in the order of their ids. The last one has those that
-- could be stuck.
CREATE INDEX runs_by_status ON runs (status, id);
CREATE INDEX runs_by_graph ON runs (graph, id);
CREATE INDEX runs_by_graph_and_status ON runs (graph, status, id);
CREATE INDEX waiting ON runs (id)
    WHERE status NOT IN ('completed', 'cancelled', 'failed', 'running', 'paused');
