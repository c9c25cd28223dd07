//! The public contract suite over every store that ships.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "sqlite")]
use std::sync::atomic::{AtomicU32, Ordering};

use superstep::store::MemoryStore;
#[cfg(feature = "sqlite")]
use superstep::store::{SqliteStore, Synchronous};
use superstep::testing::store_contract;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_keeps_every_promise() {
    store_contract::run(|| async {
        let store = MemoryStore::new();
        [store.clone(), store]
    })
    .await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_keeps_every_promise() {
    over_files(Synchronous::Full).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_keeps_every_promise_without_waiting_for_the_disk() {
    over_files(Synchronous::Normal).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_sqlite_store_keeps_every_promise_on_one_thread() {
    over_files(Synchronous::Normal).await;
}

#[cfg(feature = "sqlite")]
async fn over_files(synchronous: Synchronous) {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicU32::new(0);
    let options = SqliteStore::options().synchronous(synchronous);
    store_contract::run(|| async {
        let name = format!("{}.db", count.fetch_add(1, Ordering::Relaxed));
        let path = folder.path().join(name);
        [(), ()].map(|()| options.clone().open(&path).unwrap())
    })
    .await;
}
