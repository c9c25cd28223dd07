//! Opening: what is there is recognised, and nothing of others is touched.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use superstep::store::{SqliteStore, Status, StepKind, Store, StoreError};
use tempfile::tempdir;

fn refusal(path: &Path) -> StoreError {
    SqliteStore::open(path).expect_err("this must not open")
}

#[test]
fn a_path_is_all_the_configuration() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    drop(SqliteStore::open(&path).unwrap());
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.path(), path);
    let pragma = |name: &str| -> i64 {
        let conn = Connection::open(&path).unwrap();
        conn.pragma_query_value(None, name, |row| row.get(0))
            .unwrap()
    };
    assert_eq!(pragma("user_version"), 1);
    assert_eq!(pragma("application_id").to_be_bytes()[4..], *b"sstp");
}

#[test]
fn closing_leaves_one_file_and_an_empty_folder() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    drop(SqliteStore::open(&path).unwrap());
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["runs.db", "runs.db-owners"]);
    assert_eq!(
        fs::read_dir(folder.path().join("runs.db-owners"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn an_empty_file_and_an_empty_database_become_stores() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("touched.db");
    fs::write(&path, "").unwrap();
    SqliteStore::open(&path).unwrap();
    let path = folder.path().join("vacuumed.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("VACUUM")
        .unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn many_may_create_it_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    std::thread::scope(|scope| {
        let openers = [(); 8].map(|()| scope.spawn(|| SqliteStore::open(&path).map(drop)));
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
}

#[test]
fn what_is_no_path_of_a_file_is_refused_with_the_reason() {
    let folder = tempdir().unwrap();
    let inside = folder.path().join("nowhere/runs.db");
    let cases = [
        (Path::new(""), "the path is empty"),
        (Path::new(":memory:"), "take `MemoryStore`"),
        (folder.path(), "it is a folder"),
        (&inside, "there is no folder"),
    ];
    for (path, reason) in cases {
        let error = refusal(path);
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn another_file_is_refused_and_not_touched() {
    let folder = tempdir().unwrap();
    for (name, content) in [
        ("letter.txt", b"Dear Anna,".to_vec()),
        ("long.txt", b"Dear Anna, ".repeat(2_000)),
        ("zeros", vec![0; 8_192]),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, &content).unwrap();
        let error = refusal(&path);
        assert!(
            matches!(&error, StoreError::NotADatabase { path } if path.ends_with(name)),
            "{name}: {error:?}"
        );
        assert!(fs::read(&path).unwrap() == content, "{name} was changed");
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "nothing beside them"
    );
}

#[test]
fn a_foreign_database_is_refused_and_not_touched() {
    let folder = tempdir().unwrap();
    for setting in [
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 77",
        "PRAGMA journal_mode = wal",
    ] {
        let path = folder.path().join("recipes.db");
        let _ = fs::remove_file(&path);
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch("CREATE TABLE recipes (name TEXT)")
            .unwrap();
        conn.query_row(setting, [], |_| Ok(())).ok();
        drop(conn);
        let before = fs::read(&path).unwrap();
        let error = refusal(&path);
        assert!(
            matches!(error, StoreError::Foreign { .. }),
            "{setting}: {error:?}"
        );
        assert!(
            fs::read(&path).unwrap() == before,
            "{setting}: it was changed"
        );
        assert!(!folder.path().join("recipes.db-owners").exists());
    }
}

#[test]
fn a_newer_schema_is_refused_and_not_touched() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    drop(SqliteStore::open(&path).unwrap());
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 7).unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(
        matches!(
            error,
            StoreError::NewerSchema {
                found: 7,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("update superstep"));
    assert!(fs::read(&path).unwrap() == before);
}

/// Runs the test of that name again as a user who is not root, because root may
/// write everywhere. `None` if this process is that user.
#[cfg(unix)]
fn as_nobody(test: &str) -> Option<bool> {
    use std::os::unix::process::CommandExt;
    if std::env::var_os("STORE_OPEN_NOBODY").is_some() {
        return None;
    }
    let probe = tempdir().unwrap();
    let read_only = probe.path().join("probe");
    fs::create_dir(&read_only).unwrap();
    set_mode(&read_only, 0o555);
    if fs::write(read_only.join("x"), "").is_err() {
        return None;
    }
    // The test binary may lie where nobody else can reach it.
    let copied = probe.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copied).unwrap();
    set_mode(&copied, 0o755);
    set_mode(probe.path(), 0o755);
    let status = Command::new(&copied)
        .args(["--exact", test])
        .env("STORE_OPEN_NOBODY", "1")
        .current_dir("/")
        .uid(65_534)
        .gid(65_534)
        .status()
        .unwrap();
    Some(status.success())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[test]
fn what_cannot_be_written_is_read_only() {
    if let Some(passed) = as_nobody("what_cannot_be_written_is_read_only") {
        return assert!(passed);
    }
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let is_read_only = |what: &str| {
        let error = refusal(&path);
        assert!(
            matches!(error, StoreError::ReadOnly { .. }),
            "{what}: {error:?}"
        );
    };
    set_mode(folder.path(), 0o555);
    is_read_only("a new file in a folder without the right to write");
    set_mode(folder.path(), 0o755);
    drop(SqliteStore::open(&path).unwrap());
    set_mode(&path, 0o444);
    is_read_only("a file without the right to write");
    set_mode(&path, 0o644);
    set_mode(folder.path(), 0o555);
    is_read_only("a file in a folder without the right to write");
    set_mode(folder.path(), 0o755);
    set_mode(&path, 0o000);
    let error = refusal(&path);
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    assert!(error.to_string().contains("may not read it"), "{error}");
    set_mode(&path, 0o644);
    SqliteStore::open(&path).unwrap();
}

/// Schema 1 as it was released, with two runs in it. Never written again: a
/// later schema gets a file of its own beside it.
#[tokio::test]
async fn a_database_of_schema_1_opens() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1.sqlite");
    fs::copy(golden, &path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let heads = store.runs().await.unwrap();
    let ids: Vec<_> = heads
        .iter()
        .map(|head| (head.run.as_str(), head.status))
        .collect();
    assert_eq!(
        ids,
        [
            ("order-7", Status::Failed),
            ("research-42", Status::Completed)
        ]
    );
    assert_eq!(heads[0].error.as_deref(), Some("node `pay` failed"));

    let open = store.load("order-7").await.unwrap().unwrap();
    assert_eq!((open.pending.len(), open.snapshot.is_none()), (1, true));
    let done = store.load("research-42").await.unwrap().unwrap();
    assert_eq!(done.head.seed, u64::MAX);
    assert_eq!(done.head.token.as_deref(), Some("msg-1"));
    assert_eq!(done.snapshot.unwrap().step, 2);
    let steps = store.steps("research-42", 0, 9).await.unwrap();
    let kinds: Vec<_> = steps.iter().map(|step| step.kind).collect();
    assert_eq!(
        kinds,
        [
            StepKind::Input,
            StepKind::Step,
            StepKind::Turn,
            StepKind::Step
        ]
    );
    assert_eq!(steps[1].updates, r#"{"notes":["ü"]}"#);
    assert_eq!(store.outbox(9).await.unwrap().len(), 2);
    assert!(store.graph(heads[0].fingerprint).await.unwrap().is_some());

    let lease = store
        .acquire("order-7", "anna", std::time::Duration::from_secs(9))
        .await
        .unwrap();
    assert_eq!(lease.epoch, 2, "it can be gone on with");
}

/// The schema people read in the documentation is the one in the database.
#[test]
fn the_documented_schema_is_the_real_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let documented = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/v1.sql");
    drop(SqliteStore::open(&path).unwrap());
    let documentation = Connection::open_in_memory().unwrap();
    documentation
        .execute_batch(&fs::read_to_string(documented).unwrap())
        .unwrap();
    let dump = |conn: &Connection| -> Vec<(String, String, Option<String>)> {
        let sql = "SELECT type, name, sql FROM sqlite_schema ORDER BY name";
        let mut query = conn.prepare(sql).unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(
        dump(&Connection::open(&path).unwrap()),
        dump(&documentation)
    );
}
