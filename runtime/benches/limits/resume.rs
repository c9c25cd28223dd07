//! Resuming a killed run in a fresh process: from the start of `main` to the
//! first node's call, compared with reading and decoding the same text.
//!
//! The program runs itself for that: a child fills a run and is killed in the
//! middle of a step, further children resume it.

use std::env;
use std::future::pending;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;

use crate::timing::{Pair, in_turns};
use crate::{Bench, Outcome, folder, table};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Big {
    lines: Vec<String>,
    note: String,
    left: u64,
}

/// What the node does when it is called.
struct Probe {
    started: Instant,
    resumed: bool,
}

#[node]
async fn work(state: &Big, probe: &Probe) -> (BigUpdate, bool) {
    if probe.resumed {
        println!("{}", probe.started.elapsed().as_nanos());
        exit(0);
    }
    if state.left == 0 {
        println!("ready");
        pending::<()>().await;
    }
    let note = "n".repeat(state.note.len());
    (Big::update().note(note).left(state.left - 1), true)
}

#[graph(state = Big, start -> work, work -> match { true => work, false => end })]
struct Resumed {
    probe: Probe,
}

const STATE: usize = 1 << 20;
const LINE: usize = 300;
const AIM: Duration = Duration::from_millis(10);

/// What the snapshot rule counts for a step in addition to its updates.
const STEP_COST: usize = 512;

/// What a step's record holds in addition to its note.
const AROUND_NOTE: usize = 72;

pub fn measure(bench: &Bench) -> Outcome {
    report("1 kB", pair(bench, 1_000)?);
    report("100 bytes", pair(bench, 100)?);
    Ok(())
}

fn report(updates: &str, (pair, steps): (Pair, i64)) {
    table::row(
        &format!(
            "resume in a fresh process, 1 MiB of state and {steps} updates of {updates} since; limit: read and decode them"
        ),
        &table::time(pair.limit),
        &table::time(pair.ours),
        &format!("{:.2}x", pair.ratio()),
        "under 10 ms",
        pair.ours < AIM,
    );
}

/// With as many updates of that size as there can be before a snapshot is written.
fn pair(bench: &Bench, update: usize) -> Outcome<(Pair, i64)> {
    let folder = folder()?;
    let path = folder.path().join("runs.db");
    let steps = STATE / (update + STEP_COST);
    Child::Fill {
        steps,
        note: update - AROUND_NOTE,
    }
    .kill_when_ready(&path)?;
    let taken = check(&path)?;
    let pair = in_turns(
        bench.rounds(20, 10),
        || Child::Read.time(&path),
        || Child::Resume.time(&path),
    )?;
    Ok((pair, taken))
}

/// The number of steps after the input, if the run is as it was meant to be.
fn check(path: &Path) -> Outcome<i64> {
    let conn = open(path)?;
    let (snapshots, steps, bytes): (i64, i64, i64) = conn.query_row(
        "SELECT (SELECT count(*) FROM snapshots), count(*), sum(length(updates)) FROM steps WHERE step > 0",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if snapshots > 0 || bytes + steps * (STEP_COST as i64) < STATE as i64 * 9 / 10 {
        return Err(format!("not the longest tail: {snapshots} snapshots, {bytes} bytes").into());
    }
    Ok(steps)
}

const CHILD: &str = "SUPERSTEP_BENCH_CHILD";

/// What this program does when it was started by itself.
#[derive(Serialize, Deserialize)]
pub enum Child {
    Fill { steps: usize, note: usize },
    Resume,
    Read,
}

impl Child {
    pub fn from_env() -> Option<Self> {
        serde_json::from_str(&env::var(CHILD).ok()?).ok()
    }

    pub fn run(self, started: Instant) -> Outcome {
        let path = PathBuf::from(env::args_os().nth(1).ok_or("no path")?);
        if let Self::Read = self {
            return read(&path, started);
        }
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let resumed = matches!(self, Self::Resume);
        let engine = Engine::builder(Resumed {
            probe: Probe { started, resumed },
        })
        .store(SqliteStore::open(&path)?)
        .max_steps(1 << 20)
        .build()?;
        tokio.block_on(async {
            match self {
                Self::Fill { steps, note } => {
                    let state = Big {
                        lines: vec!["l".repeat(LINE); STATE / LINE],
                        note: "n".repeat(note),
                        left: steps as u64,
                    };
                    engine.run("big", state).await?;
                }
                Self::Resume | Self::Read => drop(engine.resume("big").await?),
            }
            Ok(())
        })
    }

    fn command(&self, path: &Path) -> Outcome<Command> {
        let mut command = Command::new(env::current_exe()?);
        command
            .arg(path)
            .env(CHILD, serde_json::to_string(self)?)
            .stdout(Stdio::piped());
        Ok(command)
    }

    fn kill_when_ready(&self, path: &Path) -> Outcome {
        let mut child = self.command(path)?.spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    fn time(&self, path: &Path) -> Outcome<Duration> {
        let output = self.command(path)?.output()?;
        Ok(Duration::from_nanos(
            String::from_utf8(output.stdout)?.trim().parse()?,
        ))
    }
}

/// What cannot be spared: the log, the input, and every update since, as values.
fn read(path: &Path, started: Instant) -> Outcome {
    let conn = open(path)?;
    let mut query = conn.prepare("SELECT step, updates FROM steps ORDER BY place")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let updates = row.get_ref(1)?.as_str()?;
        if row.get::<_, i64>(0)? == 0 {
            serde_json::from_str::<Big>(updates)?;
        } else {
            serde_json::from_str::<IgnoredAny>(updates)?;
        }
    }
    println!("{}", started.elapsed().as_nanos());
    Ok(())
}

/// The log that the killed process left stays for the next one.
fn open(path: &Path) -> Outcome<Connection> {
    let conn = Connection::open(path)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(conn)
}
