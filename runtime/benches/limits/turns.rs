//! A conversation of thousands of turns: its last ones compared with the first ones of
//! a new conversation, and its file with its text.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::Synchronous;

use crate::timing::{Pair, median};
use crate::{Bench, Outcome, folder, table};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Chat {
    #[reduce(append)]
    messages: Vec<String>,
    #[reduce(sum)]
    seen: u64,
}

#[node]
async fn reply(_state: &Chat) -> ChatUpdate {
    Chat::update().seen(1)
}

#[graph(state = Chat, start -> reply -> end)]
struct Chatting;

const MESSAGE: usize = 300;
const COMPARED: u64 = 100;

pub fn measure(bench: &Bench) -> Outcome {
    let turns = if bench.short { 2_000 } else { 10_000 };
    let mut old = Conversation::begin(bench)?;
    let mut snapshots = Vec::new();
    for _ in 0..turns - COMPARED {
        let (time, snapshot) = old.turn()?;
        snapshots.extend(snapshot.then_some(time));
    }
    let mut young = Conversation::begin(bench)?;
    for _ in 0..10 {
        young.turn()?;
    }
    let mut samples = (Vec::new(), Vec::new());
    for _ in 0..COMPARED {
        let (time, snapshot) = young.turn()?;
        samples.0.extend((!snapshot).then_some(time));
        let (time, snapshot) = old.turn()?;
        samples.1.extend((!snapshot).then_some(time));
    }
    let pair = Pair {
        limit: median(samples.0),
        ours: median(samples.1),
    };
    table::at_most(
        &format!(
            "one of the last 100 of {turns} turns, 300 bytes each, SQLite NORMAL; limit: turns 10 to 110"
        ),
        pair,
        1.2,
    );
    let longest = snapshots.iter().max().copied().unwrap_or_default();
    table::note(
        "of these turns, those that wrote a snapshot",
        "",
        &format!("{} turns", snapshots.len()),
        &format!("the longest {}", table::time(longest)),
    );
    let text = turns * MESSAGE as u64;
    let file = old.close()?;
    table::row(
        "the database of that run; limit: the messages' text",
        &mebibytes(text),
        &mebibytes(file),
        &format!("{:.2}x", file as f64 / text as f64),
        "at most 4x",
        file <= 4 * text,
    );
    Ok(())
}

struct Conversation<'a> {
    bench: &'a Bench,
    engine: Engine<Chatting>,
    /// Tells which turns wrote a snapshot.
    look: Connection,
    snapshot: Option<i64>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl<'a> Conversation<'a> {
    fn begin(bench: &'a Bench) -> Outcome<Self> {
        let folder = folder()?;
        let path = folder.path().join("chat.db");
        let options = SqliteStore::options().synchronous(Synchronous::Normal);
        let engine = Engine::builder(Chatting)
            .store(options.open(&path)?)
            .build()?;
        bench
            .tokio
            .block_on(engine.run("chat", Chat::default()).into_future())?;
        Ok(Self {
            bench,
            engine,
            look: Connection::open(&path)?,
            snapshot: None,
            path,
            _folder: folder,
        })
    }

    /// How long a turn took, and whether it wrote a snapshot.
    fn turn(&mut self) -> Outcome<(Duration, bool)> {
        let message = "m".repeat(MESSAGE);
        let started = Instant::now();
        let turn = self.engine.turn("chat", Chat::update().messages([message]));
        // The run is not kept: holding it would cost the next turn a clone.
        drop(self.bench.tokio.block_on(turn.into_future())?);
        let took = started.elapsed();
        let mut query = self
            .look
            .prepare_cached("SELECT max(step) FROM snapshots")?;
        let snapshot = query.query_row([], |row| row.get(0))?;
        let wrote = snapshot != self.snapshot;
        self.snapshot = snapshot;
        Ok((took, wrote))
    }

    /// The size of the closed file.
    fn close(self) -> Outcome<u64> {
        drop(self.engine);
        self.look
            .pragma_update(None, "wal_checkpoint", "TRUNCATE")?;
        size(&self.path)
    }
}

fn size(path: &Path) -> Outcome<u64> {
    Ok(fs::metadata(path)?.len())
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}
