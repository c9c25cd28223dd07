//! Steps that make one effect each on SQLite, alone and many runs at once,
//! compared with bare `rusqlite` writing the same rows: an effect is one more
//! transaction, and like all others it is shared.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::Synchronous;
use tokio::task::JoinSet;

use crate::bare::Rows;
use crate::timing::in_turns;
use crate::transactions::transactions;
use crate::{Bench, Outcome, folder, table};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Talk {
    pub left: u64,
    pub heard: String,
}

/// What is outside: an answer of a hundred bytes that is there at once.
pub struct Outside {
    pub last: &'static str,
}

impl Outside {
    fn answer(&self, left: u64) -> String {
        match left {
            1 => self.last.to_owned(),
            _ => format!("{left:0>100}"),
        }
    }
}

#[node]
async fn ask(state: &Talk, outside: &Outside, cx: &Cx) -> Result<(TalkUpdate, bool), NodeError> {
    let heard = cx
        .effect("ask", &state.left)
        .run(|| async { superstep::ok(outside.answer(state.left)) })
        .await?;
    let left = state.left - 1;
    Ok((Talk::update().left(left).heard(heard), left > 0))
}

/// Repeats until nothing is left.
#[graph(state = Talk, start -> ask, ask -> match { true => ask, false => end })]
pub struct Talking {
    pub outside: Outside,
}

/// An engine whose runs may have `steps` steps.
pub fn talking(
    last: &'static str,
    store: SqliteStore,
    steps: u64,
) -> Result<Engine<Talking>, Error> {
    let outside = Outside { last };
    Engine::builder(Talking { outside })
        .store(store)
        .max_steps(steps)
        .build()
}

/// The input of a run of `steps` steps.
pub fn talk(steps: u64) -> Talk {
    Talk {
        left: steps,
        heard: String::new(),
    }
}

/// Runs at once, and the steps of each.
#[derive(Clone, Copy)]
struct Load {
    runs: usize,
    steps: u64,
}

const ALONE: Load = Load {
    runs: 1,
    steps: 200,
};

const CROWD: Load = Load {
    runs: 64,
    steps: 50,
};

impl Load {
    /// Of one run: the input, and each step with its effect.
    const fn writes(self) -> usize {
        1 + 2 * self.steps as usize
    }
}

pub fn measure(bench: &Bench) -> Outcome {
    for (synchronous, word) in [(Synchronous::Normal, "NORMAL"), (Synchronous::Full, "FULL")] {
        let what = format!(
            "{} steps with an effect each, SQLite {word}; limit: bare `rusqlite`, same rows",
            ALONE.steps
        );
        let rows = rows_of(bench, ALONE)?;
        let pair = in_turns(
            bench.rounds(21, 7),
            || rows.write(&folder()?.path().join("bare.db"), synchronous, 1),
            || drive(bench, &folder()?.path().join("runs.db"), synchronous, ALONE),
        )?;
        table::at_most(&what, pair, 1.25);
    }
    crowd(bench)?;
    count_alone(bench)?;
    count_crowd(bench)
}

/// What concurrent runs write side by side, compared with as many writes to a
/// transaction as there are runs.
fn crowd(bench: &Bench) -> Outcome {
    let full = Synchronous::Full;
    let rows = rows_of(bench, CROWD)?;
    let pair = in_turns(
        bench.rounds(15, 5),
        || rows.write(&folder()?.path().join("bare.db"), full, CROWD.runs),
        || drive(bench, &folder()?.path().join("runs.db"), full, CROWD),
    )?;
    let rate = |time: Duration| {
        format!(
            "{:.0} effects/s",
            rows.effects() as f64 / time.as_secs_f64()
        )
    };
    table::row(
        &format!(
            "{} runs of {} such steps at once, SQLite FULL; limit: bare `rusqlite`, {0} writes a transaction",
            CROWD.runs, CROWD.steps
        ),
        &rate(pair.limit),
        &rate(pair.ours),
        &format!("{:.2}x", 1.0 / pair.ratio()),
        "at least 0.5x",
        pair.ratio() <= 2.0,
    );
    Ok(())
}

fn count_alone(bench: &Bench) -> Outcome {
    let (limit, counted) = (ALONE.writes(), counted(bench, ALONE)?);
    table::row(
        &format!(
            "transactions of {} such steps; limit: one for the input, each effect and each step",
            ALONE.steps
        ),
        &limit.to_string(),
        &counted.to_string(),
        "",
        &format!("at most {limit}"),
        counted <= limit,
    );
    Ok(())
}

fn count_crowd(bench: &Bench) -> Outcome {
    let (limit, counted) = (CROWD.writes(), counted(bench, CROWD)?);
    let writes = (CROWD.runs * limit) as f64 / counted as f64;
    table::row(
        &format!(
            "transactions of {} runs of {} such steps at once; limit: those of one run",
            CROWD.runs, CROWD.steps
        ),
        &limit.to_string(),
        &counted.to_string(),
        &format!("{writes:.0} writes in one"),
        "at least 16 in one",
        writes >= 16.0,
    );
    Ok(())
}

fn rows_of(bench: &Bench, load: Load) -> Outcome<Rows> {
    let folder = folder()?;
    let path = folder.path().join("runs.db");
    drive(bench, &path, Synchronous::Normal, load)?;
    Rows::read(&path)
}

fn drive(bench: &Bench, path: &Path, synchronous: Synchronous, load: Load) -> Outcome<Duration> {
    let engine = open(bench, path, synchronous, load)?;
    let started = Instant::now();
    run_all(bench, &engine, load)?;
    Ok(started.elapsed())
}

/// How many transactions the runs of `load` take.
fn counted(bench: &Bench, load: Load) -> Outcome<usize> {
    let folder = folder()?;
    let path = folder.path().join("runs.db");
    let engine = open(bench, &path, Synchronous::Full, load)?;
    // As long as somebody reads, the log is not restarted.
    let reader = Connection::open(&path)?;
    reader.execute_batch("BEGIN; SELECT count(*) FROM runs")?;
    let before = transactions(&path)?;
    run_all(bench, &engine, load)?;
    Ok(transactions(&path)? - before)
}

/// With a first run done: the first transaction of a file creates its log.
fn open(
    bench: &Bench,
    path: &Path,
    synchronous: Synchronous,
    load: Load,
) -> Outcome<Engine<Talking>> {
    let store = SqliteStore::options().synchronous(synchronous).open(path)?;
    let engine = talking("the last answer", store, load.steps)?;
    bench
        .tokio
        .block_on(engine.run("warm-up", talk(1)).into_future())?;
    Ok(engine)
}

fn run_all(bench: &Bench, engine: &Engine<Talking>, load: Load) -> Outcome {
    bench.tokio.block_on(async {
        let mut runs = JoinSet::new();
        for number in 0..load.runs {
            let run = engine.run(format!("run-{number}"), talk(load.steps));
            runs.spawn(run.into_future());
        }
        while let Some(run) = runs.join_next().await {
            run??;
        }
        Ok(())
    })
}
