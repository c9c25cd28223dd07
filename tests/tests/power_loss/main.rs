//! A power loss at any point, whatever the disk had not synced by then, leaves a
//! database that opens, with runs that stand after a step and never between two.
//! With `FULL` no acknowledged commit is lost; with `NORMAL` the newest may be.
//!
//! Real runs are recorded once, with every write and sync below SQLite; then the
//! recording is cut and what would be on the disk is opened. `SUPERSTEP_CUTS`
//! sets how often (200 by default), `SUPERSTEP_SEED` where, and what is lost.
#![cfg(all(unix, feature = "sqlite"))]

mod recording;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use superstep::prelude::*;
use superstep::store::{StoreExt, Synchronous};
use superstep_tests::survey::{Surveyor, World};
use superstep_tests::{Dice, Journal, scale, trace};
use superstep_vfs::{Disk, Loss, Trouble};

use recording::{Commit, Recording, Session, engine, id, record};

/// The second has more transactions than the store waits for before a checkpoint.
const SESSIONS: [Session; 3] = [(6, 6), (30, 1), (6, 3)];

/// What the power losses did.
#[derive(Debug, Default)]
struct Account {
    cuts: u64,
    /// Commits that were acknowledged before, and those of them that are lost.
    acknowledged: usize,
    lost: usize,
    most_lost: usize,
    cuts_with_loss: u64,
    resumed: usize,
}

impl Account {
    fn add(&mut self, acknowledged: usize, lost: usize) {
        self.cuts += 1;
        self.acknowledged += acknowledged;
        self.lost += lost;
        self.most_lost = self.most_lost.max(lost);
        self.cuts_with_loss += u64::from(lost > 0);
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cuts,
            acknowledged,
            lost,
            most_lost,
            cuts_with_loss,
            resumed,
        } = self;
        write!(
            f,
            "{cuts} power losses, {lost} of {acknowledged} acknowledged commits lost, \
             in {cuts_with_loss} power losses, at most {most_lost} in one; no mix; \
             {resumed} runs resumed to the same end"
        )
    }
}

impl Recording {
    /// Whether the second session has checkpoints in addition to its commits.
    fn has_checkpoints(&self) -> bool {
        let (before, runs) = (SESSIONS[0].0, SESSIONS[1].0);
        let of = |number| {
            self.commits
                .iter()
                .filter(move |commit| commit.run == id(number))
        };
        let (first, last) = (of(before).next(), of(before + runs - 1).next_back());
        let database = |commit: &Commit| {
            let image = self.log.image(commit.done, Loss::Everything, |_| 0);
            let mut files = image.files();
            files.find_map(|(name, bytes)| (name == "runs.db").then(|| bytes.to_vec()))
        };
        first.map(database) != last.map(database)
    }

    /// Cuts the recording, each time at another point and with another loss.
    async fn cut(&self, cuts: u64, dice: &Dice, world: &World) -> Account {
        let mut account = Account::default();
        for cut in 0..cuts {
            let at = dice.below(self.log.len() as u64 + 1) as usize;
            let loss = match dice.below(8) {
                0 => Loss::Nothing,
                1 => Loss::Everything,
                2..=4 => Loss::Tails,
                _ => Loss::Sectors,
            };
            let what = format!("cut {cut}, behind change {at}, losing {loss:?}");
            let image = self.log.image(at, loss, |end| dice.below(end));
            let folder = tempfile::tempdir().unwrap();
            image.write_to(folder.path()).unwrap();
            self.leave_owners(folder.path());

            let path = folder.path().join("runs.db");
            let store = SqliteStore::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
            let store: Arc<dyn Store> = Arc::new(store);
            let engine = engine(Arc::clone(&store), world);
            let stands = self.check_runs(&store, &engine, &what).await;
            assert_eq!(oddities(&path), ["ok"], "{what}");
            let (acknowledged, lost) = self.check_commits(at, &stands, &what);
            account.add(acknowledged, lost);
            if cut % 4 == 0 {
                account.resumed += self.resume(&engine, &stands).await;
            }
        }
        account
    }

    /// The lock files of those who had the database open; nobody holds them.
    fn leave_owners(&self, folder: &Path) {
        let folder = folder.join("runs.db-owners");
        std::fs::create_dir(&folder).unwrap();
        for name in &self.owners {
            std::fs::write(folder.join(name), "").unwrap();
        }
    }

