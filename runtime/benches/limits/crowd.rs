//! Many runs at once, which share transactions, compared with bare `rusqlite` with 100
//! steps to a transaction.

use std::path::Path;
use std::time::{Duration, Instant};

use superstep::prelude::*;
use superstep::store::Synchronous;
use tokio::task::JoinSet;

use crate::bare::Rows;
use crate::durable::warm_up;
use crate::sequential::{Count, Pace, Rounds};
use crate::timing::in_turns;
use crate::{Bench, Outcome, folder, table};

const RUNS: usize = 256;
const STEPS: u64 = 20;

pub fn measure(bench: &Bench) -> Outcome {
    let first = folder()?;
    let path = first.path().join("runs.db");
    runs(bench, &path)?;
    let rows = Rows::read(&path)?;
    let pair = in_turns(
        bench.rounds(15, 5),
        || rows.write(&folder()?.path().join("bare.db"), Synchronous::Full, 100),
        || runs(bench, &folder()?.path().join("runs.db")),
    )?;
    let rate = |time: Duration| format!("{:.0} steps/s", rows.steps() as f64 / time.as_secs_f64());
    table::row(
        "256 runs of 20 steps at once, SQLite FULL; limit: bare `rusqlite`, 100 steps a transaction",
        &rate(pair.limit),
        &rate(pair.ours),
        &format!("{:.2}x", 1.0 / pair.ratio()),
        "at least 0.5x",
        pair.ratio() <= 2.0,
    );
    Ok(())
}

fn runs(bench: &Bench, path: &Path) -> Outcome<Duration> {
    let engine = Engine::builder(Rounds { pace: Pace })
        .store(SqliteStore::open(path)?)
        .build()?;
    warm_up(bench, &engine)?;
    let started = Instant::now();
    bench.tokio.block_on(async {
        let mut runs = JoinSet::new();
        for number in 0..RUNS {
            runs.spawn(
                engine
                    .run(format!("run-{number}"), Count { left: STEPS })
                    .into_future(),
            );
        }
        while let Some(run) = runs.join_next().await {
            run??;
        }
        Ok(started.elapsed())
    })
}
