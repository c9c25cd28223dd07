//! A check before a deployment: would the new program continue the runs of
//! the old one?
//!
//! In real use, the database is a copy of the one in production, and only the
//! last part of this file is needed. Here the old program makes it first.

mod now;
mod then;

use std::process::ExitCode;

use superstep::prelude::*;
use superstep::testing::replay_all;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| "deploy_check.db".into());
    record(SqliteStore::open(&path)?).await?;

    let copy = SqliteStore::open(&path)?;
    let report = replay_all(now::Claims, &copy).await?;
    println!(
        "this deploy would break {} of {} running workflows",
        report.broken.len(),
        report.runs
    );
    if report.is_ok() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("here is where:");
    for broken in &report.broken {
        println!("- {broken}");
    }
    Ok(ExitCode::FAILURE)
}

/// 40 claims of the old program, which wait for the bank.
async fn record(store: SqliteStore) -> Result<(), Error> {
    let engine = Engine::builder(then::Claims).store(store).build()?;
    for number in 0..40 {
        let claim = then::Claim {
            text: format!("Water in cellar {number}"),
            amount: 35 * number,
            ..Default::default()
        };
        match engine.run(format!("claim-{number:02}"), claim).await {
            Err(Error::NodeFailed { .. }) => {}
            other => drop(other?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use superstep::testing::crash_everywhere;

    use super::*;

    /// The bank is closed, however often it is asked.
    #[tokio::test]
    async fn a_crash_anywhere_changes_nothing() {
        let engine = |store| {
            let engine = Engine::builder(now::Claims).store(store);
            engine.build().unwrap()
        };
        let claim = || now::Claim {
            amount: 1_000,
            ..Default::default()
        };
        let report = crash_everywhere(engine, claim).await.unwrap();
        assert_eq!(report.steps, 3);
    }
}
