//! What can only be shown from inside: faults of the writing connection itself.

use std::time::Duration;

use tempfile::tempdir;

use super::errors::Fail;
use super::{SqliteStore, Synchronous};
use crate::store::{CallOutcome, StoreError, StoreExt};

fn open(path: &std::path::Path) -> SqliteStore {
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    options.open(path).unwrap()
}

async fn fill(store: &SqliteStore, bytes: usize) -> Result<(), StoreError> {
    let text = "x".repeat(bytes);
    let fill = move |conn: &rusqlite::Connection| -> Result<(), Fail> {
        conn.execute(
            "INSERT INTO graphs VALUES (randomblob(32), ?1)",
            [text.as_str()],
        )?;
        Ok(())
    };
    store.write(fill).await
}

async fn graphs(store: &SqliteStore) -> i64 {
    let count = |conn: &rusqlite::Connection| {
        Ok(conn.query_row("SELECT count(*) FROM graphs", [], |row| row.get(0))?)
    };
    store.read(count).await.unwrap()
}

async fn limit_pages(store: &SqliteStore, more: i64) {
    let limit = move |conn: &rusqlite::Connection| -> Result<(), Fail> {
        let pages: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let sql = format!("PRAGMA max_page_count = {}", pages + more);
        Ok(conn.query_row(&sql, [], |_| Ok(()))?)
    };
    store.write(limit).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_store_goes_on_when_there_is_room() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    fill(&store, 10).await.unwrap();
    limit_pages(&store, 2).await;
    for _ in 0..3 {
        let error = fill(&store, 100_000).await.unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    }
    assert_eq!(graphs(&store).await, 1, "nothing of it was written");
    fill(&store, 10).await.unwrap();
    limit_pages(&store, 1_000).await;
    fill(&store, 100_000).await.unwrap();
    assert_eq!(graphs(&store).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_spares_those_of_the_group_that_fit() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    limit_pages(&store, 3).await;
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..50 {
        let store = store.clone();
        let bytes = if number == 25 { 100_000 } else { 10 };
        crowd.spawn(async move { fill(&store, bytes).await.is_ok() });
    }
    let fitted = crowd
        .join_all()
        .await
        .into_iter()
        .filter(|fits| *fits)
        .count();
    assert_eq!(fitted, 49);
    assert_eq!(graphs(&store).await, 49);
}

#[tokio::test]
async fn a_job_that_panics_does_not_take_the_writer_with_it() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    for _ in 0..3 {
        let broken = store.clone();
        let panics = async move {
            let panics = |conn: &rusqlite::Connection| -> Result<(), Fail> {
                conn.execute("INSERT INTO graphs VALUES (zeroblob(32), '')", [])?;
                panic!("as this test wants it")
            };
            broken.write(panics).await
        };
        let ended = tokio::spawn(panics).await;
        // It panics here, or on the writer's thread, which cannot say how far it got.
        let unknown = |error| {
            matches!(
                error,
                StoreError::Unavailable {
                    outcome: CallOutcome::Unknown,
                    ..
                }
            )
        };
        let told = match ended {
            Ok(answer) => answer.is_err_and(unknown),
            Err(panicked) => panicked.is_panic(),
        };
        assert!(told, "a panic is not a success");
        fill(&store, 10).await.unwrap();
    }
    assert_eq!(graphs(&store).await, 3, "what it wrote is undone");
}

#[tokio::test]
async fn a_dropped_future_is_written_all_the_same() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    for wanted in 1..=50 {
        let mut dropped = Box::pin(fill(&store, 10));
        std::future::poll_fn(|cx| {
            let _ = dropped.as_mut().poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
        drop(dropped);
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while graphs(&store).await < wanted {
            assert!(std::time::Instant::now() < deadline, "{wanted} was lost");
        }
    }
}

#[tokio::test]
async fn a_run_that_is_asked_for_while_closing_is_there_after() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = open(&path);
    let mut dropped = Box::pin(fill(&store, 10));
    std::future::poll_fn(|cx| {
        let _ = dropped.as_mut().poll(cx);
        std::task::Poll::Ready(())
    })
    .await;
    drop(dropped);
    drop(store);
    assert_eq!(
        graphs(&open(&path)).await,
        1,
        "closing waits for what is queued"
    );
}

#[tokio::test]
async fn a_reader_does_not_hold_up_the_writer() {
    let folder = tempdir().unwrap();
    let store = open(&folder.path().join("runs.db"));
    let (started, wait) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let reading = store.clone();
    let reader = tokio::spawn(async move {
        let slow = move |conn: &rusqlite::Connection| -> Result<i64, Fail> {
            let count = |conn: &rusqlite::Connection| {
                conn.query_row("SELECT count(*) FROM graphs", [], |row| row.get(0))
            };
            let before: i64 = count(conn)?;
            let _ = started.send(());
            let _ = ended.recv();
            assert_eq!(count(conn)?, before, "a read is of one moment");
            Ok(before)
        };
        reading.read(slow).await
    });
    tokio::task::spawn_blocking(move || wait.recv())
        .await
        .unwrap()
        .unwrap();
    for _ in 0..20 {
        fill(&store, 1_000).await.unwrap();
    }
    assert!(
        store.all_runs().await.unwrap().is_empty(),
        "others read too"
    );
    end.send(()).unwrap();
    assert_eq!(reader.await.unwrap().unwrap(), 0);
    assert_eq!(graphs(&store).await, 20);
}
