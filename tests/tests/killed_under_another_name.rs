//! A worker is killed; the next one opens the same database through a link: it
//! takes over at once. Two names that SQLite would take for two databases are refused.
#![cfg(all(unix, feature = "sqlite"))]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::StoreError;
use superstep_tests::{child, child_folder};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    n: u64,
}

#[node]
async fn work(count: &Count) -> CountUpdate {
    if child_folder().is_some() {
        std::process::abort();
    }
    Count::update().n(count.n + 1)
}

#[graph(state = Count, start -> work -> end)]
struct Working;

fn engine(store: SqliteStore) -> Engine<Working> {
    Engine::builder(Working).store(store).build().unwrap()
}

#[test]
fn the_worker() {
    let Some(folder) = child_folder() else { return };
    let store = SqliteStore::open(folder.join("runs.db")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let _ = engine(store).run("run", Count::default()).await;
    });
}

#[tokio::test]
async fn the_next_one_takes_over_at_once() {
    if child_folder().is_some() {
        return;
    }
    let (folder, links) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, link) = (folder.path().join("runs.db"), links.path().join("link.db"));
    let killed = child("the_worker", folder.path()).status().unwrap();
    assert!(!killed.success());
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let engine = engine(SqliteStore::open(&link).unwrap());
    let run = engine.resume("run").await.expect("its owner is dead");
    assert_eq!(run.state().n, 1);
}

#[tokio::test]
async fn a_hard_link_is_no_way_around_the_log() {
    if child_folder().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (
        folder.path().join("runs.db"),
        folder.path().join("other.db"),
    );
    let killed = child("the_worker", folder.path()).status().unwrap();
    assert!(!killed.success());
    std::fs::hard_link(&path, &other).unwrap();
    for name in [&other, &path] {
        let error = SqliteStore::open(name).unwrap_err();
        assert!(matches!(error, StoreError::Linked { .. }), "{error}");
    }
    std::fs::remove_file(&other).unwrap();
    let engine = engine(SqliteStore::open(&path).unwrap());
    assert_eq!(engine.resume("run").await.unwrap().state().n, 1);
}
