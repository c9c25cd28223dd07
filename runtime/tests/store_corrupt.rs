//! Rows that cannot be what was written are named, never trusted and never a panic.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use superstep::store::{
    Access, Claim, Page, Park, Prune, RunFilter, SqliteStore, Status, Store, StoreError, StoreExt,
    StoreFuture,
};
use tempfile::tempdir;

use store_support::{
    answer, behind, effect, fork, fullest, journal, next, now, question, result, run_to, with,
};

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
        "UPDATE runs SET lapses = 'never'",
        "its row",
        "`lapses` is not an integer",
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
    (
        "UPDATE steps SET version = -1 WHERE step = 3",
        "step 3",
        "`version` is negative",
    ),
    (
        "UPDATE steps SET notes = x'00' WHERE step = 3",
        "step 3",
        "`notes` is not text",
    ),
    (
        "UPDATE steps SET journal = x'00' WHERE step = 3",
        "step 3",
        "`journal` has 1 bytes, not 32",
    ),
    (
        "UPDATE runs SET pruned = 'all'",
        "its row",
        "`pruned` is not an integer",
    ),
    (
        "INSERT INTO forks VALUES (1, 77, 1)",
        "its row",
        "`origin` is missing",
    ),
    (
        "INSERT INTO forks VALUES (1, 77, -1)",
        "its row",
        "`origin_step` is negative",
    ),
    (
        "UPDATE effects SET task = x'00'",
        "an effect of step 5",
        "`task` has 1 bytes, not 32",
    ),
    (
        "UPDATE effects SET name = x'00'",
        "an effect of step 5",
        "`name` is not text",
    ),
    (
        "UPDATE effects SET n = -1",
        "an effect of step 5",
        "`n` is negative",
    ),
    (
        "UPDATE effects SET kind = 'maybe'",
        "an effect of step 5",
        "`kind` is the unknown word `maybe`",
    ),
    (
        "UPDATE effects SET call = -1",
        "an effect of step 5",
        "`call` is negative",
    ),
    (
        "UPDATE effects SET attempt = 4294967296",
        "an effect of step 5",
        "`attempt` is too large",
    ),
    (
        "UPDATE effects SET request = 'r'",
        "an effect of step 5",
        "`request` is not a blob",
    ),
    (
        "UPDATE effects SET response = x'00'",
        "an effect of step 5",
        "`response` is not text",
    ),
    (
        "UPDATE effects SET recorded = 'now'",
        "an effect of step 5",
        "`recorded` is not an integer",
    ),
    (
        "UPDATE questions SET id = x'00'",
        "a question",
        "`id` is not text",
    ),
    (
        "UPDATE questions SET kind = 'riddle'",
        "question `q`",
        "`kind` is the unknown word `riddle`",
    ),
    (
        "UPDATE questions SET task = 't'",
        "question `q`",
        "`task` is not a blob",
    ),
    (
        "UPDATE questions SET n = -1",
        "question `q`",
        "`n` is negative",
    ),
    (
        "UPDATE questions SET asked = -1",
        "question `q`",
        "`asked` is negative",
    ),
    (
        "UPDATE questions SET question = x'00'",
        "question `q`",
        "`question` is not text",
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
        let _ = store.all_runs().await;
        let _ = store.all_steps("run", 0, 9).await;
        let _ = store.snapshot("run", 9).await;
        let _ = store.all_digests("run").await;
        let _ = store.all_effects("run", 0, 9).await;
        let _ = store.questions("run").await;
        let _ = store.labels("run").await;
        let _ = store.label("run", 2, "new").await;
        let _ = store.answer(answer("run", "q")).await;
        let _ = store.journal(journal("run", 2, 5)).await;
        let _ = store.outbox(9).await;
        let _ = store.all_stuck().await;
        let _ = store
            .acquire("run", Claim::new("berta", store_support::LONG))
            .await;
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
        store.all_stuck().await.unwrap(),
        ["run"],
        "nothing will ever move it again"
    );
    // No list that it may belong to is silent about it.
    let graph = store.head("well").await.unwrap().unwrap().graph;
    for filter in [RunFilter::new(), RunFilter::new().graph(graph)] {
        let listed = store.runs(&filter, Page::first(9)).await;
        let named = matches!(&listed, Err(StoreError::Corrupt { run, .. }) if run == "run");
        assert!(named, "{filter:?}: {listed:?}");
    }
}

