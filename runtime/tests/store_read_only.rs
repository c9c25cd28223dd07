//! A database that is only read: what a read finds, what is refused, and that nothing
//! changes on the disk.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use superstep::store::{
    Access, Claim, Head, Pages, Park, Prune, RunFilter, Snapshot, SqliteStore, Status, Store,
    StoreError, StoreExt, StoreFuture,
};
use tempfile::{TempDir, tempdir};

use store_support::{
    LONG, all, answer, behind, digest, first, fork, fullest, journal, now, question, run_to, take,
};

/// All that is in a folder. Read only while no connection of this process is open:
/// closing a file drops the locks that SQLite has on it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files = BTreeMap::new();
    for path in entries {
        if path.is_dir() {
            files.extend(self::files(&path));
        }
        files.insert(path.clone(), fs::read(&path).ok());
    }
    files
}

/// A database with one of everything, closed.
async fn fullest_database() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file:odd %41?name=#1.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = run_to(&store, "order-7", 1).await;
    store
        .journal(journal("order-7", lease.epoch, 2))
        .await
        .unwrap();
    let mut park = parked("order-7", lease.epoch);
    park.questions.push(question(2, "really"));
    store.park(park).await.unwrap();
    let lease = now(&store, first("research-42", take("anna"))).await;
    let held = Access::Held { epoch: lease.epoch };
    now(&store, fullest("research-42", 1, held)).await;
    store.label("research-42", 1, "draft").await.unwrap();
    now(&store, fork("research-43", "research-42", 1)).await;
    drop(store);
    (folder, path)
}

fn parked(run: &str, epoch: u64) -> Park {
    Park::new(run, epoch, Status::Interrupted)
}

/// All that a store shows of all runs.
async fn everything(store: &SqliteStore) -> String {
    let heads = store.all_runs().await.unwrap();
    let mut shown = format!("{heads:#?}{:#?}", store.all_stuck().await.unwrap());
    for head in heads {
        shown += &all(store, &head.run).await.unwrap();
        shown += &format!("{:#?}", store.all_digests(&head.run).await.unwrap());
        shown += &format!("{:#?}", store.graph(head.fingerprint).await.unwrap());
        assert_eq!(store.head(&head.run).await.unwrap(), Some(head));
    }
    shown
}

#[tokio::test]
async fn every_look_shows_what_a_writer_sees_and_nothing_changes_on_the_disk() {
    let (folder, path) = fullest_database().await;
    let before = files(folder.path());
    let store = SqliteStore::open_read_only(&path).unwrap();
    let shown = everything(&store).await;
    assert!(files(folder.path()) == before, "while it is open");
    assert_eq!(
        (store.path(), store.log_bytes().unwrap()),
        (path.as_path(), 0)
    );
    assert_eq!(store.health().held_up, None);
    drop(store);
    assert!(files(folder.path()) == before, "when it was closed");
    assert_eq!(everything(&SqliteStore::open(&path).unwrap()).await, shown);
}

