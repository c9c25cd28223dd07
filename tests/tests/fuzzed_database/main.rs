//! Whatever is in a database, reading it ends in an error that says so, or
//! in what was written: never in a panic, never in an endless wait, and
//! never, while a hash covers it, in another result.
//!
//! Each case damages a copy of one database and calls what reads it. A third
//! of the cases leaves the hashes as they were, a third damages anything, and
//! a third makes the hashes fit the damage, so that what is behind them is read.
//! The second test does the same to the records that a store returns.
//!
//! `SUPERSTEP_CASES` says how many; `SUPERSTEP_SEED=<of the case>` with
//! `SUPERSTEP_CASES=1` repeats one.
#![cfg(feature = "sqlite")]

mod desk;
mod drive;
mod hashes;
mod mutate;
mod rows;
mod shelf;
mod watch;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use superstep::prelude::*;
use superstep::store::Synchronous;
use superstep_tests::{Dice, scale};
use tempfile::TempDir;

use desk::RUNS;
use drive::{Call, Came, Counts, drive, kind, some_run};
use watch::Watch;

/// What is done to the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// One text that a hash covers, and the hash stays.
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

    fn calls(self, dice: &Dice, damaged: usize) -> Vec<Call> {
        let reading = || Call::reading(dice, some_run(dice, damaged));
        let writing = || Call::writing(dice, some_run(dice, damaged));
        let mut calls: Vec<Call> = (0..dice.below(7)).map(|_| reading()).collect();
        calls.push(writing());
        if self != Self::Stale {
            calls.extend([writing(), reading(), reading()]);
        }
        calls
    }
}

/// A store with damage in it.
struct Damaged {
    store: Arc<dyn Store>,
    what: String,
    run: usize,
    /// Removed with the store.
    _folder: Option<TempDir>,
}

/// Goes through the cases. `damaged` makes a store with damage of a class;
/// `None` is no damage.
async fn all_cases<F: Future<Output = Damaged>>(
    name: &str,
    cases: u64,
    damaged: impl Fn(Option<Class>, Dice) -> F,
) {
    let watch = Watch::begin();
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    // The results of the calls where nothing is damaged, each by itself.
    let mut untouched: BTreeMap<Call, Came> = BTreeMap::new();
    let seed = scale("SUPERSTEP_SEED", Dice::from_env().below(1 << 40));
    for seed in seed..seed.saturating_add(scale("SUPERSTEP_CASES", cases)) {
        let dice = Dice::new(seed);
        let class = Class::of(&dice);
        watch.case(&format!(
            "SUPERSTEP_SEED={seed}: {class:?}, before any call"
        ));
        let Damaged {
            store,
            what,
            run,
            _folder,
        } = damaged(Some(class), dice.clone()).await;
        let calls = class.calls(&dice, run);
        let case = format!("SUPERSTEP_SEED={seed}: {class:?}, {what}; {calls:?}");
        watch.case(&case);
        // What panics there is seen by the watch.
        let made = calls.clone();
        let driven = tokio::spawn(async move { drive(&store, &made).await });
        let came = driven.await.unwrap_or_default();
        failures.extend(watch.panics().map(|panic| format!("{case}\n{panic}")));
        counts.cases += 1;
        for (call, came) in calls.iter().zip(&came) {
            if !untouched.contains_key(call) {
                let whole = damaged(None, dice.clone()).await;
                untouched.extend([(*call, drive(&whole.store, &[*call]).await.remove(0))]);
            }
            let before = &untouched[call];
            if let Some(wrong) = wrong(class, came, before) {
                failures.push(format!("{case}\n{call:?}: {wrong}"));
            }
            counts.note(came, before);
        }
    }
    watch.end(&format!("{name}: {counts}"));
    let number = failures.len();
    assert!(
        failures.is_empty(),
        "{number} failures\n{}",
        failures.join("\n\n")
    );
}

/// What is wrong with the result of a call.
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

/// In memory where that is available: nothing here has to survive.
fn folder() -> TempDir {
    let quick = Path::new("/dev/shm");
    let made = if quick.is_dir() {
        tempfile::tempdir_in(quick)
    } else {
        tempfile::tempdir()
    };
    made.unwrap()
}

fn damage(path: &Path, class: Class, dice: &Dice) -> rows::Damage {
    let database = Connection::open(path).unwrap();
    let begin = "PRAGMA synchronous = OFF; BEGIN";
    database.execute_batch(begin).unwrap();
    let damage = match class {
        Class::Stale => rows::alter_hashed(&database, dice),
        _ => rows::alter_any(&database, dice),
    };
    if class == Class::Repaired {
        rows::repair(&database).unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
    damage
}

#[tokio::test]
async fn a_damaged_database_is_an_error_or_what_was_written() {
    let first = folder();
    let template = &desk::database(first.path()).await;
    let damaged = |class: Option<Class>, dice: Dice| async move {
        let folder = folder();
        let path = folder.path().join("runs.db");
        std::fs::write(&path, template).unwrap();
        let done = class.map(|class| damage(&path, class, &dice));
        let (what, run) = done.unwrap_or_default();
        let options = SqliteStore::options().synchronous(Synchronous::Normal);
        let store = Arc::new(options.open(&path).unwrap());
        Damaged {
            store,
            what,
            run,
            _folder: Some(folder),
        }
    };
    all_cases("sqlite", 350, damaged).await;
}

#[tokio::test]
async fn damaged_records_are_an_error_or_what_was_written() {
    let whole = &shelf::filled().await;
    let damaged = |class: Option<Class>, dice: Dice| async move {
        let mut shelf = whole.clone();
        let run = dice.below(RUNS.len() as u64) as usize;
        let what = match class {
            None => String::new(),
            Some(class) => shelf.alter(&dice, run, class == Class::Stale),
        };
        if class == Some(Class::Repaired) {
            shelf.repair();
        }
        Damaged {
            store: Arc::new(shelf),
            what,
            run,
            _folder: None,
        }
    };
    all_cases("records", 1_500, damaged).await;
}

/// Numbers that do not fit are said to be damage, by whatever call meets them first.
#[tokio::test]
async fn odd_numbers_are_an_error_or_what_was_written() {
    let whole = shelf::filled().await;
    let watch = Watch::begin();
    let mut failures = Vec::new();
    for run in 0..RUNS.len() {
        for (what, shelf) in whole.with_odd_numbers(run) {
            watch.case(&what);
            let calls = Call::all(run);
            let store: Arc<dyn Store> = Arc::new(shelf);
            for call in calls {
                let store = Arc::clone(&store);
                let driven = tokio::spawn(async move { drive(&store, &[call]).await });
                let came = driven.await.unwrap_or_default();
                let panics = watch
                    .panics()
                    .map(|panic| format!("{call:?}, {what}\n{panic}"));
                failures.extend(panics);
                let errors = came.iter().filter_map(|came| came.as_ref().err());
                let unnamed = errors.filter(|error| kind(error).is_none());
                failures.extend(unnamed.map(|error| format!("{call:?}, {what}\n{error}")));
            }
        }
    }
    watch.end("odd numbers");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