/// What only reads other than `load` can find.
#[tokio::test]
async fn a_history_that_cannot_be_right_is_named() {
    type Look = for<'a> fn(&'a SqliteStore) -> StoreFuture<'a, ()>;
    fn nothing<'a, T: Send + 'a>(look: StoreFuture<'a, T>) -> StoreFuture<'a, ()> {
        Box::pin(async { look.await.map(drop) })
    }
    static ALL: std::sync::LazyLock<Prune> =
        std::sync::LazyLock::new(|| Prune::history().statuses([]));
    let steps: Look = |store| nothing(store.all_steps("fork", 0, 9));
    let digests: Look = |store| nothing(store.all_digests("fork"));
    let effects: Look = |store| nothing(store.all_effects("fork", 0, 9));
    let labels: Look = |store| nothing(store.labels("fork"));
    let snapshot: Look = |store| nothing(store.snapshot("fork", 2));
    let prune: Look = |store| nothing(store.prune(&ALL));
    let branch = "where it branches off";
    let circle = "UPDATE forks SET origin = run";
    let cases = [
        (circle, steps, branch, "came later"),
        (circle, digests, branch, "came later"),
        (circle, effects, branch, "came later"),
        (circle, labels, branch, "came later"),
        (circle, snapshot, branch, "came later"),
        (
            "UPDATE forks SET origin = 'run'",
            steps,
            branch,
            "not an integer",
        ),
        (
            "UPDATE forks SET origin_step = -4",
            steps,
            branch,
            "is negative",
        ),
        (
            "UPDATE steps SET digest = 'd' WHERE step = 1",
            digests,
            "step 1",
            "not a blob",
        ),
        (
            "UPDATE effects SET kind = '?' WHERE step = 1",
            effects,
            "step 1",
            "unknown word",
        ),
        (
            "UPDATE labels SET step = -1",
            labels,
            "a label",
            "is negative",
        ),
        (
            "UPDATE runs SET updated = 'now'",
            prune,
            "its row",
            "not an integer",
        ),
    ];
    let folder = tempdir().unwrap();
    for (number, (damage, look, place_wanted, reason_wanted)) in cases.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        let store = SqliteStore::open(&path).unwrap();
        let lease = run_to(&store, "run", 0).await;
        store.journal(journal("run", lease.epoch, 1)).await.unwrap();
        now(&store, next("run", 1, Access::Held { epoch: lease.epoch })).await;
        store.label("run", 1, "here").await.unwrap();
        now(&store, fork("fork", "run", 1)).await;
        look(&store).await.unwrap();
        assert!(behind(&path).execute(damage, []).unwrap() > 0, "{damage}");
        match look(&store).await {
            Err(StoreError::Corrupt { place, reason, .. }) => {
                assert!(place.contains(place_wanted), "{damage}: {place}");
                assert!(reason.contains(reason_wanted), "{damage}: {reason}");
            }
            other => panic!("{damage}: {other:?}"),
        }
    }
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
        store.all_runs().await.unwrap_err();
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
    let park = with!(
        Park::new("run", lease.epoch, Status::Failed),
        results = vec![result(1)],
        effects = vec![effect(5, "fetch")],
        questions = vec![question(5, "q")]
    );
    store.park(park).await.unwrap();
    store
        .acquire("run", Claim::new("anna", store_support::LONG))
        .await
        .unwrap();
}
