//! Several processes on one database: real ones, killed and stopped for real.
//!
//! A child is this test binary again, running `the_child` with its orders in
//! the environment.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(all(feature = "sqlite", unix))]

mod store_support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use superstep::store::{
    Access, Claim, Commit, Committed, SqliteStore, Status, Store, StoreError, Synchronous,
};
use tempfile::tempdir;

use store_support::{LONG, fullest, next, now, run_to, take, with};

struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(orders: &str, database: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_child", "--nocapture"])
            .env("STORE_CHILD", orders)
            .env("STORE_CHILD_DATABASE", database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing the child says; what the test harness prints is skipped.
    fn hears(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once('>')?.1.to_owned()))
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: impl std::fmt::Display) {
    let mut out = std::io::stdout();
    writeln!(out, ">{what}").unwrap();
    out.flush().unwrap();
}

/// Not a test: what a child process does.
#[tokio::test]
async fn the_child() {
    let Ok(orders) = std::env::var("STORE_CHILD") else {
        return;
    };
    let path = std::env::var("STORE_CHILD_DATABASE").unwrap();
    match orders.as_str() {
        "hold" => hold(&SqliteStore::open(path).unwrap()).await,
        "stop" => stop(&SqliteStore::open(path).unwrap()).await,
        "full" => commit_on(&SqliteStore::open(path).unwrap()).await,
        "normal" => {
            let options = SqliteStore::options().synchronous(Synchronous::Normal);
            commit_on(&options.open(path).unwrap()).await;
        }
        owner => race(&SqliteStore::open(path).unwrap(), owner).await,
    }
}

async fn hold(store: &SqliteStore) {
    for run in ["one", "two"] {
        run_to(store, run, 3).await;
    }
    say("held");
    tokio::time::sleep(LONG).await;
}

/// Takes a short lease, waits to be told to continue, and tries to commit.
async fn stop(store: &SqliteStore) {
    let access = Access::Take(Claim::new("child", Duration::from_millis(100)));
    let commit = with!(store_support::first("run", take("")), access = access);
    let epoch = now(store, commit).await.epoch;
    say("held");
    while !Path::new(&format!("{}.go", store.path().display())).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let answer = store.commit(next("run", 1, Access::Held { epoch })).await;
    say(match answer {
        Err(StoreError::LeaseLost { epoch: 1, .. }) => "lost".to_owned(),
        other => format!("{other:?}"),
    });
}

/// Commits steps until it is killed, and says each number when it is acknowledged.
async fn commit_on(store: &SqliteStore) {
    let mut commit = with!(
        store_support::first("run", take("")),
        access = take(&std::process::id().to_string())
    );
    if let Some(head) = store.head("run").await.unwrap() {
        let step = head.step + 1;
        commit = full(step, take(&std::process::id().to_string()));
    }
    loop {
        let step = commit.record.step;
        let epoch = now(store, commit).await.epoch;
        say(step);
        commit = full(step + 1, Access::Held { epoch });
    }
}

fn full(step: u64, access: Access) -> Commit {
    with!(
        fullest("run", step, access),
        release = false,
        status = Status::Running
    )
}

const GOAL: u64 = 300;

/// Advances the run in turns with another process, and says what it committed.
async fn race(store: &SqliteStore, owner: &str) {
    say("ready");
    loop {
        let term = Duration::from_millis(40);
        let lease = match store.acquire("run", Claim::new(owner, term)).await {
            Ok(lease) => lease,
            Err(StoreError::LeaseHeld { .. }) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let head = store.head("run").await.unwrap().unwrap();
        for step in head.step + 1..=(head.step + 7).min(GOAL) {
            // One of them is now and then so slow that it loses its lease.
            if step % 41 == 0 && owner == "carla" {
                tokio::time::sleep(term * 2).await;
            }
            let access = Access::Held { epoch: lease.epoch };
            match store.commit(next("run", step, access)).await {
                Ok(Committed::Now(_)) => say(step),
                Ok(Committed::Already(_) | Committed::TokenSpent)
                | Err(StoreError::LeaseLost { .. }) => break,
                Err(error) => panic!("{error}"),
            }
        }
        if store.head("run").await.unwrap().unwrap().step == GOAL {
            return say("done");
        }
        store.release("run", lease.epoch).await.unwrap();
    }
}

#[tokio::test]
async fn the_runs_of_a_killed_process_are_taken_over_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let mut process = Process::start("hold", &path);
    assert_eq!(process.hears().as_deref(), Some("held"));
    let store = SqliteStore::open(&path).unwrap();
    for run in ["one", "two"] {
        let error = store
            .acquire(run, Claim::new("berta", LONG))
            .await
            .unwrap_err();
        let is_held = matches!(&error, StoreError::LeaseHeld { owner, .. } if owner == "anna");
        assert!(is_held, "its owner is alive: {error:?}");
    }
    process.kill();
    let started = Instant::now();
    let lease = store
        .acquire("one", Claim::new("berta", LONG))
        .await
        .unwrap();
    assert_eq!(lease.epoch, 2);
    let owners = folder.path().join("runs.db-owners");
    assert_eq!(
        fs::read_dir(&owners).unwrap().count(),
        2,
        "a lease still names the dead one's"
    );
    let taken = now(&store, next("two", 4, take("berta"))).await;
    assert_eq!(taken.epoch, 2, "a commit takes over too");
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "nobody waits for the lease to lapse"
    );
    assert_eq!(
        fs::read_dir(&owners).unwrap().count(),
        1,
        "its file goes with its last lease"
    );
    now(&store, next("one", 4, Access::Held { epoch: 2 })).await;
}

