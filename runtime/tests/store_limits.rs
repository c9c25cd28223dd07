//! What the system or SQLite does not let a store have is reported as what it is.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(all(feature = "sqlite", unix))]

mod store_support;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use superstep::store::{Access, Claim, Park, Snapshot, SqliteStore, Status, Store, StoreError};
use tempfile::tempdir;

use store_support::{
    LONG, digest, effect, event, journal, next, now, question, result, run_to, with,
};

/// Every file that this process may still open, except `left` of them.
fn all_files_but(left: usize) -> Vec<File> {
    let mut hoard = Vec::new();
    while let Ok(file) = File::open("/") {
        hoard.push(file);
    }
    hoard.truncate(hoard.len() - left);
    hoard
}

/// Test `name` again, in a process that may open few files. `None` if this is it.
fn with_few_files(name: &str) -> Option<bool> {
    if std::env::var_os("STORE_LIMITS_FEW").is_some() {
        return None;
    }
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env("STORE_LIMITS_FEW", "1")
        .status();
    Some(status.unwrap().success())
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn is_too_many(error: &StoreError) -> bool {
    assert!(error.to_string().contains("ulimit -n"), "{error}");
    matches!(error, StoreError::TooManyFiles { .. })
}

#[test]
fn opening_without_a_file_left_says_so_and_leaves_nothing() {
    let name = "opening_without_a_file_left_says_so_and_leaves_nothing";
    if let Some(passed) = with_few_files(name) {
        return assert!(passed);
    }
    let folder = tempdir().unwrap();
    for fresh in [true, false] {
        let path = folder.path().join("runs.db");
        let owners = folder.path().join("runs.db-owners");
        let mut opened = 0;
        for left in 0..20 {
            let path = if fresh {
                folder.path().join(format!("{left}.db"))
            } else {
                path.clone()
            };
            let hoard = all_files_but(left);
            let store = SqliteStore::open(&path);
            drop(hoard);
            match store.map(drop) {
                Ok(()) => opened += 1,
                Err(error) => assert!(is_too_many(&error), "{left} left: {error}"),
            }
            if !fresh {
                assert_eq!(files_in(&owners), 0, "{left} left");
            }
            drop(SqliteStore::open(&path).unwrap());
            let probes = fs::read_dir(folder.path()).unwrap();
            let mut probes = probes.map(|entry| entry.unwrap().file_name());
            assert!(!probes.any(|name| name.to_string_lossy().contains("probe")));
        }
        assert!(opened > 0, "it needs no more than 20");
    }
}

#[test]
fn what_the_dead_left_half_made_is_swept() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    drop(SqliteStore::open(&path).unwrap());
    let owners = folder.path().join("runs.db-owners");
    for name in ["1-2-3", "1-2-4.new"] {
        fs::write(owners.join(name), "").unwrap();
    }
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(files_in(&owners), 1, "its own");
    drop(store);
    assert_eq!(files_in(&owners), 0);
}

#[test]
fn many_openers_do_not_sweep_one_another() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let first = SqliteStore::open(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    drop(SqliteStore::open(&path).unwrap());
                }
            });
        }
    });
    drop(first);
    assert_eq!(files_in(&folder.path().join("runs.db-owners")), 0);
}

#[test]
fn an_open_store_without_a_file_left_says_so() {
    if let Some(passed) = with_few_files("an_open_store_without_a_file_left_says_so") {
        return assert!(passed);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let store = SqliteStore::open(&path).unwrap();
        let closing = SqliteStore::open(&path).unwrap();
        run_to(&closing, "left", 1).await;
        drop(closing);
        let lease = run_to(&store, "run", 1).await;
        let hoard = all_files_but(0);
        let reading = store.head("run").await.unwrap_err();
        let taking = store
            .acquire("left", Claim::new("berta", LONG))
            .await
            .unwrap_err();
        let step = next("run", 2, Access::Held { epoch: lease.epoch });
        let committed = store.commit(step).await.is_ok();
        drop(hoard);
        assert!(is_too_many(&reading), "{reading:?}");
        assert!(is_too_many(&taking), "nobody lives there: {taking:?}");
        assert!(committed, "a commit opens nothing");
        assert_eq!(store.head("run").await.unwrap().unwrap().step, 2);
        store
            .acquire("left", Claim::new("berta", LONG))
            .await
            .unwrap();
    });
}

/// Costs hardly any memory: nobody writes to its pages.
fn too_large() -> String {
    String::from_utf8(vec![0; 1_000_000_001]).unwrap()
}

#[tokio::test]
async fn a_value_beyond_the_limit_of_a_row_is_told_by_name() {
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("runs.db")).unwrap();
    let lease = run_to(&store, "run", 1).await;
    let step = || next("run", 2, Access::Held { epoch: lease.epoch });
    let is_refused = |answer: Result<(), StoreError>, named: &str| match answer.unwrap_err() {
        StoreError::TooLarge { run, what, .. } => {
            assert_eq!((run.as_str(), what.as_str()), ("run", named));
        }
        error => panic!("{named}: {error}"),
    };
    let committed = |commit| async { store.commit(commit).await.map(drop) };

    let mut commit = step();
    commit.record.updates = too_large();
    is_refused(committed(commit).await, "step 2");
    let state = Snapshot::new(2, too_large(), digest("state", 2));
    let snapshot = Some(state.clone());
    let commit = with!(step(), snapshot = snapshot);
    is_refused(committed(commit).await, "the state after step 2");
    let state = with!(state, step = 1);
    let written = store.put_snapshot("run", lease.epoch, state).await;
    is_refused(written, "the state after step 1");
    let mut told = event("told");
    told.payload = too_large();
    let events = vec![told];
    let commit = with!(step(), events = events);
    is_refused(committed(commit).await, "event `told`");
    let mut fetched = journal("run", lease.epoch, 2);
    fetched.effects[0].response = Some(too_large());
    let named = "the record of effect `fetch` of step 2";
    is_refused(store.journal(fetched).await, named);
    let park = |results, effects, questions| {
        with!(
            Park::new("run", lease.epoch, Status::Failed),
            results = results,
            effects = effects,
            questions = questions
        )
    };
    let mut kept = result(1);
    kept.result = too_large();
    let parked = store
        .park(park(vec![kept], Vec::new(), Vec::new()))
        .await
        .map(drop);
    is_refused(parked, "the result of node `plan`");
    let mut asked = question(2, "sure");
    asked.question = too_large();
    let parked = store
        .park(park(Vec::new(), Vec::new(), vec![asked]))
        .await
        .map(drop);
    is_refused(parked, "question `sure`");
    let mut page = effect(2, "page");
    page.excerpt = too_large();
    let parked = store
        .park(park(Vec::new(), vec![page], Vec::new()))
        .await
        .map(drop);
    is_refused(parked, "the record of effect `page` of step 2");

    now(&store, step()).await;
    assert_eq!(store.load("run").await.unwrap().unwrap().head.step, 2);
}

#[tokio::test]
async fn a_value_that_is_too_large_does_not_disturb_others() {
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("runs.db")).unwrap();
    let mut crowd = Vec::new();
    for run in 0..20 {
        let lease = run_to(&store, &format!("run {run}"), 0).await;
        let mut step = next(
            &format!("run {run}"),
            1,
            Access::Held { epoch: lease.epoch },
        );
        if run == 10 {
            step.record.updates = too_large();
        }
        let store = store.clone();
        crowd.push(tokio::spawn(async move { store.commit(step).await }));
    }
    let mut refused = 0;
    for commit in crowd {
        refused += u32::from(commit.await.unwrap().is_err());
    }
    assert_eq!(refused, 1);
}
