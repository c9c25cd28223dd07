//! A fork of a fork of a fork costs what a fork costs, and so do its steps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::time::{Duration, Instant};

use superstep::store::{
    Access, Commit, Committed, MemoryStore, Snapshot, SqliteStore, Store, StoreExt, Synchronous,
};
use tempfile::tempdir;

use store_support::{digest, first, fork, next, take};

const DEEP: u64 = 1_500;

async fn commit(store: &impl Store, commit: Commit) {
    let committed = store.commit(commit).await.unwrap();
    assert!(matches!(committed, Committed::Now(_)), "{committed:?}");
}

/// How long a fork, a step of it and reading its state took, from fork to fork.
async fn forks_of_forks(store: &impl Store) -> Vec<Duration> {
    commit(store, first("0", take("anna"))).await;
    let mut took = Vec::new();
    for depth in 1..=DEEP {
        let (run, origin) = (depth.to_string(), (depth - 1).to_string());
        // Every fork has a step of its own, at which the next one branches off.
        let at = (depth - 1) * 2;
        let started = Instant::now();
        let mut begins = fork(&run, &origin, at);
        begins.snapshot = Some(Snapshot::new(at + 1, "{}", digest("state", at + 1)));
        commit(store, begins).await;
        let step = next(&run, at + 2, Access::Held { epoch: 1 });
        commit(store, step).await;
        let snapshot = store.snapshot(&run, at + 2).await.unwrap().unwrap();
        let steps = store.all_steps(&run, snapshot.step, at + 2).await.unwrap();
        took.push(started.elapsed());
        assert_eq!((snapshot.step, steps.len()), (at + 1, 2));
    }
    let last = DEEP.to_string();
    let all = store.all_digests(&last).await.unwrap();
    assert_eq!(all.len() as u64, DEEP * 2 + 1, "its history is whole");
    assert_eq!(store.head(&last).await.unwrap().unwrap().pruned, 0);
    took
}

fn flat(kind: &str, took: &[Duration]) {
    let median = |part: &[Duration]| {
        let mut sorted = part.to_vec();
        sorted.sort();
        sorted[sorted.len() / 2]
    };
    let (near, deep) = (median(&took[..200]), median(&took[took.len() - 200..]));
    assert!(
        deep < near * 6,
        "{kind}: {near:?} near the root, {deep:?} deep below it"
    );
}

#[tokio::test]
async fn depth_costs_nothing() {
    flat("memory", &forks_of_forks(&MemoryStore::new()).await);
    let folder = tempdir().unwrap();
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let store = options.open(folder.path().join("runs.db")).unwrap();
    flat("sqlite", &forks_of_forks(&store).await);
}
