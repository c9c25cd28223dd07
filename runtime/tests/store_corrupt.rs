//! Rows that cannot be what was written are named, never trusted and never a panic.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use superstep::store::{Access, Park, SqliteStore, Status, Store, StoreError};
use tempfile::tempdir;

use store_support::{behind, fullest, next, now, result, run_to};

/// What is done to the database, and what the error must name.
const DAMAGES: &[(&str, &str, &str)] = &[
    (
        "UPDATE steps SET chain = x'00' WHERE step = 3",
        "step 3",
        "`chain` has 1 bytes, not 32",
    ),
    (
        "UPDATE steps SET chain = zeroblob(32) WHERE step = 4",
        "the chain",
        "step 4",
    ),
    (
        "UPDATE steps SET digest = 'abc' WHERE step = 3",
        "step 3",
        "`digest` is not a blob",
    ),
    (
        "UPDATE steps SET key = zeroblob(33) WHERE step = 2",
        "step 2",
        "`key` has 33 bytes, not 32",
    ),
    (
        "UPDATE steps SET kind = 'stumble' WHERE step = 2",
        "step 2",
        "`kind` is the unknown word `stumble`",
    ),
    (
        "UPDATE steps SET committed = -1 WHERE step = 2",
        "step 2",
        "`committed` is negative",
    ),
    (
        "UPDATE steps SET committed = 'now' WHERE step = 2",
        "step 2",
        "`committed` is not an integer",
    ),
    (
        "UPDATE steps SET updates = x'ff' WHERE step = 3",
        "step 3",
        "`updates` is not text",
    ),
    (
        "UPDATE steps SET updates = CAST(x'ff' AS TEXT) WHERE step = 3",
        "step 3",
        "`updates` is not UTF-8",
    ),
    ("DELETE FROM steps WHERE step = 3", "step 3", "missing"),
    ("DELETE FROM steps WHERE step = 4", "step 4", "missing"),
    ("DELETE FROM steps WHERE step = 2", "step 2", "missing"),
    ("UPDATE runs SET step = 9", "step 5", "missing"),
    ("UPDATE runs SET step = 3", "the chain", "step 3"),
    ("UPDATE runs SET step = -1", "its row", "`step` is negative"),
    (
        "UPDATE runs SET status = 'happy'",
        "its row",
        "`status` is the unknown word `happy`",
    ),
    (
        "UPDATE runs SET status = x'00'",
        "its row",
        "`status` is not text",
    ),
    (
        "UPDATE runs SET chain = x''",
        "its row",
        "`chain` has 0 bytes, not 32",
    ),
    (
        "UPDATE runs SET fingerprint = 'f'",
        "its row",
        "`fingerprint` is not a blob",
    ),
    (
        "UPDATE runs SET version = 4294967296",
        "its row",
        "`version` is too large",
    ),
    (
        "UPDATE runs SET seed = 0.5",
        "its row",
        "`seed` is not an integer",
    ),
    (
        "UPDATE runs SET epoch = -4",
        "its row",
        "`epoch` is negative",
    ),
    (
        "UPDATE runs SET expires = 'never'",
        "its row",
        "`expires` is not an integer",
    ),
    (
        "UPDATE runs SET turn = 'first'",
        "its row",
        "`turn` is not an integer",
    ),
    (
        "UPDATE snapshots SET digest = x'0011'",
        "the snapshot after step 2",
        "`digest` has 2 bytes, not 32",
    ),
    ("UPDATE snapshots SET state = 7.5", "", ""),
    (
        "UPDATE results SET task = x'00'",
        "a stored result",
        "`task` has 1 bytes, not 32",
    ),
    (
        "UPDATE results SET saw = -2",
        "a stored result",
        "`saw` is negative",
    ),
];

#[tokio::test]
async fn a_row_that_cannot_be_right_is_named() {
    let folder = tempdir().unwrap();
    for (number, (damage, place_wanted, reason_wanted)) in DAMAGES.iter().enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        let store = SqliteStore::open(&path).unwrap();
        prepare(&store).await;
        let changed = behind(&path).execute(damage, []).unwrap();
        assert!(changed > 0, "{damage}");
        if place_wanted.is_empty() {
            // Text affinity has made text of it: what is text, the engine reads.
            store.load("run").await.unwrap();
            continue;
        }
        match store.load("run").await {
            Err(StoreError::Corrupt { run, place, reason }) => {
                assert_eq!(run, "run", "{damage}");
                assert!(place.contains(place_wanted), "{damage}: {place}");
                assert!(
                    format!("{place} {reason}").contains(reason_wanted),
                    "{damage}: {reason}"
                );
            }
            other => panic!("{damage}: {other:?}"),
        }
        // Whatever else is asked of it: an error or an answer, but no panic.
        let _ = store.head("run").await;
        let _ = store.runs().await;
        let _ = store.steps("run", 0, 9).await;
        let _ = store.snapshot("run", 9).await;
        let _ = store.outbox(9).await;
        let _ = store.stuck().await;
        let _ = store.acquire("run", "berta", store_support::LONG).await;
        let _ = store
            .commit(next("run", 3, Access::Held { epoch: 1 }))
            .await;
        let _ = store
            .commit(next("run", 5, Access::Held { epoch: 1 }))
            .await;
    }
}

#[tokio::test]
async fn an_altered_row_does_not_hide_the_others() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    run_to(&store, "well", 2).await;
    run_to(&store, "run", 2).await;
    let damage = "UPDATE runs SET status = '?', owner = NULL WHERE id = 'run'";
    behind(&path).execute(damage, []).unwrap();
    assert!(store.load("well").await.is_ok());
    assert!(store.load("run").await.is_err());
    assert_eq!(
        store.stuck().await.unwrap(),
        ["run"],
        "nothing will ever move it again"
    );
}

#[tokio::test]
async fn an_event_without_its_run_is_named() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = run_to(&store, "run", 0).await;
    now(
        &store,
        fullest("run", 1, Access::Held { epoch: lease.epoch }),
    )
    .await;
    behind(&path).execute("DELETE FROM runs", []).unwrap();
    let error = store.outbox(9).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { place, .. } if place == "event 1"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    for run in 0..40 {
        run_to(&store, &format!("run {run}"), 5).await;
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in &mut bytes[4_096..] {
        *byte = 0x5a;
    }
    std::fs::write(&path, bytes).unwrap();
    if let Ok(store) = SqliteStore::open(&path) {
        store.runs().await.unwrap_err();
        store.load("run 7").await.unwrap_err();
    }
}

/// A run at step 4 with a snapshot after step 2 and a stored result.
async fn prepare(store: &SqliteStore) {
    let lease = run_to(store, "run", 1).await;
    let held = Access::Held { epoch: lease.epoch };
    let mut with_snapshot = fullest("run", 2, held.clone());
    with_snapshot.release = false;
    now(store, with_snapshot).await;
    now(store, next("run", 3, held.clone())).await;
    now(store, next("run", 4, held)).await;
    let park = Park {
        run: "run".to_owned(),
        epoch: lease.epoch,
        status: Status::Failed,
        error: None,
        results: vec![result(1)],
        effects: Vec::new(),
        questions: Vec::new(),
    };
    store.park(park).await.unwrap();
    store
        .acquire("run", "anna", store_support::LONG)
        .await
        .unwrap();
}
