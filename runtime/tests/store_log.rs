//! A reader that stays in its transaction lets the write-ahead log grow: the store says
//! so, and recovers when the reader has gone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::time::{Duration, Instant};

use superstep::store::{Access, SqliteStore, Synchronous};
use tempfile::tempdir;

use store_support::{behind, next, now, run_to};

const LONG: u64 = 64 << 20;

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_log_that_a_reader_holds_up_is_told_with_its_age() {
    let folder = tempdir().unwrap();
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let store = options.open(folder.path().join("runs.db")).unwrap();
    let lease = run_to(&store, "run", 1).await;
    let megabytes = async |steps: std::ops::Range<u64>| {
        for step in steps {
            let mut commit = next("run", step, Access::Held { epoch: lease.epoch });
            commit.record.updates = "u".repeat(1 << 20);
            now(&store, commit).await;
        }
    };
    let reader = behind(store.path());
    reader.execute_batch("BEGIN").unwrap();
    let look = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let looked = reader.query_row("SELECT count(*) FROM steps", [], look);
    assert_eq!(looked.unwrap(), 2);

    megabytes(2..40).await;
    assert!(store.log_bytes().unwrap() > 30 << 20);
    assert_eq!(store.health().held_up, None, "it is not that long yet");
    megabytes(40..80).await;
    assert!(store.log_bytes().unwrap() > LONG);
    until("the reader is in the way", || {
        store.health().held_up.is_some()
    })
    .await;
    let age = store.health().held_up.unwrap();
    until("it gets older", || store.health().held_up.unwrap() > age).await;

    drop(reader);
    // Nobody needs to write for that.
    until("the log is moved", || store.health().held_up.is_none()).await;
    megabytes(80..82).await;
    assert!(store.log_bytes().unwrap() <= LONG, "it begins again");
}

#[test]
fn a_log_that_is_gone_has_no_length() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.log_bytes().unwrap() < LONG);
    if cfg!(unix) {
        std::fs::remove_file(path.with_extension("db-wal")).unwrap();
        store.log_bytes().unwrap_err();
    }
}
