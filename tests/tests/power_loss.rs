//! A power loss at any point, whatever the disk had not synced by then, leaves a
//! database that opens, with runs that stand after a step and never between two.
//! With `FULL` no acknowledged commit is lost; with `NORMAL` the newest may be.
//!
//! Real runs are recorded once, with every write and sync below SQLite; then the
//! recording is cut and what would be on the disk is opened. `SUPERSTEP_CUTS`
//! sets how often (200 unless given), `SUPERSTEP_SEED` where, and what is lost.
#![cfg(all(unix, feature = "sqlite"))]

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use superstep::prelude::*;
use superstep::store::Synchronous;
use superstep_tests::survey::{Survey, Surveyor, World};
use superstep_tests::{Dice, Hooked, Journal, Moment, Trace, scale, trace, well};
use superstep_vfs::{Disk, Log, Loss, Trouble};
use tokio::task::JoinSet;

/// How many runs a session drives, and how many of them at once.
type Session = (usize, usize);

/// The second has more transactions than the store puts off a checkpoint for.
const SESSIONS: [Session; 3] = [(6, 6), (30, 1), (6, 3)];

fn input() -> Survey {
    Survey::of(2, 2)
}

fn id(number: usize) -> String {
    format!("run-{number}")
}

/// A commit, and how long the log was before it and when it was acknowledged.
#[derive(Clone, Debug)]
struct Commit {
    run: String,
    step: u64,
    begun: usize,
    done: usize,
}

struct Recording {
    log: Log,
    commits: Vec<Commit>,
    /// The names of the files in `runs.db-owners`.
    owners: Vec<String>,
    /// How every run ends if nothing disturbs it.
    expected: BTreeMap<String, Trace>,
}

/// Drives runs on a disk of which `prepare` may make something worse. A failure
/// of it passes, and then everything is tried once more.
async fn record(
    synchronous: Synchronous,
    sessions: &[Session],
    prepare: impl FnOnce(&Disk),
    world: &World,
) -> Recording {
    superstep_vfs::install();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let disk = Arc::new(Disk::under(&path).unwrap());
    prepare(&disk);
    let commits = Arc::new(Mutex::new(Vec::new()));
    let mut owners = Vec::new();
    let mut log = Log::default();
    let mut ids = (0..).map(id);
    for (runs, at_once) in sessions.iter().copied() {
        let open = || SqliteStore::options().synchronous(synchronous).open(&path);
        let store = match open() {
            Err(_) if disk.failed() > 0 => open(),
            opened => opened,
        };
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        owners.extend(names(&folder.path().join("runs.db-owners")));
        let mut driven = JoinSet::new();
        for id in ids.by_ref().take(runs) {
            if driven.len() == at_once {
                driven.join_next().await.unwrap().unwrap();
            }
            let store = noting(&store, &disk, &commits, &id);
            let engine = engine(Arc::new(store), world);
            let disk = Arc::clone(&disk);
            driven.spawn(async move {
                let result = match engine.run(&id, input()).await {
                    // To run again what is there would try its first commit again.
                    Err(_) if disk.failed() > 0 => match engine.get(&id).await {
                        Ok(_) => engine.resume(&id).await,
                        Err(_) => engine.run(&id, input()).await,
                    },
                    result => result,
                };
                assert_eq!(result.unwrap().status(), Status::Completed);
            });
        }
        driven.join_all().await;
        // Aborted tasks of the engines still hold it for a moment; and it must be
        // closed before the next session opens it.
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
        // With the last store open: nobody has tidied up.
        log = disk.log();
    }
    // Nothing has passed the shim by.
    let all = disk.log();
    let closed = all.image(all.len(), Loss::Nothing, |_| 0);
    for (name, bytes) in closed.files() {
        let file = std::fs::read(folder.path().join(name)).unwrap();
        assert!(file == bytes, "changes of {name} were missed");
    }
    let commits = commits.lock().unwrap().clone();
    let ids = commits.iter().map(|commit: &Commit| commit.run.clone());
    Recording {
        log,
        expected: undisturbed(ids.collect(), world).await,
        commits,
        owners,
    }
}

/// `store`, but every commit of the run `id` is noted when it is acknowledged.
fn noting(
    store: &Arc<dyn Store>,
    disk: &Arc<Disk>,
    commits: &Arc<Mutex<Vec<Commit>>>,
    id: &str,
) -> Hooked {
    let (disk, commits, id) = (Arc::clone(disk), Arc::clone(commits), id.to_owned());
    let next = Mutex::new((0, 0));
    Hooked::new(Arc::clone(store), move |moment, call| {
        if call == "commit" {
            let mut next = next.lock().unwrap();
            let (step, begun) = *next;
            let now = disk.position();
            *next = match moment {
                Moment::Before => (step, now),
                Moment::After => {
                    commits.lock().unwrap().push(Commit {
                        run: id.clone(),
                        step,
                        begun,
                        done: now,
                    });
                    (step + 1, now)
                }
            };
        }
        well()
    })
}

fn engine(store: Arc<dyn Store>, world: &World) -> Engine<Surveyor> {
    let world = world.clone();
    Engine::builder(Surveyor { world })
        .shared_store(store)
        .snapshot_every(3)
        .build()
        .expect("the settings make sense")
}

async fn undisturbed(mut ids: Vec<String>, world: &World) -> BTreeMap<String, Trace> {
    ids.sort();
    ids.dedup();
    let engine = engine(Arc::new(MemoryStore::new()), world);
    let mut expected = BTreeMap::new();
    for id in ids {
        engine.run(&id, input()).await.unwrap();
        let trace = trace(&engine, &id).await.unwrap();
        expected.insert(id, trace);
    }
    expected
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// What power losses came to.
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
    /// Whether the second session has checkpoints beside its commits.
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

    /// No run is a mix: each is what the undisturbed one was at some step. Gives
    /// that step for each run that is there.
    async fn check_runs(
        &self,
        store: &Arc<dyn Store>,
        engine: &Engine<Surveyor>,
        what: &str,
    ) -> BTreeMap<String, u64> {
        let mut stands = BTreeMap::new();
        for head in store.runs().await.unwrap() {
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
        assert_eq!(store.stuck().await.unwrap(), [""; 0], "{what}");
        stands
    }

    /// Every run that is not at its end goes on to it. Gives how many there were.
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

/// A change that fails, a sync above all, is not made good by the next sync.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_loses_none_after_a_failure_either() {
    let (cuts, dice, world) = tools();
    let sessions = [(2, 1), (2, 2)];
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
        "FULL, one of {changes} changes fails: {} power losses, {lost} acknowledged commits lost; \
         no mix; {resumed} runs resumed to the same end",
        recordings * each
    );
    assert_eq!(lost, 0, "acknowledged commits are lost");
}
