//! A database that is removed while it is open is an error at the next
//! commit, not a silent loss.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(all(feature = "sqlite", unix))]

mod store_support;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use superstep::store::{Access, SqliteStore, Store, StoreError};
use tempfile::tempdir;

use store_support::{behind, next, now, run_to};

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

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn cut(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(bytes).unwrap();
}

#[tokio::test]
async fn a_log_or_an_index_that_was_taken_away_gets_no_commits() {
    let folder = tempdir().unwrap();
    let aside = folder.path().join("aside");
    for suffix in ["-wal", "-shm"] {
        for replaced in [false, true] {
            let path = folder.path().join(format!("{replaced}{suffix}.db"));
            let store = SqliteStore::open(&path).unwrap();
            let lease = run_to(&store, "run", 1).await;
            let step = |step| next("run", step, Access::Held { epoch: lease.epoch });
            let file = beside(&path, suffix);
            fs::rename(&file, &aside).unwrap();
            if replaced {
                fs::copy(&aside, &file).unwrap();
            }
            // The index is looked at once a millisecond.
            std::thread::sleep(Duration::from_millis(2));
            for _ in 0..2 {
                let error = store.commit(step(2)).await.unwrap_err();
                let is_moved =
                    matches!(&error, StoreError::Moved { path } if Path::new(path) == file);
                assert!(is_moved, "{error}");
            }
            fs::rename(&aside, &file).unwrap();
            now(&store, step(2)).await;
        }
    }
}

/// What was acknowledged before is in the database when the store is closed, and
/// what was not acknowledged is not.
#[tokio::test]
async fn closing_saves_what_was_in_a_deleted_log() {
    for gone in [&["-wal"][..], &["-shm"], &["-wal", "-shm"]] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let store = SqliteStore::open(&path).unwrap();
        let lease = run_to(&store, "run", 5).await;
        for suffix in gone {
            fs::remove_file(beside(&path, suffix)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
        let commit = next("run", 6, Access::Held { epoch: lease.epoch });
        let error = store.commit(commit).await.unwrap_err();
        assert!(error.to_string().contains("close the store"), "{error}");
        drop(store);
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.head("run").await.unwrap().unwrap().step, 5);
    }
}

#[tokio::test]
async fn a_file_that_was_cut_short_gets_no_commits() {
    let folder = tempdir().unwrap();
    for suffix in ["", "-wal"] {
        for (number, keep) in [0, 1, 2, 3].into_iter().enumerate() {
            let path = folder.path().join(format!("{number}{suffix}.db"));
            let store = SqliteStore::open(&path).unwrap();
            let lease = run_to(&store, "run", 3).await;
            let file = beside(&path, suffix);
            let bytes = fs::metadata(&file).unwrap().len();
            // To nothing, to half, by its last page, by part of that.
            cut(&file, [0, bytes / 2, bytes - 4_096, bytes - 1][keep]);
            for step in [4, 4, 5] {
                let commit = next("run", step, Access::Held { epoch: lease.epoch });
                let error = store.commit(commit).await.unwrap_err();
                let is_cut =
                    matches!(&error, StoreError::Truncated { path } if Path::new(path) == file);
                assert!(is_cut, "{suffix} {keep}: {error}");
            }
        }
    }
}

/// Checkpoints and a vacuum make the files shorter, whoever asks for them.
#[tokio::test]
async fn what_sqlite_itself_cuts_off_is_no_fault() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = run_to(&store, "run", 0).await;
    let other = behind(&path);
    other
        .execute_batch("CREATE TABLE more (text TEXT)")
        .unwrap();
    let mut step = 0;
    for round in 0..30 {
        let write = |sql: &str| other.execute_batch(sql).unwrap();
        let more = 40 + 13 * (round % 7);
        write(&format!(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {more})
             INSERT INTO more SELECT hex(zeroblob(2000)) FROM n"
        ));
        write("PRAGMA wal_checkpoint(TRUNCATE)");
        let commit = |step| next("run", step, Access::Held { epoch: lease.epoch });
        step += 1;
        now(&store, commit(step)).await;
        write("DELETE FROM more");
        match round % 3 {
            0 => write("VACUUM"),
            _ => write("PRAGMA incremental_vacuum"),
        }
        write("PRAGMA wal_checkpoint(TRUNCATE)");
        // It has grown again, in the log only, when we look.
        if round % 2 == 0 {
            write("INSERT INTO more SELECT hex(zeroblob(9000)) FROM (VALUES (1), (2), (3))");
        }
        step += 1;
        now(&store, commit(step)).await;
    }
    assert_eq!(store.head("run").await.unwrap().unwrap().step, step);
}

#[tokio::test]
async fn readers_do_not_read_another_database() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    run_to(&store, "run", 1).await;
    let other = SqliteStore::open(folder.path().join("other.db")).unwrap();
    run_to(&other, "other", 1).await;
    drop(other);
    fs::rename(folder.path().join("other.db"), &path).unwrap();
    let error = store.head("other").await.unwrap_err();
    assert!(matches!(error, StoreError::Moved { .. }), "{error}");
}

/// Whoever opens the old path of a database that was moved away is told so, and
/// what is in the log that was left behind is not deleted.
#[tokio::test]
async fn a_log_without_its_database_is_left_alone() {
    let folder = tempdir().unwrap();
    let (path, aside) = (folder.path().join("runs.db"), folder.path().join("aside"));
    let store = SqliteStore::open(&path).unwrap();
    run_to(&store, "run", 5).await;
    fs::rename(&path, &aside).unwrap();
    drop(store);
    for empty in [false, true] {
        if empty {
            fs::write(&path, "").unwrap();
        }
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
        assert!(error.to_string().contains("runs.db-wal` is"), "{error}");
    }
    fs::rename(&aside, &path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.head("run").await.unwrap().unwrap().step, 5);
}
