//! A store has few threads, and they end with it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(all(feature = "sqlite", target_os = "linux"))]

mod store_support;

use std::fs;
use std::time::{Duration, Instant};

use superstep::store::{SqliteStore, StoreExt};
use tempfile::tempdir;

use store_support::run_to;

/// The threads of all stores of this process, by name.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        let name = fs::read_to_string(task.unwrap().path().join("comm")).ok()?;
        name.starts_with("superstep-")
            .then(|| name.trim().to_owned())
    });
    names.collect()
}

fn readers() -> usize {
    let names = threads();
    // The system keeps fifteen letters.
    names.iter().filter(|name| name.contains("-reade")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_are_few_and_end_with_the_store() {
    let folder = tempdir().unwrap();
    for round in 0..5 {
        let store = SqliteStore::open(folder.path().join("runs.db")).unwrap();
        assert_eq!(readers(), 0, "nobody reads");
        run_to(&store, &format!("run {round}"), 1).await;
        for _ in 0..50 {
            store.all_runs().await.unwrap();
        }
        assert_eq!(readers(), 1, "one read at a time needs one thread");
        let crowd: Vec<_> = (0..200)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.all_runs().await.unwrap().len() })
            })
            .collect();
        for look in crowd {
            assert_eq!(look.await.unwrap(), round + 1);
        }
        assert!((1..=4).contains(&readers()), "{:?}", threads());
        // Some that nobody waits for any more.
        for _ in 0..50 {
            let look = store.all_runs();
            let _ = tokio::time::timeout(Duration::ZERO, look).await;
        }
        drop(store);
        // The system may show them for a moment after their end.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !threads().is_empty() {
            assert!(Instant::now() < deadline, "left behind: {:?}", threads());
        }
    }
}
