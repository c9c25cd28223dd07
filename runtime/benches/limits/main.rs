//! What Superstep costs, each figure next to its physical limit, measured in the
//! same run and in turns with it, so that a noisy machine is noisy for both.
//!
//! `cargo bench -p superstep` prints one Markdown table, the one in
//! `docs/performance.md`. `SUPERSTEP_BENCH=short` takes fewer samples, for CI;
//! `SUPERSTEP_BENCH=build` measures what building costs instead. Words after
//! `--` pick the parts whose name contains one of them.

#![allow(clippy::print_stdout)] // The table is the product.

mod bare;
mod build;
mod crowd;
mod diff;
mod durable;
mod effects;
mod fan_out;
mod finished;
mod lists;
mod loops;
mod machine;
mod replay;
mod resume;
mod sequential;
mod table;
mod timing;
mod transactions;
mod turns;

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use tempfile::TempDir;
use tokio::runtime::Runtime;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What every part is given.
struct Bench {
    tokio: Runtime,
    /// Fewer samples of fewer things.
    short: bool,
}

impl Bench {
    /// `all` usually, `few` in a short run.
    fn rounds(&self, all: usize, few: usize) -> usize {
        if self.short { few } else { all }
    }
}

/// A folder on the disk that the build uses, gone when it is dropped.
fn folder() -> Outcome<TempDir> {
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

type Part = (&'static str, fn(&Bench) -> Outcome);

const PARTS: [Part; 13] = [
    ("sequential", sequential::measure),
    ("loops", loops::measure),
    ("fan-out", fan_out::measure),
    ("durable", durable::measure),
    ("transactions", transactions::measure),
    ("crowd", crowd::measure),
    ("effects", effects::measure),
    ("replay", replay::measure),
    ("diff", diff::measure),
    ("turns", turns::measure),
    ("resume", resume::measure),
    ("finished", finished::measure),
    ("lists", lists::measure),
];

const BUILD_PARTS: [Part; 5] = [
    ("crates", build::crates),
    ("core", build::core),
    ("graphs", build::graphs),
    ("states", build::states),
    ("second", build::second),
];

fn main() -> Outcome {
    let started = Instant::now();
    if let Some(child) = resume::Child::from_env() {
        return child.run(started);
    }
    let mode = std::env::var("SUPERSTEP_BENCH").unwrap_or_default();
    let bench = Bench {
        tokio: tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?,
        short: mode == "short",
    };
    // Cargo passes `--bench`.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let parts = if mode == "build" {
        &BUILD_PARTS[..]
    } else {
        &PARTS[..]
    };
    machine::print(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")))?;
    table::head();
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            measure(&bench)?;
        }
    }
    println!("\n{:.0} s in all", started.elapsed().as_secs_f64());
    Ok(())
}
