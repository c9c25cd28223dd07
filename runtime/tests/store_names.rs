//! A database is one file, whatever name it is opened by: links lead to it, a change of
//! directory does not matter, and a second name that SQLite would not recognise is refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(all(feature = "sqlite", unix))]

mod store_support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use superstep::store::{Access, Claim, SqliteStore, Store, StoreError, StoreExt};
use tempfile::tempdir;

use store_support::{LONG, next, now, run_to};

/// Test `name` again, in a process of its own that may change its directory.
fn elsewhere(name: &str, folder: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--test-threads=1"])
        .env("STORE_NAMES_FOLDER", folder)
        .status();
    assert!(status.unwrap().success());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_relative_path_means_the_same_after_a_change_of_folder() {
    let Some(folder) = std::env::var_os("STORE_NAMES_FOLDER").map(PathBuf::from) else {
        let (before, after) = (tempdir().unwrap(), tempdir().unwrap());
        symlink(after.path(), before.path().join("after")).unwrap();
        elsewhere(
            "a_relative_path_means_the_same_after_a_change_of_folder",
            before.path(),
        );
        assert!(names(after.path()).is_empty(), "nothing is made there");
        return;
    };
    std::env::set_current_dir(&folder).unwrap();
    let dead = SqliteStore::open("runs.db").unwrap();
    run_to(&dead, "left", 1).await;
    let store = SqliteStore::open("runs.db").unwrap();
    std::env::set_current_dir("after").unwrap();
    drop(dead);
    run_to(&store, "run", 2).await;
    assert_eq!(store.head("run").await.unwrap().unwrap().step, 2);
    let taken = store.acquire("left", Claim::new("berta", LONG)).await;
    assert_eq!(taken.unwrap().epoch, 2, "its owner is known to be gone");
    drop(store);
    let store = SqliteStore::open(folder.join("runs.db")).unwrap();
    assert_eq!(store.all_runs().await.unwrap().len(), 2);
}

#[tokio::test]
async fn links_lead_to_one_database() {
    let (folder, links) = (tempdir().unwrap(), tempdir().unwrap());
    let path = folder.path().join("runs.db");
    let link = links.path().join("link.db");
    let further = links.path().join("further.db");
    symlink(&path, &link).unwrap();
    symlink("link.db", &further).unwrap();
    // The first one to open it makes the file behind the link.
    let first = SqliteStore::open(&further).unwrap();
    run_to(&first, "run", 1).await;
    let second = SqliteStore::open(&path).unwrap();
    assert_eq!(first.path(), second.path());
    let other = second.acquire("run", Claim::new("berta", LONG)).await;
    assert!(matches!(other, Err(StoreError::LeaseHeld { .. })));
    drop(first);
    let third = SqliteStore::open(&link).unwrap();
    assert_eq!(
        third
            .acquire("run", Claim::new("berta", LONG))
            .await
            .unwrap()
            .epoch,
        2
    );
    drop((second, third));
    assert_eq!(names(folder.path()), ["runs.db", "runs.db-owners"]);
    assert_eq!(names(links.path()), ["further.db", "link.db"]);
}

#[test]
fn links_that_lead_nowhere_are_refused() {
    let folder = tempdir().unwrap();
    let (a, b) = (folder.path().join("a.db"), folder.path().join("b.db"));
    symlink(&a, &b).unwrap();
    symlink(&b, &a).unwrap();
    let error = SqliteStore::open(&a).unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    let lost = folder.path().join("lost.db");
    symlink("nowhere/runs.db", &lost).unwrap();
    let error = SqliteStore::open(&lost).unwrap_err();
    assert!(error.to_string().contains("there is no folder"), "{error}");
}

#[tokio::test]
async fn a_second_hard_link_is_refused_until_it_is_gone() {
    let folder = tempdir().unwrap();
    let (path, other) = (
        folder.path().join("runs.db"),
        folder.path().join("other.db"),
    );
    let store = SqliteStore::open(&path).unwrap();
    let lease = run_to(&store, "run", 1).await;
    fs::hard_link(&path, &other).unwrap();
    for name in [&path, &other] {
        let error = SqliteStore::open(name).unwrap_err();
        assert!(matches!(error, StoreError::Linked { .. }), "{error:?}");
        assert!(error.to_string().contains("hard links"), "{error}");
    }
    let step = next("run", 2, Access::Held { epoch: lease.epoch });
    let error = store.commit(step.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Linked { .. }), "{error:?}");
    fs::remove_file(&other).unwrap();
    now(&store, step).await;
    assert_eq!(
        names(folder.path()),
        ["runs.db", "runs.db-owners", "runs.db-shm", "runs.db-wal"],
        "there is nothing next to the other name"
    );
}

#[tokio::test]
async fn a_path_is_a_path_whatever_it_is_called() {
    let Some(folder) = std::env::var_os("STORE_NAMES_FOLDER").map(PathBuf::from) else {
        let folder = tempdir().unwrap();
        elsewhere("a_path_is_a_path_whatever_it_is_called", folder.path());
        return;
    };
    std::env::set_current_dir(&folder).unwrap();
    let odd: [&[u8]; 10] = [
        b"file:runs.db",
        b"file:runs.db?mode=memory",
        b"file::memory:",
        b"file:///runs.db",
        b"runs?mode=ro.db",
        b"100%25.db",
        b"runs#1.db",
        b" ",
        b"r\xc3\xa4ums.db",
        b"\xff\xfe.db",
    ];
    for name in odd {
        let shown = String::from_utf8_lossy(name).into_owned();
        let path = Path::new(OsStr::from_bytes(name));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(folder.join(parent)).unwrap();
        }
        let store = SqliteStore::open(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
        run_to(&store, "run", 1).await;
        assert_eq!(store.head("run").await.unwrap().unwrap().step, 1, "{shown}");
        drop(store);
        let wanted = folder.join(path);
        assert!(wanted.is_file(), "{shown}");
        let mut owners = wanted.clone().into_os_string();
        owners.push("-owners");
        assert!(Path::new(&owners).is_dir(), "{shown}");
        let store = SqliteStore::open(folder.join(path)).unwrap();
        assert_eq!(store.all_runs().await.unwrap().len(), 1, "{shown}");
    }
}

#[test]
fn what_no_file_can_be_called_is_refused() {
    let folder = tempdir().unwrap();
    let mut deep = folder.path().to_owned();
    while deep.as_os_str().len() < 500 {
        deep.push("d".repeat(60));
        fs::create_dir(&deep).unwrap();
    }
    let cases = [
        (deep.join("runs.db"), "longer than 504 bytes"),
        (folder.path().join("nul\0.db"), "nul"),
        (folder.path().join("n".repeat(300)), "too long"),
        (folder.path().join("n".repeat(250)), "too long"),
    ];
    for (path, reason) in cases {
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}
