//! A row that is not what was written is an error that names it, and nothing
//! goes on from it.
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
    for _ in 0..3 {
        first.turn("run", Count::update().number(10)).await.unwrap();
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
