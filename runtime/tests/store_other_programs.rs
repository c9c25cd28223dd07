//! Programs of other versions that have the file open while it gets a newer schema: whatever they
//! then do fails as a whole, and is told as what it is.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use superstep::store::{Park, SqliteStore, Status, Store, StoreError};
use tempfile::{TempDir, tempdir};

use store_support::{behind, first, newest_schema, run_to, take};

/// What a program of schema 5 begins each of its transactions with that writes of a run: it reads
/// the run's row, alone or with its fork, or makes one. Other statements on `runs` stand behind these.
const BEGINNING: [&str; 3] = [
    "SELECT number, step, chain, owner, epoch, expires, lock, status, claim, parked, \
     grace FROM runs \
     WHERE id = ?1",
    "SELECT runs.number, runs.id, runs.graph, runs.fingerprint, runs.version, \
     runs.seed, runs.created, runs.updated, runs.status, runs.step, runs.turn, runs.turn_step, \
     runs.chain, runs.epoch, runs.expires, runs.owner, runs.token, runs.error, runs.pruned, \
     forks.origin_step, origins.id AS origin, runs.counted_from, runs.changed, runs.changed_to, \
     runs.changed_version FROM runs \
     LEFT JOIN forks ON forks.run = runs.number \
     LEFT JOIN runs AS origins ON origins.number = forks.origin WHERE runs.id = ?1",
    "INSERT INTO runs (id, graph, fingerprint, version, seed, created, updated, status, \
     step, turn, turn_step, counted_from, chain, epoch, expires, token) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?6, ?13)",
];

/// And what it ends those with that take, keep or give back a lease: commits, parks, and the calls of
/// leases themselves.
const ENDING: [&str; 2] = [
    "UPDATE runs SET expires = ?2, grace = ?3 WHERE number = ?1",
    "UPDATE runs SET owner = ?2, epoch = ?3, expires = ?4, claim = ?5, parked = ?6, lock = ?7, \
     grace = ?8 \
     WHERE number = ?1",
];

fn golden() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v5.sqlite");
    fs::copy(golden, &path).unwrap();
    (folder, path)
}

#[test]
fn a_program_of_schema_5_writes_nothing_of_a_run_any_more() {
    let (_folder, path) = golden();
    let old = behind(&path);
    // As it is in a transaction of that program, which is not committed after an error.
    let fits = |sql: &str| {
        old.execute_batch("BEGIN IMMEDIATE").unwrap();
        let done = old
            .prepare(sql)
            .and_then(|mut statement| statement.raw_query().next().map(drop));
        old.execute_batch("ROLLBACK").unwrap();
        done
    };
    for sql in BEGINNING.into_iter().chain(ENDING) {
        let fits = fits(sql);
        let is_empty = |error: &rusqlite::Error| error.to_string().contains("NOT NULL");
        assert!(
            fits.as_ref().err().is_none_or(is_empty),
            "schema 5 has it: {fits:?}"
        );
    }
    drop(SqliteStore::open(&path).unwrap());
    for sql in BEGINNING.into_iter().chain(ENDING) {
        let error = fits(sql).unwrap_err().to_string();
        assert!(error.contains("expires"), "{sql}: {error}");
    }
    // Nor does it write an effect that would be of no class.
    let effect = "INSERT OR REPLACE INTO effects (place, task, name, n, kind, call, attempt, request, \
                  excerpt, response, error, recorded) \
                  VALUES (1, x'00', 'fetch', 0, 'done', 0, 1, x'00', '', '', NULL, 0)";
    let error = old.execute(effect, []).unwrap_err().to_string();
    assert!(error.contains("effects.class"), "{error}");
}

/// What a newer program does to a file that this one has open.
fn upgrade(path: &Path, change: &str) {
    let conn = behind(path);
    let next = newest_schema() + 1;
    conn.execute_batch(&format!(
        "BEGIN; {change}; PRAGMA user_version = {next}; COMMIT;"
    ))
    .unwrap();
}

fn is_newer<T>(result: Result<T, StoreError>) -> bool {
    let next = u32::try_from(newest_schema()).unwrap() + 1;
    matches!(
        result.map(drop),
        Err(StoreError::NewerSchema { found, known, .. }) if found == next && known + 1 == next
    )
}

#[tokio::test]
async fn a_schema_that_grew_under_an_open_store_is_told_as_that() {
    let changes = [
        "ALTER TABLE runs RENAME COLUMN lapses TO ends",
        "ALTER TABLE runs RENAME TO flows",
    ];
    for change in changes {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let store = SqliteStore::open(&path).unwrap();
        let lease = run_to(&store, "run", 1).await;
        store.head("run").await.unwrap();
        upgrade(&path, change);
        let park = Park::new("run", lease.epoch, Status::Paused);
        assert!(is_newer(store.park(park).await), "{change}");
        let commit = first("new", take("anna"));
        assert!(is_newer(store.commit(commit).await), "{change}");
        assert!(
            is_newer(store.release("run", lease.epoch).await),
            "{change}"
        );
        assert!(is_newer(store.head("run").await), "{change}");
        assert!(is_newer(store.load("run").await), "{change}");
        assert!(is_newer(SqliteStore::open(&path)), "{change}");
    }
}

/// Of many at once, each is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_caller_of_a_group_is_told() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    upgrade(&path, "ALTER TABLE runs RENAME COLUMN lapses TO ends");
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = store.clone();
        let run = number.to_string();
        crowd.spawn(async move { is_newer(store.commit(first(&run, take("anna"))).await) });
    }
    assert!(crowd.join_all().await.into_iter().all(|told| told));
}

/// Only a schema that grew is the reason; a damaged one is not.
#[tokio::test]
async fn a_schema_that_is_damaged_is_not_taken_for_a_newer_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).unwrap();
    run_to(&store, "run", 0).await;
    let conn: Connection = behind(&path);
    conn.execute_batch("ALTER TABLE runs RENAME COLUMN lapses TO ends")
        .unwrap();
    for error in [
        store.head("run").await.unwrap_err(),
        store.release("run", 1).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, StoreError::Backend { message, .. } if message.contains("lapses")),
            "{error:?}"
        );
    }
}
