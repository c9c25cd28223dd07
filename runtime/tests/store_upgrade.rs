//! Databases of every released schema open, with all that is in them.
//!
//! A file under `tests/golden` is never written again: a later schema gets a
//! file of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::fs;
use std::path::{Path, PathBuf};

use superstep::store::{
    Access, Claim, EffectClass, EffectKind, Park, SqliteStore, Status, StepKind, Store, StoreError,
    StoreExt, Synchronous, TurnRecord,
};
use tempfile::{TempDir, tempdir};

use store_support::{LONG, answer, behind, effect, newest_schema, next, now, run_to, take};

fn golden(name: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::copy(golden.join(name), &path).unwrap();
    (folder, path)
}

fn pragma(path: &Path, name: &str) -> i64 {
    behind(path)
        .pragma_query_value(None, name, |row| row.get(0))
        .unwrap()
}

/// The two runs that every golden database has.
async fn has_the_runs_of_schema_1(store: &SqliteStore) {
    let heads = store.all_runs().await.unwrap();
    let status = |run: &str| heads.iter().find(|head| head.run == run).unwrap().status;
    assert_eq!(status("order-7"), Status::Failed);
    assert_eq!(status("research-42"), Status::Completed);

    let open = store.load("order-7").await.unwrap().unwrap();
    assert_eq!(open.head.error.as_deref(), Some("node `pay` failed"));
    assert_eq!((open.pending.len(), open.snapshot.is_none()), (1, true));
    let done = store.load("research-42").await.unwrap().unwrap();
    assert_eq!(done.head.seed, u64::MAX);
    assert_eq!(done.head.token.as_deref(), Some("msg-1"));
    assert_eq!(done.snapshot.unwrap().step, 2);
    let steps = store.all_steps("research-42", 0, 9).await.unwrap();
    let kinds: Vec<_> = steps.iter().map(|step| step.kind).collect();
    let wanted = [
        StepKind::Input,
        StepKind::Step,
        StepKind::Turn,
        StepKind::Step,
    ];
    assert_eq!(kinds, wanted);
    assert_eq!(steps[1].updates, r#"{"notes":["ü"]}"#);
    assert!(store.graph(done.head.fingerprint).await.unwrap().is_some());
    assert_eq!((done.head.origin, done.head.pruned), (None, 0));
}

/// Before schema 3: steps are counted as when all of a turn's steps counted.
async fn counts_the_steps_of_the_turn(store: &SqliteStore) {
    let heads = store.all_runs().await.unwrap();
    assert!(heads.iter().all(|head| head.counted_from == head.turn_step));
    let done = store.head("research-42").await.unwrap().unwrap();
    assert_eq!(done.counted_from, 2);
}

#[tokio::test]
async fn a_database_of_schema_1_opens() {
    let (_folder, path) = golden("v1.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    has_the_runs_of_schema_1(&store).await;
    counts_the_steps_of_the_turn(&store).await;
    assert_eq!(store.all_runs().await.unwrap().len(), 2);
    assert_eq!(store.outbox(9).await.unwrap().len(), 2);
    let steps = store.all_steps("research-42", 0, 9).await.unwrap();
    assert!(
        steps
            .iter()
            .all(|step| step.version == 1 && step.notes.is_none())
    );

    let lease = store
        .acquire("order-7", Claim::new("anna", LONG))
        .await
        .unwrap();
    assert_eq!(lease.epoch, 2, "it can be continued");
    let held = Access::Held { epoch: lease.epoch };
    let mut commit = next("order-7", 3, held);
    commit.effects = vec![effect(3, "fetch")];
    now(&store, commit).await;
    assert_eq!(store.all_effects("order-7", 0, 9).await.unwrap().len(), 1);
    drop(store);
    assert_eq!(pragma(&path, "user_version"), newest_schema());
}

#[tokio::test]
async fn steps_of_schema_1_have_the_version_that_their_run_began_with() {
    let (_folder, path) = golden("v1.sqlite");
    let older = "UPDATE runs SET version = 7 WHERE id = 'order-7'";
    behind(&path).execute(older, []).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    for (run, version) in [("order-7", 7), ("research-42", 1)] {
        let steps = store.all_steps(run, 0, 9).await.unwrap();
        assert!(
            steps.len() > 2 && steps.iter().all(|step| step.version == version),
            "{run}"
        );
    }
}

#[tokio::test]
async fn an_older_file_learns_to_give_pages_back_once_nobody_else_has_it_open() {
    let (_folder, path) = golden("v1.sqlite");
    let other = behind(&path);
    other
        .query_row("PRAGMA journal_mode = wal", [], |_| Ok(()))
        .unwrap();
    other
        .query_row("SELECT count(*) FROM runs", [], |_| Ok(()))
        .unwrap();
    let store = SqliteStore::open(&path).unwrap();
    has_the_runs_of_schema_1(&store).await;
    drop(store);
    assert_eq!(pragma(&path, "auto_vacuum"), 0, "it works as well without");
    drop(other);

    let store = SqliteStore::open(&path).unwrap();
    has_the_runs_of_schema_1(&store).await;
    assert_eq!(pragma(&path, "auto_vacuum"), 2);
    run_to(&store, "new", 3).await;
    drop(store);
    let again = SqliteStore::options()
        .synchronous(Synchronous::Normal)
        .open(&path)
        .unwrap();
    has_the_runs_of_schema_1(&again).await;
    assert_eq!(again.load("new").await.unwrap().unwrap().steps.len(), 4);
}

#[tokio::test]
async fn a_database_of_schema_2_opens() {
    let (_folder, path) = golden("v2.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    counts_the_steps_of_the_turn(&store).await;
    has_the_runs_of_schema_2(&store).await;
}

#[tokio::test]
async fn a_database_of_schema_3_opens() {
    let (_folder, path) = golden("v3.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    has_the_runs_of_schema_2(&store).await;
    let done = store.head("research-42").await.unwrap().unwrap();
    assert_eq!(
        (done.turn_step, done.counted_from),
        (2, 0),
        "as it was written"
    );
    // Nobody knows which calls wrote it: none is taken for a repeated one.
    let parked = Park::new("order-7", 1, Status::Failed);
    let repeated = store.park(parked).await;
    assert!(matches!(repeated, Err(StoreError::LeaseLost { .. })));
}

#[tokio::test]
async fn a_database_of_schema_4_opens() {
    let (_folder, path) = golden("v4.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    has_the_runs_of_schema_2(&store).await;
    let done = store.head("research-42").await.unwrap().unwrap();
    assert_eq!((done.turn, done.token.as_deref()), (1, Some("msg-1")));
    // One graph all along, as far as anybody knows.
    assert_eq!(done.changed, None);
    assert!(store.graphs("research-42").await.unwrap().is_empty());
    let mut first = TurnRecord::new(1, 2);
    first.token = Some("msg-1".into());
    assert_eq!(
        store.all_turns("research-42").await.unwrap(),
        [first.clone()]
    );
    assert_eq!(
        store.turn("research-42", "msg-1").await.unwrap(),
        Some(first)
    );
    // A parked run is known by its epoch: the same call again.
    let parked = Park::new("order-7", 1, Status::Failed);
    store.park(parked).await.unwrap();
}

/// Whoever waited for an answer that is there by now is awake; whoever still waits is not.
#[tokio::test]
async fn a_database_of_schema_5_opens() {
    let (_folder, path) = golden("v5.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    let open = store.load("payment-9").await.unwrap().unwrap();
    assert_eq!(open.head.status, Status::Interrupted);
    assert_eq!(open.head.wakes, Some(open.head.updated));
    assert_eq!((open.questions.len(), open.effects.len()), (1, 1));
    assert!(open.waits.is_empty() && open.signals.is_empty());
    let others = store.all_runs().await.unwrap().into_iter();
    let mut others = others.filter(|head| head.run != "payment-9");
    assert!(others.all(|head| head.wakes.is_none()));
    for (run, effects) in [("research-42", 2), ("payment-9", 1)] {
        let records = store.all_effects(run, 0, 9).await.unwrap();
        assert!(records.len() >= effects, "{run}: {}", records.len());
        for record in &records {
            assert_eq!(record.class, EffectClass::Effect);
            assert_eq!((record.seen, record.signal), (None, None));
        }
    }
    assert!(store.all_stuck().await.unwrap().is_empty());
    has_the_runs_of_schema_2(&store).await;
}

#[tokio::test]
async fn a_run_of_schema_5_that_still_asks_is_not_awake() {
    let (_folder, path) = golden("v5.sqlite");
    let asks = "UPDATE questions SET answer = NULL, answered = NULL, token = NULL";
    behind(&path).execute(asks, []).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let head = store.head("payment-9").await.unwrap().unwrap();
    assert_eq!(head.wakes, None);
    store.answer(answer("payment-9", "charge")).await.unwrap();
    let head = store.head("payment-9").await.unwrap().unwrap();
    assert!(head.wakes.is_some(), "an answer wakes it");
}

/// What every golden database since schema 2 has.
async fn has_the_runs_of_schema_2(store: &SqliteStore) {
    has_the_runs_of_schema_1(store).await;
    assert_eq!(store.outbox(9).await.unwrap().len(), 4);

    let steps = store.all_steps("research-42", 3, 3).await.unwrap();
    assert_eq!(steps[0].version, 2);
    assert_eq!(steps[0].notes.as_deref(), Some(r#"{"attempts":{}}"#));
    assert!(steps[0].journal.is_some());
    let effects = store.all_effects("research-42", 0, 9).await.unwrap();
    let told: Vec<_> = effects
        .iter()
        .map(|e| (e.step, e.name.as_str(), e.kind))
        .collect();
    assert_eq!(
        told,
        [
            (1, "fetch", EffectKind::Done),
            (3, "save", EffectKind::Failed)
        ]
    );
    assert_eq!(
        store.labels("research-42").await.unwrap(),
        [("draft".to_owned(), 1)]
    );

    let fork = store.load("research-43").await.unwrap().unwrap();
    let origin = fork.head.origin.unwrap();
    assert_eq!((origin.run.as_str(), origin.step), ("research-42", 2));
    assert_eq!(fork.steps[0].kind, StepKind::Fork);
    assert_eq!(store.all_digests("research-43").await.unwrap().len(), 4);

    let pruned = store.load("chat-1").await.unwrap().unwrap();
    assert_eq!((pruned.head.pruned, pruned.head.step), (4, 5));
    assert_eq!(store.all_digests("chat-1").await.unwrap().len(), 3);

    let asking = store.load("payment-9").await.unwrap().unwrap();
    assert_eq!(asking.effects[0].kind, EffectKind::Intent);
    let open: Vec<_> = asking.questions.iter().map(|q| q.id.as_str()).collect();
    assert_eq!(open, ["approve"]);
    assert_eq!(store.questions("payment-9").await.unwrap().len(), 2);
    let repeated = store.answer(answer("payment-9", "charge")).await;
    assert!(matches!(repeated, Err(StoreError::Answered { .. })));
    store.answer(answer("payment-9", "approve")).await.unwrap();
    let commit = next("payment-9", 2, take("anna"));
    now(store, commit).await;
}
