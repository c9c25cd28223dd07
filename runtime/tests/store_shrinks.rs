//! What was pruned leaves the file too.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::fs;
use std::path::Path;

use superstep::store::{
    Access, Prune, Pruned, Pruning, Snapshot, SqliteStore, Status, Store, Synchronous,
};
use tempfile::tempdir;

use store_support::{all, behind, digest, effect, next, now, run_to, with};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::options()
        .synchronous(Synchronous::Normal)
        .open(path)
        .unwrap()
}

fn everything(what: Pruning) -> Prune {
    with!(
        Prune::runs(),
        what = what,
        statuses = vec![Status::Completed]
    )
}

/// A run with 20 steps of 8 kB and effects as large, and a snapshot at its end.
async fn large(store: &SqliteStore, run: &str, status: Status) {
    let lease = run_to(store, run, 0).await;
    let held = Access::Held { epoch: lease.epoch };
    for step in 1..=20 {
        let mut fetched = effect(step, "fetch");
        fetched.response = Some("r".repeat(8_000));
        let mut commit = with!(
            next(run, step, held.clone()),
            effects = vec![fetched],
            snapshot = (step == 20).then(|| Snapshot::new(step, "{}", digest("state", step))),
            status = if step == 20 { status } else { Status::Running },
            release = step == 20
        );
        commit.record.updates = "u".repeat(8_000);
        now(store, commit).await;
    }
}

fn pragma(path: &Path, name: &str) -> i64 {
    behind(path)
        .pragma_query_value(None, name, |row| row.get(0))
        .unwrap()
}

/// What is on the disk, in the file and in its log.
fn bytes(path: &Path) -> u64 {
    let log = path.with_extension("db-wal");
    fs::metadata(path).unwrap().len() + fs::metadata(log).map_or(0, |log| log.len())
}

async fn is_sound(store: &SqliteStore) {
    let check: String = behind(store.path())
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn the_file_gets_smaller_and_what_stays_loads() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    large(&store, "stays", Status::Failed).await;
    for run in 0..30 {
        large(&store, &format!("run {run}"), Status::Completed).await;
    }
    let stays = all(&store, "stays").await.unwrap();
    let before = bytes(store.path());
    assert!(before > 30 * 20 * 16_000, "{before} bytes");

    let history = store.prune(&everything(Pruning::History)).await.unwrap();
    let wanted = Pruned::new(30, 30 * 19);
    assert_eq!(history, wanted);
    let after = bytes(store.path());
    assert!(after < before / 5, "{before} bytes became {after}");
    assert_eq!(pragma(store.path(), "freelist_count"), 0);
    assert_eq!(store.load("run 7").await.unwrap().unwrap().steps.len(), 1);

    assert_eq!(
        store.prune(&everything(Pruning::Run)).await.unwrap().runs,
        30
    );
    let after = bytes(store.path());
    assert!(after < before / 20, "{before} bytes became {after}");
    assert_eq!(all(&store, "stays").await.unwrap(), stays);
    is_sound(&store).await;
    let path = store.path().to_owned();
    drop(store);
    let store = open(&path);
    assert_eq!(all(&store, "stays").await.unwrap(), stays);
    large(&store, "new", Status::Completed).await;
    is_sound(&store).await;
}

#[tokio::test]
async fn a_reader_in_between_delays_it_and_no_more() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    for run in 0..10 {
        large(&store, &format!("run {run}"), Status::Completed).await;
    }
    let reader = behind(store.path());
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM runs")
        .unwrap();
    let count = || -> i64 {
        reader
            .query_row("SELECT count(*) FROM steps", [], |row| row.get(0))
            .unwrap()
    };
    let seen = count();
    let asked = with!(everything(Pruning::Run), keep_newest = 1);
    assert_eq!(store.prune(&asked).await.unwrap().runs, 9);
    assert_eq!(count(), seen, "a read is of one moment");
    let before = bytes(store.path());
    reader.execute_batch("ROLLBACK").unwrap();
    drop(reader);
    assert_eq!(
        store.prune(&everything(Pruning::Run)).await.unwrap().runs,
        1
    );
    let after = bytes(store.path());
    assert!(after < before / 5, "{before} bytes became {after}");
    is_sound(&store).await;
}

#[tokio::test]
async fn a_file_that_cannot_give_pages_back_uses_them_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1.sqlite");
    fs::copy(golden, &path).unwrap();
    let other = behind(&path);
    other
        .query_row("SELECT count(*) FROM runs", [], |_| Ok(()))
        .unwrap();
    let store = open(&path);
    assert_eq!(pragma(&path, "auto_vacuum"), 0);
    large(&store, "run", Status::Completed).await;
    assert!(store.prune(&everything(Pruning::Run)).await.unwrap().runs > 0);
    let pages = pragma(&path, "page_count");
    assert!(pragma(&path, "freelist_count") > 50);
    large(&store, "again", Status::Completed).await;
    assert!(pragma(&path, "page_count") <= pages + 1);
    is_sound(&store).await;
}

/// Old runs are removed while others are driven; those wait only briefly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_back_in_pieces() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    for run in 0..30 {
        large(&store, &format!("run {run}"), Status::Completed).await;
    }
    let lease = run_to(&store, "driven", 0).await;
    let pages = pragma(store.path(), "page_count");
    let pruning = tokio::spawn({
        let store = store.clone();
        async move { store.prune(&everything(Pruning::Run)).await.unwrap() }
    });
    let mut between = 0;
    let mut step = 0;
    while !pruning.is_finished() {
        step += 1;
        now(
            &store,
            next("driven", step, Access::Held { epoch: lease.epoch }),
        )
        .await;
        let left = pragma(store.path(), "page_count");
        between += u32::from(left < pages && pragma(store.path(), "freelist_count") > 0);
    }
    assert_eq!(pruning.await.unwrap().runs, 30);
    assert!(
        between > 3,
        "only {between} of {step} commits came between two pieces"
    );
    assert!(pragma(store.path(), "page_count") < pages / 5);
}
