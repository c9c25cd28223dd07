//! The first page of a list of many runs, beside reading the same rows.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, Statement};
use superstep::prelude::*;
use superstep::store::{Page, RunFilter};

use crate::finished::{Paper, Reading};
use crate::replay::quick;
use crate::timing::{Pair, in_turns};
use crate::{Bench, Outcome, folder, table};

const AIM: Duration = Duration::from_millis(5);

/// How many runs are shown.
const SHOWN: usize = 100;

/// Of so many runs one has failed.
const ONE_FAILED: usize = 1_000;

/// What is listed, in words, as a filter, and for the statement that is the limit.
fn lists() -> [(&'static str, RunFilter, &'static str); 4] {
    let of_graph = RunFilter::new().graph("Reading");
    let failed = RunFilter::new().status(Status::Failed);
    let both = of_graph.clone().status(Status::Failed);
    [
        ("all", RunFilter::new(), "true"),
        ("those that failed", failed, "status = 'failed'"),
        ("those of a graph", of_graph, "graph = 'Reading'"),
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
    let runs = bench.rounds(200_000, 200_000);
    let store = quick(&path)?;
    fill(bench, store.clone(), 1)?;
    multiply(&path, runs)?;
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
            say(
                &format!("{what}, {kind}; limit: bare `rusqlite`, same rows"),
                runs,
                pair,
            );
        }
    }
    let memory = MemoryStore::new();
    let runs = bench.rounds(200_000, 20_000);
    fill(bench, memory.clone(), runs)?;
    let all = RunFilter::new();
    let took = in_turns(
        bench.rounds(101, 21),
        || Ok(AIM),
        || list(bench, &memory, &all),
    )?;
    say("all, in memory; limit: the aim", runs, took);
    Ok(())
}

fn say(what: &str, runs: usize, pair: Pair) {
    table::row(
        &format!("the first {SHOWN} of {runs} runs: {what}"),
        &table::time(pair.limit),
        &table::time(pair.ours),
        &format!("{:.2}x", pair.ratio()),
        "under 5 ms",
        pair.ours < AIM,
    );
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
fn multiply(path: &Path, runs: usize) -> Outcome {
    let columns = "graph, fingerprint, version, seed, created, updated, step, turn, turn_step, \
                   counted_from, chain, epoch, expires";
    let sql = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {runs}) \
         INSERT INTO runs (id, status, {columns}) \
         SELECT format('run-%06d', n), iif(n % {ONE_FAILED} = 0, 'failed', status), {columns} \
         FROM numbers, (SELECT * FROM runs)"
    );
    Connection::open(path)?.execute(&sql, [])?;
    Ok(())
}
