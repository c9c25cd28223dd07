//! A row that is not what was written is an error that names it, and nothing
//! continues from it.
#![cfg(feature = "sqlite")]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    #[reduce(sum)]
    number: u64,
}

#[node]
fn add(_: &Count) -> CountUpdate {
    Count::update().number(1)
}

#[graph(state = Count, start -> add -> end)]
struct Adding;

fn engine(path: &std::path::Path) -> Engine<Adding> {
    let store = SqliteStore::open(path).unwrap();
    Engine::builder(Adding)
        .store(store)
        .snapshot_every(2)
        .build()
        .unwrap()
}

/// A database with one run of three turns, damaged by `sql`.
async fn damaged(sql: &str) -> (tempfile::TempDir, Engine<Adding>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let first = engine(&path);
    first.run("run", Count::default()).await.unwrap();
    for n in 1..=3 {
        let turn = first.turn("run", Count::update().number(10));
        turn.token(format!("msg-{n}")).await.unwrap();
    }
    drop(first);
    let database = rusqlite::Connection::open(&path).unwrap();
    assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
    drop(database);
    let second = engine(&path);
    (folder, second)
}

#[tokio::test]
async fn an_altered_step_or_snapshot_is_named() {
    for (sql, place) in [
        (
            "UPDATE steps SET updates = replace(updates, '10', '99')",
            "step",
        ),
        (
            "UPDATE steps SET frontier = replace(frontier, 'add', 'odd')",
            "step",
        ),
        ("UPDATE snapshots SET state = '{\"number\":99}'", "snapshot"),
        ("UPDATE runs SET step = step - 1", ""),
        (
            "DELETE FROM steps WHERE place = (SELECT max(place) FROM steps)",
            "",
        ),
    ] {
        let (_folder, engine) = damaged(sql).await;
        let error = engine.get("run").await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{sql}: {error}");
        assert!(error.to_string().contains(place), "{sql}: {error}");
        let error = engine
            .turn("run", Count::update().number(1))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{sql}: {error}");
    }
}

#[tokio::test]
async fn an_altered_input_is_found_when_the_run_is_read_from_there() {
    let (_folder, engine) =
        damaged("UPDATE steps SET updates = '{\"number\":5}' WHERE kind = 'input'").await;
    let error = engine.state_at("run", 0).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("step 0"), "{error}");
}

#[tokio::test]
async fn an_altered_step_is_named_by_all_that_tells_of_it() {
    let sql = "UPDATE steps SET updates = replace(updates, '10', '99') WHERE kind = 'turn'";
    let (folder, engine) = damaged(sql).await;
    let error = engine.history("run").await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");

    engine.run("other", Count { number: 0 }).await.unwrap();
    engine
        .turn("other", Count::update().number(11))
        .await
        .unwrap();
    let store = SqliteStore::open(folder.path().join("runs.db")).unwrap();
    let error = superstep::diff((&store, "run"), (&store, "other")).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

/// A text that no longer decodes was altered too: what its hash says comes first.
#[tokio::test]
async fn a_row_that_was_altered_is_not_taken_for_one_of_another_program() {
    for sql in [
        "UPDATE steps SET updates = '[' WHERE step > 4",
        "UPDATE steps SET updates = '[' WHERE kind = 'input'",
    ] {
        let (_folder, engine) = damaged(sql).await;
        let error = engine.run("run", Count::default()).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_snapshot_that_was_altered_is_no_beginning_of_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let first = engine(&path);
    first.run("run", Count::default()).await.unwrap();
    first.turn("run", Count::update().number(10)).await.unwrap();
    let pruned = first.prune(superstep::store::Prune::history()).await;
    assert!(pruned.unwrap().steps > 0);
    drop(first);
    let database = rusqlite::Connection::open(&path).unwrap();
    let sql = "UPDATE snapshots SET state = '{\"number\":99}'";
    assert!(database.execute(sql, []).unwrap() > 0);
    drop(database);
    let store = SqliteStore::open(&path).unwrap();
    let report = superstep::testing::replay_all(Adding, &store)
        .with_ended()
        .await
        .unwrap();
    let error = &report.broken[0].error;
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_turn_that_begins_after_the_last_step_is_named() {
    let (_folder, engine) = damaged("UPDATE runs SET turn_step = 1 << 60").await;
    let error = engine.fork("run", 1, "fork", |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

/// Whoever asks for an earlier turn looks for the one after it.
#[tokio::test]
async fn a_list_of_turns_that_ends_too_early_is_named() {
    let (_folder, engine) = damaged("DELETE FROM turns WHERE turn > 1").await;
    let again = engine.turn("run", Count::update().number(1)).token("msg-1");
    for told in [engine.turn_result("run", "msg-1").await, again.await] {
        let error = told.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("turns"), "{error}");
    }
}

#[tokio::test]
async fn a_run_that_branches_off_from_itself_is_named() {
    let sql = "INSERT INTO forks (run, origin, origin_step) SELECT number, number, 1 FROM runs";
    let (folder, engine) = damaged(sql).await;
    let error = engine.replay("run").await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    let store = SqliteStore::open(folder.path().join("runs.db")).unwrap();
    let report = superstep::testing::replay_all(Adding, &store)
        .with_ended()
        .await
        .unwrap();
    assert_eq!(report.broken.len(), 1);
}

#[tokio::test]
async fn no_step_is_too_far_to_be_refused() {
    let (_folder, engine) = damaged("UPDATE runs SET updated = updated + 1").await;
    let error = engine.fork("run", u64::MAX, "fork", |_| {}).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::StepNotFound { .. }), "{error}");
}
