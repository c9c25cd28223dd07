//! A commit that fails leaves the old step, never a mix, and the store keeps working.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use superstep::store::{Access, Committed, Park, SqliteStore, Status, Store, StoreError, StoreExt};
use tempfile::tempdir;
use tokio::task::JoinSet;

use store_support::{all, behind, effect, first, fullest, next, now, result, run_to, take, with};

/// Every write that a commit can make.
const WRITES: &[&str] = &[
    "UPDATE ON runs",
    "INSERT ON steps",
    "DELETE ON snapshots",
    "INSERT ON snapshots",
    "INSERT ON outbox",
    "INSERT ON turns",
    "DELETE ON results",
    "INSERT ON effects",
];

#[tokio::test]
async fn a_fault_at_any_write_of_a_commit_leaves_the_old_step() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let conn = behind(&path);
    for timing in ["BEFORE", "AFTER"] {
        for kind in ["FAIL", "ABORT", "ROLLBACK"] {
            for write in WRITES {
                let run = format!("{timing} {kind} {write}");
                prepare(&store, &run).await;
                let before = all(&store, &run).await.unwrap();
                conn.execute_batch(&format!(
                    "CREATE TRIGGER fault {timing} {write} BEGIN SELECT RAISE({kind}, 'fault'); END"
                ))
                .unwrap();
                let commit = with!(
                    fullest(&run, 3, take("berta")),
                    effects = vec![effect(3, "fetch")]
                );
                let error = store.commit(commit.clone()).await.unwrap_err();
                assert!(error.to_string().contains("fault"), "{run}: {error}");
                assert_eq!(all(&store, &run).await.unwrap(), before, "{run}");
                conn.execute_batch("DROP TRIGGER fault").unwrap();

                now(&store, commit.clone()).await;
                let after = store.load(&run).await.unwrap().unwrap();
                assert_eq!((after.head.step, after.head.status), (3, Status::Completed));
                assert!(after.pending.is_empty());
                assert_eq!(after.snapshot, commit.snapshot);
            }
        }
    }
}

#[tokio::test]
async fn a_fault_at_any_write_of_the_first_commit_leaves_no_run() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let conn = behind(&path);
    for write in [
        "INSERT ON graphs",
        "INSERT ON runs",
        "UPDATE ON runs",
        "INSERT ON steps",
    ] {
        conn.execute_batch(&format!(
            "CREATE TRIGGER fault AFTER {write} BEGIN SELECT RAISE(FAIL, 'fault'); END"
        ))
        .unwrap();
        store.commit(first("run", take("anna"))).await.unwrap_err();
        conn.execute_batch("DROP TRIGGER fault").unwrap();
        assert!(store.all_runs().await.unwrap().is_empty(), "{write}");
        let graphs: i64 = conn
            .query_row("SELECT count(*) FROM graphs", [], |row| row.get(0))
            .unwrap();
        assert_eq!(graphs, 0, "{write}");
    }
    now(&store, first("run", take("anna"))).await;
}

#[tokio::test]
async fn a_fault_while_parking_keeps_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = run_to(&store, "run", 1).await;
    let before = all(&store, "run").await.unwrap();
    let conn = behind(&path);
    conn.execute_batch(
        "CREATE TRIGGER fault AFTER UPDATE ON runs BEGIN SELECT RAISE(FAIL, 'fault'); END",
    )
    .unwrap();
    let park = with!(
        Park::new("run", lease.epoch, Status::Failed),
        error = Some("?".to_owned()),
        results = vec![result(1), result(2)]
    );
    store.park(park.clone()).await.unwrap_err();
    conn.execute_batch("DROP TRIGGER fault").unwrap();
    assert_eq!(all(&store, "run").await.unwrap(), before);
    store.park(park).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fault_in_a_group_hits_only_its_own_commit() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    behind(&path)
        .execute_batch(
            "CREATE TRIGGER fault AFTER INSERT ON steps WHEN new.updates = 'bad' \
             BEGIN SELECT RAISE(ROLLBACK, 'fault'); END",
        )
        .unwrap();
    let mut crowd = JoinSet::new();
    for run in 0..200 {
        let store = Arc::clone(&store);
        crowd.spawn(async move {
            let mut commit = first(&format!("run {run}"), take("anna"));
            let is_bad = run % 50 == 7;
            if is_bad {
                commit.record.updates = "bad".to_owned();
            }
            (is_bad, store.commit(commit).await)
        });
    }
    for (is_bad, answer) in crowd.join_all().await {
        match answer {
            Ok(Committed::Now(_)) => assert!(!is_bad),
            Err(error) => assert!(is_bad, "{error}"),
            Ok(Committed::Already(_) | Committed::TokenSpent) => panic!("every run is new"),
        }
    }
    assert_eq!(store.all_runs().await.unwrap().len(), 196);
}

#[tokio::test]
async fn a_locked_database_is_busy_and_then_works_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let patience = Duration::from_millis(80);
    let store = SqliteStore::options()
        .busy_timeout(patience)
        .open(&path)
        .unwrap();
    let lease = run_to(&store, "run", 1).await;
    let before = all(&store, "run").await.unwrap();
    let conn = behind(&path);
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let commit = next("run", 2, Access::Held { epoch: lease.epoch });
    for _ in 0..2 {
        let started = Instant::now();
        let error = store.commit(commit.clone()).await.unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error:?}");
        assert!(started.elapsed() >= patience);
        assert_eq!(
            all(&store, "run").await.unwrap(),
            before,
            "reading does not wait"
        );
    }
    let waiting = tokio::spawn({
        let (store, commit) = (store.clone(), commit.clone());
        async move { store.commit(commit).await }
    });
    tokio::time::sleep(patience / 4).await;
    conn.execute_batch("ROLLBACK").unwrap();
    assert!(
        matches!(waiting.await.unwrap(), Ok(Committed::Now(_))),
        "it waits a while"
    );
}

#[tokio::test]
async fn a_table_that_vanishes_is_an_error_and_then_it_works_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = run_to(&store, "run", 1).await;
    let before = all(&store, "run").await.unwrap();
    let conn = behind(&path);
    let commit = fullest("run", 2, Access::Held { epoch: lease.epoch });
    for table in ["steps", "snapshots", "outbox", "runs"] {
        conn.execute_batch(&format!("ALTER TABLE {table} RENAME TO gone"))
            .unwrap();
        let error = store.commit(commit.clone()).await.unwrap_err();
        assert!(error.to_string().contains(table), "{table}: {error}");
        conn.execute_batch(&format!("ALTER TABLE gone RENAME TO {table}"))
            .unwrap();
        assert_eq!(all(&store, "run").await.unwrap(), before, "{table}");
    }
    now(&store, commit).await;
}

/// A run at step 2, with a stored result, a snapshot and nobody holding it.
async fn prepare(store: &SqliteStore, run: &str) {
    let lease = run_to(store, run, 1).await;
    let mut commit = fullest(run, 2, Access::Held { epoch: lease.epoch });
    commit.release = false;
    now(store, commit).await;
    let park = with!(
        Park::new(run, lease.epoch, Status::Failed),
        error = Some("node `plan` failed".to_owned()),
        results = vec![result(1)]
    );
    store.park(park).await.unwrap();
}
