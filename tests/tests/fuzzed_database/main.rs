//! Whatever stands in a database, reading it ends in an error that says so, or
//! in what was written: never in a panic, never in a wait without end, and
//! never, while a hash stands for it, in another result.
//!
//! Each case damages a copy of one database and calls what reads it. A third
//! of the cases leaves the hashes as they were, a third damages anything, and
//! a third makes the hashes fit the damage, so that what is behind them is read.
//!
//! `SUPERSTEP_CASES` says how many; `SUPERSTEP_SEED=<of the case>` with
//! `SUPERSTEP_CASES=1` repeats one.
#![cfg(feature = "sqlite")]

mod desk;
mod drive;
mod hashes;
mod mutate;
mod rows;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use superstep::prelude::*;
use superstep::store::Synchronous;
use superstep_tests::{Dice, scale};

use drive::{Call, Came, Counts, drive, kind};

/// What is done to the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// One text that a hash stands for, and the hash stays.
    Stale,
    /// Anything.
    Wild,
    /// Anything, and then the hashes are made to fit.
    Repaired,
}

impl Class {
    fn of(dice: &Dice) -> Self {
        [Self::Stale, Self::Wild, Self::Repaired][dice.below(3) as usize]
    }

    fn calls(self, dice: &Dice) -> Vec<Call> {
        let mut calls: Vec<Call> = (0..dice.below(7)).map(|_| Call::reading(dice)).collect();
        calls.push(Call::writing(dice));
        if self != Self::Stale {
            calls.push(Call::writing(dice));
            calls.extend((0..2).map(|_| Call::reading(dice)));
        }
        calls
    }
}

/// What calls come to in the database as it was written, each in a fresh copy.
struct Untouched<'a> {
    template: &'a [u8],
    known: BTreeMap<Call, Came>,
}

impl Untouched<'_> {
    async fn of(&mut self, call: Call) -> &Came {
        if !self.known.contains_key(&call) {
            let folder = self::folder();
            let path = folder.path().join("runs.db");
            std::fs::write(&path, self.template).unwrap();
            let came = drive(&open(&path).unwrap(), &[call]).await.remove(0);
            self.known.insert(call, came);
        }
        &self.known[&call]
    }
}

/// In memory where that is to be had: nothing here has to survive.
fn folder() -> tempfile::TempDir {
    let quick = Path::new("/dev/shm");
    let made = if quick.is_dir() {
        tempfile::tempdir_in(quick)
    } else {
        tempfile::tempdir()
    };
    made.unwrap()
}

fn open(path: &Path) -> Result<Arc<dyn Store>, superstep::store::StoreError> {
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    Ok(Arc::new(options.open(path)?))
}

#[tokio::test]
async fn a_damaged_database_is_an_error_or_what_was_written() {
    let watch = watch::Watch::begin();
    let folder = self::folder();
    let path = folder.path().join("runs.db");
    desk::database(&path).await;
    let template = std::fs::read(&path).unwrap();
    let mut untouched = Untouched {
        template: &template,
        known: BTreeMap::new(),
    };
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    let seed = scale("SUPERSTEP_SEED", Dice::from_env().below(1 << 40));
    for seed in seed..seed.saturating_add(scale("SUPERSTEP_CASES", 300)) {
        let dice = Dice::new(seed);
        let class = Class::of(&dice);
        let folder = self::folder();
        let path = folder.path().join("runs.db");
        std::fs::write(&path, &template).unwrap();
        let database = Connection::open(&path).unwrap();
        database
            .execute_batch("PRAGMA synchronous = OFF; BEGIN")
            .unwrap();
        let damage = match class {
            Class::Stale => rows::alter_hashed(&database, &dice),
            _ => rows::alter_any(&database, &dice),
        };
        if class == Class::Repaired {
            rows::repair(&database).unwrap();
        }
        database.execute_batch("COMMIT").unwrap();
        drop(database);

        let calls = class.calls(&dice);
        let case = format!("SUPERSTEP_SEED={seed}: {class:?}, {damage}; {calls:?}");
        watch.case(&case);
        let came = drive(&open(&path).unwrap(), &calls).await;
        failures.extend(watch.panics().map(|panic| format!("{case}\n{panic}")));
        counts.cases += 1;
        for (call, came) in calls.iter().zip(&came) {
            let before = untouched.of(*call).await;
            if let Some(wrong) = wrong(class, came, before) {
                failures.push(format!("{case}\n{call:?}: {wrong}"));
            }
            counts.note(came, Some(before));
        }
    }
    watch.end(&format!("sqlite: {counts}"));
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// What is wrong with what a call came to.
fn wrong(class: Class, came: &Came, before: &Came) -> Option<String> {
    if let Err(error) = came
        && kind(error).is_none()
    {
        return Some(error.to_string());
    }
    let text = |came: &Came| came.clone().map_err(|error| error.to_string());
    let is_named = matches!(came, Err(Error::Corrupt { .. }));
    if class != Class::Stale || is_named || text(came) == text(before) {
        return None;
    }
    Some(format!("it was {before:?}\nand is {came:?}"))
}