    /// No run is a mix: each is what the undisturbed one was at some step. Returns
    /// that step for each run that is there.
    async fn check_runs(
        &self,
        store: &Arc<dyn Store>,
        engine: &Engine<Surveyor>,
        what: &str,
    ) -> BTreeMap<String, u64> {
        let mut stands = BTreeMap::new();
        for head in store.all_runs().await.unwrap() {
            let stored = trace(engine, &head.run)
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let expected = &self.expected[&head.run].history;
            assert_eq!(stored.history.len() as u64, head.step + 1, "{what}");
            assert_eq!(
                stored.history,
                expected[..stored.history.len()],
                "{what}: {} is a mix",
                head.run
            );
            stands.insert(head.run, head.step);
        }
        assert_eq!(store.all_stuck().await.unwrap(), [""; 0], "{what}");
        stands
    }

    /// Every run that has not ended continues to its end. Returns how many there were.
    async fn resume(&self, engine: &Engine<Surveyor>, stands: &BTreeMap<String, u64>) -> usize {
        let mut resumed = 0;
        for (id, step) in stands {
            let expected = &self.expected[id];
            if *step as usize + 1 < expected.history.len() {
                engine.resume(id).await.unwrap();
                assert_eq!(trace(engine, id).await.unwrap(), *expected);
                resumed += 1;
            }
        }
        resumed
    }

    /// How many commits were acknowledged before the cut, and how many of these
    /// are lost; what is lost is the newest.
    fn check_commits(
        &self,
        at: usize,
        stands: &BTreeMap<String, u64>,
        what: &str,
    ) -> (usize, usize) {
        let is_there = |commit: &&Commit| stands.get(&commit.run) >= Some(&commit.step);
        let acknowledged = || self.commits.iter().filter(|commit| commit.done <= at);
        let lost = || acknowledged().filter(|commit| !is_there(commit));
        if let Some(first) = lost().map(|commit| commit.done).min() {
            let newer = self.commits.iter().filter(|commit| commit.begun >= first);
            let newer: Vec<_> = newer.filter(is_there).collect();
            assert!(newer.is_empty(), "{what}: lost before {newer:?}");
        }
        (acknowledged().count(), lost().count())
    }
}

/// What SQLite finds wrong with the file.
fn oddities(path: &Path) -> Vec<String> {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut query = conn.prepare("PRAGMA integrity_check").unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn tools() -> (u64, Dice, World) {
    let (cuts, dice) = (scale("SUPERSTEP_CUTS", 200), Dice::from_env());
    let world = World {
        dice: dice.clone(),
        journal: Journal::new(),
        calls: Journal::new(),
    };
    (cuts, dice, world)
}

async fn lose_power(synchronous: Synchronous) -> Account {
    let (cuts, dice, world) = tools();
    let recording = record(synchronous, &SESSIONS, |_| {}, &world).await;
    assert!(recording.has_checkpoints(), "too little was recorded");
    let account = recording.cut(cuts, &dice, &world).await;
    let (commits, changes) = (recording.commits.len(), recording.log.len());
    eprintln!("{synchronous:?}, {commits} commits in {changes} changes: {account}");
    assert!(account.resumed > 0, "nothing was resumed");
    account
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_loses_no_acknowledged_commit() {
    let account = lose_power(Synchronous::Full).await;
    assert_eq!(account.lost, 0, "acknowledged commits are lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn normal_loses_the_newest_commits_and_never_a_part_of_one() {
    let account = lose_power(Synchronous::Normal).await;
    assert!(account.lost > 0, "the power losses have cost nothing");
}

/// What a failed sync should have saved is not made good by the next sync: the
/// store that met the failure writes it again. One that is opened after it takes
/// what it can read for saved; that is not promised, and so not tried here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_loses_none_after_a_failure_either() {
    let (cuts, dice, world) = tools();
    let sessions = [(4, 2)];
    let record = |fault: u64| {
        let prepare = move |disk: &Disk| disk.fail(fault..=fault, Trouble::Io);
        record(Synchronous::Full, &sessions, prepare, &world)
    };
    let changes = record(u64::MAX).await.log.len() as u64;
    let (recordings, each) = (cuts.div_ceil(20), 20);
    let (mut lost, mut resumed) = (0, 0);
    for _ in 0..recordings {
        let recording = record(1 + dice.below(changes)).await;
        let account = recording.cut(each, &dice, &world).await;
        lost += account.lost;
        resumed += account.resumed;
    }
    eprintln!(
        "Full, one of {changes} changes fails: {} power losses, {lost} acknowledged commits lost; \
         no mix; {resumed} runs resumed to the same end",
        recordings * each
    );
    assert_eq!(lost, 0, "acknowledged commits are lost");
}
