//! Strict replay of a long run, compared with reading and hashing the same rows once.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement};
use sha2::{Digest, Sha256};
use superstep::prelude::*;
use superstep::store::Synchronous;

use crate::effects::{talk, talking};
use crate::timing::in_turns;
use crate::{Bench, Outcome, folder, table};

pub const STEPS: u64 = 10_000;

const AIM: Duration = Duration::from_secs(1);

pub fn measure(bench: &Bench) -> Outcome {
    let folder = folder()?;
    let path = folder.path().join("runs.db");
    let engine = talking("the last answer", quick(&path)?, STEPS)?;
    bench
        .tokio
        .block_on(engine.run("run", talk(STEPS)).into_future())?;
    let conn = Connection::open(&path)?;
    let mut tables = [
        conn.prepare("SELECT * FROM steps ORDER BY place")?,
        conn.prepare("SELECT * FROM effects ORDER BY place")?,
    ];
    let pair = in_turns(
        bench.rounds(11, 5),
        || read_and_hash(&mut tables),
        || {
            let started = Instant::now();
            bench.tokio.block_on(engine.replay("run"))?;
            Ok(started.elapsed())
        },
    )?;
    table::row(
        &format!(
            "strict replay of {STEPS} steps with an effect each; limit: read and hash the rows"
        ),
        &table::time(pair.limit),
        &table::time(pair.ours),
        &format!("{:.2}x", pair.ratio()),
        "under 1 s",
        pair.ours < AIM,
    );
    Ok(())
}

/// A store that fills fast; reading does not depend on it.
pub fn quick(path: &Path) -> Outcome<SqliteStore> {
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    Ok(options.open(path)?)
}

fn read_and_hash(tables: &mut [Statement<'_>]) -> Outcome<Duration> {
    let started = Instant::now();
    let mut hasher = Sha256::new();
    for table in tables {
        let columns = table.column_count();
        let mut rows = table.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Integer(number) => hasher.update(number.to_le_bytes()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => hasher.update(bytes),
                    ValueRef::Real(_) | ValueRef::Null => {}
                }
            }
        }
    }
    std::hint::black_box(hasher.finalize());
    Ok(started.elapsed())
}
