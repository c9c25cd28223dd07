//! A database that is taken away while it is open is an error at the next
//! commit, not a silent loss.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(all(feature = "sqlite", unix))]

mod store_support;

use std::fs;
use std::path::Path;

use superstep::store::{Access, SqliteStore, Store, StoreError};
use tempfile::tempdir;

use store_support::{next, now, run_to};

#[tokio::test]
async fn a_file_that_was_taken_away_gets_no_commits() {
    let folder = tempdir().unwrap();
    let aside = folder.path().join("aside.db");
    let other = folder.path().join("other.db");
    let move_aside = |path: &Path| fs::rename(path, &aside).unwrap();
    let replace = |path: &Path| {
        fs::rename(path, &aside).unwrap();
        drop(SqliteStore::open(&other).unwrap());
        fs::rename(&other, path).unwrap();
    };
    let deeds: [&dyn Fn(&Path); 2] = [&move_aside, &replace];
    for (number, deed) in deeds.iter().enumerate() {
        let path = folder.path().join(format!("runs-{number}.db"));
        let store = SqliteStore::open(&path).unwrap();
        let lease = run_to(&store, "run", 1).await;
        let step = |step| next("run", step, Access::Held { epoch: lease.epoch });

        deed(&path);
        let error = store.commit(step(2)).await.unwrap_err();
        assert!(matches!(error, StoreError::Moved { .. }), "{error}");
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );

        fs::rename(&aside, &path).unwrap();
        now(&store, step(2)).await;
        assert_eq!(store.head("run").await.unwrap().unwrap().step, 2);
    }
}

#[tokio::test]
async fn a_deleted_file_gets_no_commits() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = run_to(&store, "run", 1).await;
    fs::remove_file(&path).unwrap();
    for step in [2, 2, 3] {
        let commit = next("run", step, Access::Held { epoch: lease.epoch });
        let error = store.commit(commit).await.unwrap_err();
        assert!(matches!(error, StoreError::Moved { .. }), "{error}");
    }
}