#[tokio::test]
async fn a_stopped_process_that_lost_its_lease_is_told_so() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let mut process = Process::start("stop", &path);
    assert_eq!(process.hears().as_deref(), Some("held"));
    process.signal("-STOP");
    let store = SqliteStore::open(&path).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    let lease = loop {
        match store.acquire("run", Claim::new("berta", LONG)).await {
            Ok(lease) => break lease,
            Err(StoreError::LeaseHeld { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    let held = Access::Held { epoch: lease.epoch };
    let mut ours = next("run", 1, held.clone());
    ours.record.key = store_support::digest("ours", 1);
    // Before it has committed anything, the other one comes back.
    fs::write(format!("{}.go", path.display()), "").unwrap();
    process.signal("-CONT");
    assert_eq!(process.hears().as_deref(), Some("lost"));
    now(&store, ours).await;
}

#[test]
fn two_processes_never_commit_the_same_step() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = SqliteStore::open(&path).unwrap();
    runtime.block_on(async {
        let lease = run_to(&store, "run", 0).await;
        store.release("run", lease.epoch).await.unwrap();
    });
    let racers = ["anna", "berta", "carla"].map(|owner| Process::start(owner, &path));
    let told: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let listeners = racers.map(|mut racer| {
            scope.spawn(move || {
                assert_eq!(racer.hears().as_deref(), Some("ready"));
                let steps = std::iter::from_fn(|| racer.hears()?.parse().ok()).collect();
                assert!(racer.child.wait().unwrap().success());
                steps
            })
        });
        listeners.map(|listener| listener.join().unwrap()).into()
    });
    let all: Vec<u64> = told.iter().flatten().copied().collect();
    let unique: BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!(all.len(), unique.len(), "no step was committed twice");
    assert!(unique.into_iter().eq(1..=GOAL), "and none is missing");
    runtime.block_on(async {
        let loaded = store.load("run").await.unwrap().unwrap();
        assert_eq!(loaded.head.step, GOAL);
        assert!(loaded.head.lease.is_none_or(|lease| lease.epoch > 1));
    });
}

#[tokio::test]
async fn a_kill_loses_no_acknowledged_commit() {
    for mode in ["full", "normal"] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let mut told = None;
        for round in 0..12 {
            let mut process = Process::start(mode, &path);
            let mut next = process.hears().map(|step| step.parse::<u64>().unwrap());
            let enough = told.unwrap_or(0) + 3 + (round * 37) % 60;
            while let Some(step) = next {
                assert!(Some(step) > told, "{step} was committed before");
                told = Some(step);
                // Somewhere in a later commit, each time in another place.
                if step >= enough {
                    process.child.kill().unwrap();
                }
                next = process.hears().and_then(|step| step.parse().ok());
            }
            process.kill();
            let store = SqliteStore::open(&path).unwrap();
            let loaded = store.load("run").await.unwrap().unwrap();
            let head = Some(loaded.head.step);
            assert!(head >= told, "{mode}: step {told:?} was acknowledged");
            let at_head = loaded.snapshot.map_or(0, |snapshot| snapshot.step);
            assert_eq!(at_head, loaded.head.step, "a step and its snapshot are one");
            let events = store.outbox(usize::MAX).await.unwrap();
            assert_eq!(
                events.len() as u64,
                2 * loaded.head.step,
                "and so are its events"
            );
            told = head;
        }
    }
}

#[tokio::test]
async fn a_missing_lock_file_proves_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let first = SqliteStore::open(&path).unwrap();
    run_to(&first, "run", 1).await;
    let owners = folder.path().join("runs.db-owners");
    for file in fs::read_dir(&owners).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    drop(first);
    let store = SqliteStore::open(&path).unwrap();
    let error = store
        .acquire("run", Claim::new("berta", LONG))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::LeaseHeld { .. }), "{error:?}");
}

#[tokio::test]
async fn what_a_closed_store_did_not_give_back_is_taken_over_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let closing = SqliteStore::open(&path).unwrap();
    run_to(&closing, "run", 1).await;
    let other = store.acquire("run", Claim::new("berta", LONG)).await;
    assert!(
        matches!(other, Err(StoreError::LeaseHeld { .. })),
        "one process, two owners"
    );
    drop(closing);
    let lease = store
        .acquire("run", Claim::new("berta", LONG))
        .await
        .unwrap();
    assert_eq!(lease.epoch, 2);
}