#[tokio::test]
async fn every_method_that_writes_is_refused() {
    let (folder, path) = fullest_database().await;
    let before = files(folder.path());
    let store = SqliteStore::open_read_only(&path).unwrap();
    let prune = Prune::runs().statuses([Status::Completed]);
    let snapshot = Snapshot::new(1, "{}", digest("state", 1));
    let (run, epoch) = ("order-7", 1);
    fn refused<'a, T: 'a>(call: StoreFuture<'a, T>) -> StoreFuture<'a, StoreError> {
        Box::pin(async move { Ok(call.await.err().expect("it is refused")) })
    }
    let calls = [
        (
            "acquire",
            refused(store.acquire(run, Claim::new("anna", LONG))),
        ),
        ("renew", refused(store.renew(run, epoch, LONG))),
        ("release", refused(store.release(run, epoch))),
        ("commit", refused(store.commit(first("new", take("anna"))))),
        ("journal", refused(store.journal(journal(run, epoch, 2)))),
        ("park", refused(store.park(parked(run, epoch)))),
        ("answer", refused(store.answer(answer(run, "really")))),
        (
            "put_snapshot",
            refused(store.put_snapshot(run, epoch, snapshot)),
        ),
        ("label", refused(store.label(run, 1, "final"))),
        ("prune", refused(store.prune(&prune))),
        ("mark_delivered", refused(store.mark_delivered(&[1]))),
    ];
    for (call, refused) in calls {
        let error = refused.await.unwrap();
        assert!(
            matches!(error, StoreError::ReadOnly { .. }),
            "{call}: {error}"
        );
        assert!(error.to_string().contains("`open_read_only`"), "{error}");
    }
    assert!(files(folder.path()) == before);
}

fn golden(name: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::copy(golden.join(name), &path).unwrap();
    (folder, path)
}

fn schema_of(path: &Path) -> u32 {
    behind(path)
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// In pages of one run, those of every status, alone and with a graph's name.
async fn filtered(store: &SqliteStore) -> Vec<(String, Head)> {
    let mut found = Vec::new();
    let heads = store.all_runs().await.unwrap();
    for Head { status, graph, .. } in heads {
        let filters = [
            RunFilter::new().status(status),
            RunFilter::new().graph(&graph),
            RunFilter::new().graph(&graph).status(status),
        ];
        for filter in filters {
            let mut pages = Pages::of(1);
            while let Some(page) = pages.next() {
                let listed = pages.turn(store.runs(&filter, page).await.unwrap());
                found.extend(listed.into_iter().map(|head| (format!("{filter:?}"), head)));
            }
        }
    }
    found
}

/// What the heads and steps of older schemas lack is what their migration would say.
#[tokio::test]
async fn runs_of_older_schemas_are_read_as_they_are() {
    for (name, schema) in [
        ("v1.sqlite", 1),
        ("v2.sqlite", 2),
        ("v3.sqlite", 3),
        ("v4.sqlite", 4),
        ("v5.sqlite", 5),
    ] {
        let (folder, path) = golden(name);
        behind(&path)
            .execute("UPDATE runs SET version = 7 WHERE id = 'order-7'", [])
            .unwrap();
        let before = files(folder.path());
        let store = SqliteStore::open_read_only(&path).unwrap();
        let heads = store.all_runs().await.unwrap();
        let mut steps = Vec::new();
        for head in &heads {
            assert_eq!(store.head(&head.run).await.unwrap().as_ref(), Some(head));
            steps.push(store.all_steps(&head.run, 0, u64::MAX).await.unwrap());
        }
        let listed = filtered(&store).await;
        assert!(heads.len() >= 2 && steps.iter().all(|steps| !steps.is_empty()));
        assert!(store.head("nobody").await.unwrap().is_none());

        assert!(files(folder.path()) == before, "{name}");
        assert_eq!(schema_of(&path), schema);
        let upgraded = SqliteStore::open(&path).unwrap();
        assert_eq!(upgraded.all_runs().await.unwrap(), heads, "{name}");
        assert_eq!(filtered(&upgraded).await, listed, "{name}");
        for (head, steps) in heads.iter().zip(steps) {
            let found = upgraded.all_steps(&head.run, 0, u64::MAX).await.unwrap();
            assert_eq!(found, steps, "{} of {name}", head.run);
        }
        // What was open meanwhile sees the new schema, whole.
        assert_eq!(everything(&store).await, everything(&upgraded).await);
    }
}

#[tokio::test]
async fn all_else_of_an_older_schema_is_an_error_that_names_both() {
    for (name, schema) in [
        ("v1.sqlite", 1),
        ("v2.sqlite", 2),
        ("v3.sqlite", 3),
        ("v4.sqlite", 4),
        ("v5.sqlite", 5),
    ] {
        let (folder, path) = golden(name);
        let before = files(folder.path());
        let store = SqliteStore::open_read_only(&path).unwrap();
        let run = "research-42";
        let graph = store.head(run).await.unwrap().unwrap().fingerprint;
        let errors = [
            ("load", store.load(run).await.err()),
            ("digests", store.all_digests(run).await.err()),
            ("effects", store.all_effects(run, 0, 9).await.err()),
            ("questions", store.questions(run).await.err()),
            ("snapshot", store.snapshot(run, 9).await.err()),
            ("graph", store.graph(graph).await.err()),
            ("labels", store.labels(run).await.err()),
            ("outbox", store.outbox(9).await.err()),
            ("stuck", store.all_stuck().await.err()),
        ];
        for (call, error) in errors {
            let error = error.unwrap();
            let StoreError::OldSchema { found, needed, .. } = error else {
                panic!("{call}: {error}")
            };
            assert_eq!(found, schema, "{call}");
            assert!(needed > schema, "{call}");
            assert!(error.to_string().contains("`SqliteStore::open`"), "{error}");
        }
        let error = store.release(run, 1).await.unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
        assert!(files(folder.path()) == before);
    }
}

fn refusal(path: &Path) -> StoreError {
    SqliteStore::open_read_only(path).expect_err("this must not open")
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_nothing_is_made() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty"), "").unwrap();
    fs::write(path("letter.txt"), "Dear Anna, ".repeat(2_000)).unwrap();
    let foreign = behind(&path("foreign.db"));
    foreign
        .execute_batch("CREATE TABLE recipes (name)")
        .unwrap();
    drop(foreign);
    drop(SqliteStore::open(path("newer.db")).unwrap());
    let newer = behind(&path("newer.db"));
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    fs::copy(path("foreign.db"), path("orphan.db-wal")).unwrap();
    let before = files(folder.path());
    type Check = fn(&StoreError) -> bool;
    let cannot_open: Check = |error| matches!(error, StoreError::CannotOpen { .. });
    let cases: [(&str, Check, &str); 8] = [
        ("empty", cannot_open, "an empty one"),
        ("nothing", cannot_open, "there is no such file"),
        ("nowhere/runs.db", cannot_open, "there is no folder"),
        ("", cannot_open, "it is a folder"),
        ("orphan.db", cannot_open, "put the file back"),
        (
            "letter.txt",
            |error| matches!(error, StoreError::NotADatabase { .. }),
            "not a SQLite database",
        ),
        (
            "foreign.db",
            |error| matches!(error, StoreError::Foreign { .. }),
            "not one of superstep's",
        ),
        (
            "newer.db",
            |error| matches!(error, StoreError::NewerSchema { found: 99, .. }),
            "update superstep",
        ),
    ];
    for (name, check, word) in cases {
        let error = refusal(&path(name));
        assert!(check(&error), "{name}: {error}");
        assert!(error.to_string().contains(word), "{name}: {error}");
    }
    assert!(files(folder.path()) == before);
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_noticed() {
    let (folder, path) = fullest_database().await;
    let store = SqliteStore::open_read_only(&path).unwrap();
    let away = folder.path().join("away.db");
    fs::rename(&path, &away).unwrap();
    let error = store.all_runs().await.unwrap_err();
    assert!(matches!(error, StoreError::Moved { .. }), "{error}");
    fs::rename(&away, &path).unwrap();
    assert_eq!(store.all_runs().await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_owner_in_this_process_is_seen_at_once_and_closes_as_if_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let owner = SqliteStore::open(&path).unwrap();
    let store = SqliteStore::open_read_only(&path).unwrap();
    for run in 0..50 {
        run_to(&owner, &format!("run-{run:02}"), 1).await;
        let heads = store.all_runs().await.unwrap();
        assert_eq!(heads, owner.all_runs().await.unwrap());
        assert_eq!(heads.len(), run + 1);
    }
    assert_eq!(store.log_bytes().unwrap(), owner.log_bytes().unwrap());
    drop(owner);
    let log_and_index = ["-wal", "-shm"].map(|suffix| beside(&path, suffix).exists());
    assert_eq!(log_and_index, [false; 2], "the last one cleans up");
    assert_eq!(store.all_runs().await.unwrap().len(), 50);
}

/// SQLite maps an index once for a whole process; a read must not be the one that
/// decides that nobody may write to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_opens_beside_looks_and_can_write() {
    let (_folder, path) = left_by_the_dead().await;
    let store = SqliteStore::open_read_only(&path).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let looks = [(); 3].map(|()| {
        let (store, over) = (store.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) {
                store.all_runs().await.unwrap();
                looks += 1;
            }
            looks
        })
    });
    for run in 0..40 {
        let owner = SqliteStore::open(&path).unwrap();
        run_to(&owner, &format!("run-{run}"), 1).await;
    }
    over.store(true, Ordering::Relaxed);
    for looks in looks {
        assert!(looks.await.unwrap() > 0);
    }
    assert_eq!(store.all_runs().await.unwrap().len(), 41);
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The three files as a killed owner leaves them, with a commit in the log.
async fn left_by_the_dead() -> (TempDir, PathBuf) {
    let (folder, left) = (tempdir().unwrap(), tempdir().unwrap());
    let path = folder.path().join("runs.db");
    let owner = SqliteStore::open(&path).unwrap();
    run_to(&owner, "run", 3).await;
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("runs.db{suffix}");
        fs::copy(folder.path().join(&name), left.path().join(&name)).unwrap();
    }
    let path = left.path().join("runs.db");
    (left, path)
}

#[tokio::test]
async fn the_log_of_the_dead_is_read_through_its_index_and_both_stay() {
    let (folder, path) = left_by_the_dead().await;
    let before = files(folder.path());
    assert!(
        before[&folder.path().join("runs.db-wal")]
            .as_ref()
            .unwrap()
            .len()
            > 4_096
    );
    let store = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(store.head("run").await.unwrap().unwrap().step, 3);
    let shown = everything(&store).await;
    assert!(files(folder.path()) == before);
    assert_eq!(everything(&SqliteStore::open(&path).unwrap()).await, shown);
}

#[tokio::test]
async fn a_log_without_its_index_is_no_reason_to_show_less() {
    let (folder, path) = left_by_the_dead().await;
    let open = SqliteStore::open_read_only(&path).unwrap();
    let index = folder.path().join("runs.db-shm");
    fs::remove_file(&index).unwrap();
    let before = files(folder.path());
    for error in [refusal(&path), open.all_runs().await.unwrap_err()] {
        let StoreError::NeedsRecovery { log, .. } = &error else {
            panic!("{error}")
        };
        assert!(log.ends_with("runs.db-wal"), "{log}");
        let text = error.to_string();
        assert!(text.contains("as a user who may write"), "{text}");
    }
    assert!(files(folder.path()) == before);
    let owner = SqliteStore::open(&path).unwrap();
    assert_eq!(owner.head("run").await.unwrap().unwrap().step, 3);
    assert_eq!(open.head("run").await.unwrap().unwrap().step, 3);
}

#[tokio::test]
async fn an_empty_log_is_as_good_as_none() {
    for index in [None, Some(Vec::new()), Some(vec![0; 32_768])] {
        let (folder, path) = fullest_database().await;
        let shown = everything(&SqliteStore::open_read_only(&path).unwrap()).await;
        fs::write(beside(&path, "-wal"), "").unwrap();
        if let Some(index) = index {
            fs::write(beside(&path, "-shm"), index).unwrap();
        }
        let before = files(folder.path());
        let store = SqliteStore::open_read_only(&path).unwrap();
        assert_eq!(everything(&store).await, shown);
        assert!(files(folder.path()) == before);
    }
}

/// What a killed process was writing to a database that had no log yet.
#[tokio::test]
async fn a_change_that_was_left_half_done_is_not_shown() {
    let (folder, left) = (tempdir().unwrap(), tempdir().unwrap());
    let path = folder.path().join("runs.db");
    drop(SqliteStore::open(&path).unwrap());
    let writing = behind(&path);
    writing
        .execute_batch(
            "PRAGMA journal_mode = delete;
             PRAGMA cache_size = 1;
             BEGIN;
             WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 2000)
             INSERT INTO labels SELECT 1, hex(randomblob(400)), value FROM n;",
        )
        .unwrap();
    for name in ["runs.db", "runs.db-journal"] {
        fs::copy(folder.path().join(name), left.path().join(name)).unwrap();
    }
    let path = left.path().join("runs.db");
    let before = files(left.path());
    let error = refusal(&path);
    let StoreError::NeedsRecovery { log, .. } = &error else {
        panic!("{error}")
    };
    assert!(log.ends_with("runs.db-journal"), "{log}");
    assert!(files(left.path()) == before);
    SqliteStore::open(&path).unwrap();
    assert!(
        SqliteStore::open_read_only(&path)
            .unwrap()
            .all_runs()
            .await
            .unwrap()
            .is_empty()
    );
}
