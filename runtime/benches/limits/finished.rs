//! What 10,000 finished runs leave in the memory of one engine, compared with what the
//! first 1,000 left.

use std::fs;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::Synchronous;

use crate::{Bench, Outcome, folder, table};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Paper {
    pub text: String,
    pub read: bool,
}

#[node]
fn read(_: &Paper) -> PaperUpdate {
    Paper::update().read(true)
}

#[graph(state = Paper, start -> read -> end)]
pub struct Reading;

pub fn measure(bench: &Bench) -> Outcome {
    let Some(_) = resident() else { return Ok(()) };
    let folder = folder()?;
    let store = SqliteStore::options()
        .synchronous(Synchronous::Normal)
        .open(folder.path().join("runs.db"))?;
    let engine = Engine::builder(Reading).store(store).build()?;
    let read = |runs: std::ops::Range<u32>| -> Outcome<f64> {
        for run in runs {
            let paper = Paper {
                text: "x".repeat(10_000),
                read: false,
            };
            let run = engine.run(format!("run {run}"), paper).into_future();
            bench.tokio.block_on(run)?;
        }
        Ok(resident().unwrap_or_default())
    };
    let all = bench.rounds(10_000, 3_000) as u32;
    let (few, many) = (read(0..1_000)?, read(1_000..all)?);
    table::row(
        &format!(
            "memory after {all} finished runs of 10 kB on one engine; limit: after the first 1,000"
        ),
        &format!("{few:.1} MiB"),
        &format!("{many:.1} MiB"),
        &format!("{:.2}x", many / few),
        "at most 1.2x",
        many <= few * 1.2,
    );
    Ok(())
}

/// This process's memory in MiB, where it can be asked.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024.0)
}
