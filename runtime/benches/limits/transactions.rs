//! How many transactions a fan-out and its join take, read from SQLite's log.

use std::fs;
use std::path::Path;
use std::time::Instant;

use superstep::prelude::*;

use crate::fan_out::{Fan, Total};
use crate::timing::median;
use crate::{Bench, Outcome, folder, table};

const ITEMS: u64 = 1_000;

/// The input, the step that splits, the one with all items, and the join.
const AIM: usize = 4;

pub fn measure(bench: &Bench) -> Outcome {
    let mut samples = Vec::new();
    let mut most = 0;
    for _ in 0..bench.rounds(21, 7) {
        let folder = folder()?;
        let path = folder.path().join("runs.db");
        let engine = Engine::builder(Fan)
            .store(SqliteStore::open(&path)?)
            .build()?;
        let before = transactions(&path)?;
        let started = Instant::now();
        let run = engine.run(
            "run",
            Total {
                items: ITEMS,
                ..Total::default()
            },
        );
        bench.tokio.block_on(run.into_future())?;
        samples.push(started.elapsed());
        most = most.max(transactions(&path)? - before);
    }
    table::row(
        "transactions of `each` over 1,000 items and join, SQLite FULL",
        &AIM.to_string(),
        &most.to_string(),
        &format!("{} in all", table::time(median(samples))),
        "at most 4",
        most <= AIM,
    );
    Ok(())
}

/// The transactions in a write-ahead log: its frames that end one.
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>
pub fn transactions(database: &Path) -> Outcome<usize> {
    let log = fs::read(database.with_extension("db-wal")).unwrap_or_default();
    let Some((head, frames)) = log.split_at_checked(32) else {
        return Ok(0);
    };
    let page = u32::from_be_bytes(head[8..12].try_into()?) as usize;
    let salt = &head[16..24];
    let ends = |frame: &&[u8]| frame[4..8] != [0; 4];
    let current = frames
        .chunks_exact(24 + page)
        .take_while(|frame| &frame[8..16] == salt);
    Ok(current.filter(ends).count())
}
