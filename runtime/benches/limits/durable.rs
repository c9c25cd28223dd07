//! Steps of one run on SQLite, one after another, compared with bare `rusqlite`
//! writing the same rows in the same number of transactions.

use std::path::Path;
use std::time::{Duration, Instant};

use superstep::prelude::*;
use superstep::store::Synchronous;

use crate::bare::Rows;
use crate::sequential::{Count, Pace, Rounds};
use crate::timing::in_turns;
use crate::{Bench, Outcome, folder, table};

pub fn measure(bench: &Bench) -> Outcome {
    for (synchronous, word) in [(Synchronous::Normal, "NORMAL"), (Synchronous::Full, "FULL")] {
        for steps in [100, 1_000] {
            let first = folder()?;
            let path = first.path().join("runs.db");
            run(bench, &path, synchronous, steps)?;
            let rows = Rows::read(&path)?;
            let pair = in_turns(
                bench.rounds(21, if steps == 100 { 15 } else { 7 }),
                || rows.write(&folder()?.path().join("bare.db"), synchronous, 1),
                || run(bench, &folder()?.path().join("runs.db"), synchronous, steps),
            )?;
            let what =
                format!("{steps} durable steps, SQLite {word}; limit: bare `rusqlite`, same rows");
            table::at_most(&what, pair, 1.25);
        }
    }
    Ok(())
}

fn run(bench: &Bench, path: &Path, synchronous: Synchronous, steps: u64) -> Outcome<Duration> {
    let store = SqliteStore::options().synchronous(synchronous).open(path)?;
    let engine = Engine::builder(Rounds { pace: Pace })
        .store(store)
        .build()?;
    warm_up(bench, &engine)?;
    let started = Instant::now();
    bench
        .tokio
        .block_on(engine.run("run", Count { left: steps }).into_future())?;
    Ok(started.elapsed())
}

/// The first transaction of a file creates its log.
pub fn warm_up(bench: &Bench, engine: &Engine<Rounds>) -> Outcome {
    let run = engine.run("warm-up", Count { left: 1 });
    bench.tokio.block_on(run.into_future())?;
    Ok(())
}
