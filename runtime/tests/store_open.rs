//! Opening: what is there is recognised, and nothing of others is touched.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use superstep::store::{Prune, SqliteStore, Status, Store, StoreError, StoreExt};
use tempfile::tempdir;

use store_support::{newest_schema, run_to};

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
    assert_eq!(pragma("user_version"), newest_schema());
    assert_eq!(pragma("auto_vacuum"), 2, "it can give pages back");
    assert_eq!(pragma("application_id").to_be_bytes()[4..], *b"sstp");
}

#[tokio::test]
async fn closing_leaves_one_file_and_an_empty_folder() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.all_runs().await.unwrap().is_empty());
    drop(store);
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

/// SQLite and the clock have limits, which nobody who waits for long must run into.
#[tokio::test]
async fn a_busy_timeout_of_any_length_opens_reads_and_writes() {
    let folder = tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1.sqlite");
    let month = Duration::from_secs(30 * 24 * 3_600);
    for (number, timeout) in [Duration::ZERO, month, Duration::MAX]
        .into_iter()
        .enumerate()
    {
        let path = folder.path().join(format!("{number}.db"));
        let open = || SqliteStore::options().busy_timeout(timeout).open(&path);
        drop(open().unwrap());
        drop(open().unwrap());
        fs::copy(&golden, &path).unwrap();
        let store = open().unwrap();
        run_to(&store, "run", 1).await;
        assert_eq!(store.head("run").await.unwrap().unwrap().step, 1);
        let everything = Prune::runs()
            .statuses([Status::Completed])
            .older_than(Duration::MAX);
        assert_eq!(store.prune(&everything).await.unwrap().runs, 0);
    }
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
    let vacuum = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0));
    assert_eq!(
        vacuum.unwrap(),
        2,
        "it can give pages back from the beginning"
    );
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
        "nothing next to them"
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
    let known = u32::try_from(newest_schema()).unwrap();
    conn.pragma_update(None, "user_version", known + 1).unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(
        matches!(error, StoreError::NewerSchema { found, known: told, .. }
            if found == known + 1 && told == known),
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

/// What counts in a statement; a column that a migration added is in its table
/// with other white space and no comment.
fn without_comments(sql: &str) -> String {
    let code = sql.lines().map(|line| line.split("--").next().unwrap());
    let words: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    words.join(" ").replace(" ,", ",").replace(" )", ")")
}

/// The schema people read in the documentation is the one in the database.
#[test]
fn the_documented_schema_is_the_real_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let documented = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema.sql");
    drop(SqliteStore::open(&path).unwrap());
    let documentation = Connection::open_in_memory().unwrap();
    documentation
        .execute_batch(&fs::read_to_string(documented).unwrap())
        .unwrap();
    let dump = |conn: &Connection| -> Vec<(String, String, String)> {
        let sql = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY name";
        let mut query = conn.prepare(sql).unwrap();
        let rows = query.query_map([], |row| {
            let sql: String = row.get(2)?;
            Ok((row.get(0)?, row.get(1)?, without_comments(&sql)))
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(
        dump(&Connection::open(&path).unwrap()),
        dump(&documentation)
    );
}
