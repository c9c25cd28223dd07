//! A disk that fails under the store at any write, sync, truncation or deletion
//! gives an error, never a false success; what is stored then is the old
//! step or the new one, never a mix, and the run continues from there and ends as
//! if nothing had happened.
//!
//! `SUPERSTEP_SEED` sets the delays.
#![cfg(all(unix, feature = "sqlite"))]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use superstep::prelude::*;
use superstep::store::StoreError;
use superstep_tests::survey::{Survey, Surveyor, World};
use superstep_tests::{Dice, Hooked, Journal, Moment, Trace, trace, well};
use superstep_vfs::{Disk, Trouble};
use tempfile::TempDir;

const RUN: &str = "survey";

fn input() -> Survey {
    Survey::of(1, 2)
}

/// A new database on a disk that can fail, and the trace to end in.
struct Scene {
    folder: TempDir,
    disk: Disk,
    world: World,
    /// How many commits the engine was told are done.
    acknowledged: Arc<AtomicUsize>,
}

/// An engine, and the store that it opened.
struct Open {
    engine: Engine<Surveyor>,
    store: Arc<dyn Store>,
}

impl Open {
    /// Returns when the file is closed.
    async fn close(self) {
        drop(self.engine);
        // Its aborted tasks hold the store for another moment.
        while Arc::strong_count(&self.store) > 1 {
            tokio::task::yield_now().await;
        }
    }
}

impl Scene {
    fn new(dice: &Dice) -> Self {
        superstep_vfs::install();
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::under(&folder.path().join("runs.db")).unwrap();
        let world = World {
            dice: dice.clone(),
            journal: Journal::new(),
            calls: Journal::new(),
        };
        Self {
            folder,
            disk,
            world,
            acknowledged: Arc::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("runs.db")
    }

    fn open(&self) -> Result<Open, StoreError> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(self.path())?);
        let acknowledged = Arc::clone(&self.acknowledged);
        let hooked = Hooked::new(Arc::clone(&store), move |moment, call| {
            if (moment, call) == (Moment::After, "commit") {
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            well()
        });
        let world = self.world.clone();
        let engine = Engine::builder(Surveyor { world }).store(hooked).build();
        let engine = engine.expect("the settings make sense");
        Ok(Open { engine, store })
    }

    /// Opens the store and drives the run; every failure has to be reported. But if
    /// the writes of several callers failed together, each is tried again alone,
    /// and that may repair a failure that `passes`.
    async fn attempt(&self, passes: bool) -> Option<Open> {
        let Ok(open) = self.open() else {
            assert!(self.disk.failed() > 0, "a healthy disk was refused");
            return None;
        };
        assert_eq!(self.disk.failed(), 0, "the store opened all the same");
        let result = open.engine.run(RUN, input()).await;
        match result {
            Ok(run) => {
                assert!(
                    self.disk.failed() <= u64::from(passes),
                    "a failure was taken for a success"
                );
                assert_eq!(run.status(), Status::Completed);
            }
            Err(error) => {
                assert!(self.disk.failed() > 0, "a healthy disk: {error}");
                assert!(matches!(error, Error::Store { .. }), "{error}");
            }
        }
        Some(open)
    }

    /// How many steps are on the disk: those that were acknowledged, and perhaps the
    /// one that was being written.
    async fn check_what_stands(&self, engine: &Engine<Surveyor>, expected: &Trace) -> usize {
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let steps = match trace(engine, RUN).await {
            Ok(stands) => {
                let steps = stands.history.len();
                assert_eq!(stands.history, expected.history[..steps]);
                steps
            }
            Err(Error::RunNotFound { .. }) => 0,
            Err(error) => panic!("what stands is no run: {error}"),
        };
        assert!(
            [acknowledged, acknowledged + 1].contains(&steps),
            "{steps} steps stand, {acknowledged} were acknowledged"
        );
        assert_eq!(self.oddities(), ["ok"]);
        steps
    }

    async fn finish(&self, engine: &Engine<Surveyor>, expected: &Trace) {
        let run = match engine.get(RUN).await {
            Ok(_) => engine.resume(RUN).await,
            Err(_) => engine.run(RUN, input()).await,
        };
        assert_eq!(run.unwrap().status(), Status::Completed);
        assert_eq!(trace(engine, RUN).await.unwrap(), *expected);
        assert_eq!(self.oddities(), ["ok"]);
    }

    /// What SQLite finds wrong with the file.
    fn oddities(&self) -> Vec<String> {
        let conn = rusqlite::Connection::open(self.path()).unwrap();
        let mut query = conn.prepare("PRAGMA integrity_check").unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

async fn undisturbed() -> Trace {
    let engine = Engine::builder(Surveyor::new()).build().unwrap();
    engine.run(RUN, input()).await.unwrap();
    trace(&engine, RUN).await.unwrap()
}

/// From the creation of the file to its closing, in turn.
async fn every_change_fails(last: impl Fn(u64) -> u64, trouble: Trouble) {
    let (expected, dice) = (undisturbed().await, Dice::from_env());
    let (mut change, mut stood) = (1, Vec::new());
    loop {
        let scene = Scene::new(&dice);
        scene.disk.fail(change..=last(change), trouble);
        if let Some(open) = scene.attempt(last(change) == change).await {
            // On the disk that fails.
            open.close().await;
        }
        if scene.disk.failed() == 0 {
            break;
        }
        scene.disk.heal();
        let open = scene.open().expect("the disk works again");
        stood.push(scene.check_what_stands(&open.engine, &expected).await);
        scene.finish(&open.engine, &expected).await;
        change += 1;
    }
    eprintln!("{} changes failed in turn, {trouble:?}", stood.len());
    let steps = 0..=expected.history.len();
    assert!(
        steps.into_iter().all(|steps| stood.contains(&steps)),
        "a step was never hit: {stood:?}"
    );
}

#[tokio::test]
async fn every_change_fails_once() {
    every_change_fails(|change| change, Trouble::Io).await;
}

#[tokio::test]
async fn every_change_finds_the_disk_full() {
    every_change_fails(|change| change, Trouble::Full).await;
}

#[tokio::test]
async fn the_disk_dies_at_every_change() {
    every_change_fails(|_| u64::MAX, Trouble::Io).await;
}

#[tokio::test]
async fn the_disk_stays_full_from_every_change_on() {
    every_change_fails(|_| u64::MAX, Trouble::Full).await;
}

/// After a failure that passes there is no need to open the store again.
#[tokio::test]
async fn the_same_store_goes_on() {
    let (expected, dice) = (undisturbed().await, Dice::from_env());
    for trouble in [Trouble::Io, Trouble::Full] {
        let mut gone_on = 0;
        for change in 1.. {
            let scene = Scene::new(&dice);
            scene.disk.fail(change..=change, trouble);
            let Some(open) = scene.attempt(true).await else {
                continue;
            };
            if scene.disk.failed() == 0 {
                break;
            }
            gone_on += 1;
            scene.finish(&open.engine, &expected).await;
            open.close().await;
            let open = scene.open().unwrap();
            assert_eq!(trace(&open.engine, RUN).await.unwrap(), expected);
        }
        assert!(gone_on > expected.history.len(), "only {gone_on} went on");
    }
}
