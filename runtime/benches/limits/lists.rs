//! The first page of a list of many runs, compared with reading the same rows.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, Statement};
use superstep::prelude::*;
use superstep::store::{Page, RunFilter, StoreExt};

use crate::finished::{Paper, Reading};
use crate::replay::quick;
use crate::timing::{in_turns, median};
use crate::{Bench, Outcome, folder, table};

const AIM: Duration = Duration::from_millis(5);

const MANY: usize = 200_000;

/// How many runs are shown.
const SHOWN: usize = 100;

/// One in this many runs has failed.
const ONE_FAILED: usize = 1_000;

/// What is listed, in words, as a filter, and for the statement that is the limit. With the
/// sign SQLite takes those of a graph in order of their ids, instead of sorting all of them.
fn lists() -> [(&'static str, RunFilter, &'static str); 4] {
    let of_graph = RunFilter::new().graph("Reading");
    let failed = RunFilter::new().status(Status::Failed);
    let both = of_graph.clone().status(Status::Failed);
    [
        ("all", RunFilter::new(), "true"),
        ("those that failed", failed, "status = 'failed'"),
        ("those of a graph", of_graph, "+graph = 'Reading'"),
        (
            "those of a graph that failed",
            both,
            "graph = 'Reading' AND status = 'failed'",
        ),
    ]
}

pub fn measure(bench: &Bench) -> Outcome {
    let folder = folder()?;
    let path = folder.path().join("runs.db");
    let store = quick(&path)?;
    fill(bench, store.clone(), 1)?;
    multiply(&path)?;
    let conn = Connection::open(&path)?;
    let read_only = SqliteStore::open_read_only(&path)?;
    let stores = [
        ("SQLite", &store),
        ("SQLite, opened to be read only", &read_only),
    ];
    for (kind, store) in stores {
        for (what, filter, picked) in &lists() {
            let sql = format!("SELECT * FROM runs WHERE {picked} ORDER BY id LIMIT {SHOWN}");
            let mut bare = conn.prepare(&sql)?;
            let pair = in_turns(
                bench.rounds(101, 21),
                || select(&mut bare),
                || list(bench, store, filter),
            )?;
            let what = format!("{what}, {kind}; limit: bare `rusqlite`, same rows");
            let ratio = format!("{:.2}x", pair.ratio());
            say(&what, MANY, &table::time(pair.limit), pair.ours, &ratio);
        }
        let whole = whole(bench, store)?;
        let what = format!("all {MANY} runs in pages, {kind}");
        table::note(&what, "", &table::time(whole), "");
    }
    let memory = MemoryStore::new();
    let runs = bench.rounds(MANY, MANY / 10);
    fill(bench, memory.clone(), runs)?;
    let all = RunFilter::new();
    let samples = (0..bench.rounds(101, 21)).map(|_| list(bench, &memory, &all));
    let took = median(samples.collect::<Result<_, _>>()?);
    say("all, in memory", runs, "", took, "");
    Ok(())
}

fn say(what: &str, runs: usize, limit: &str, took: Duration, ratio: &str) {
    table::row(
        &format!("the first {SHOWN} of {runs} runs: {what}"),
        limit,
        &table::time(took),
        ratio,
        "under 5 ms",
        took < AIM,
    );
}

fn whole(bench: &Bench, store: &impl Store) -> Outcome<Duration> {
    let started = Instant::now();
    let all = bench.tokio.block_on(store.all_runs())?;
    if all.len() != MANY {
        return Err(format!("{} runs are listed", all.len()).into());
    }
    Ok(started.elapsed())
}

fn list(bench: &Bench, store: &impl Store, filter: &RunFilter) -> Outcome<Duration> {
    let started = Instant::now();
    let listed = bench
        .tokio
        .block_on(store.runs(filter, Page::first(SHOWN)))?;
    let took = started.elapsed();
    if listed.items.len() != SHOWN {
        return Err(format!("{} runs are listed", listed.items.len()).into());
    }
    Ok(took)
}

fn select(rows: &mut Statement<'_>) -> Outcome<Duration> {
    let started = Instant::now();
    let columns = rows.column_count();
    let read = rows.query_map([], |row| {
        let cells = (0..columns).map(|at| row.get(at));
        cells.collect::<Result<Vec<Value>, _>>()
    })?;
    let read: Vec<_> = read.collect::<Result<_, _>>()?;
    if read.len() != SHOWN {
        return Err(format!("{} rows are read", read.len()).into());
    }
    Ok(started.elapsed())
}

fn fill(bench: &Bench, store: impl Store, runs: usize) -> Outcome {
    let engine = Engine::builder(Reading).store(store).build()?;
    for run in 0..runs {
        let run = engine.run(format!("run-{run:06}"), Paper::default());
        bench.tokio.block_on(run.into_future())?;
    }
    Ok(())
}

/// Copies the row of the first run.
fn multiply(path: &Path) -> Outcome {
    let columns = "graph, fingerprint, version, seed, created, updated, step, turn, turn_step, \
                   counted_from, chain, epoch, lapses";
    let sql = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {MANY}) \
         INSERT INTO runs (id, status, {columns}) \
         SELECT format('run-%06d', n), iif(n % {ONE_FAILED} = 0, 'failed', status), {columns} \
         FROM numbers, (SELECT * FROM runs)"
    );
    Connection::open(path)?.execute(&sql, [])?;
    Ok(())
}
