//! A node that works for longer than a lease, and occupies the only thread of its runtime,
//! does not lose its run to others: the lease is renewed from elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

const TERM: Duration = Duration::from_secs(1);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Work {
    done: bool,
}

#[derive(Clone, Default)]
struct Log {
    starts: Arc<AtomicU32>,
    working: Arc<AtomicBool>,
}

#[node]
async fn toil(_: &Work, log: &Log) -> WorkUpdate {
    log.starts.fetch_add(1, Ordering::SeqCst);
    log.working.store(true, Ordering::SeqCst);
    thread::sleep(4 * TERM);
    log.working.store(false, Ordering::SeqCst);
    Work::update().done(true)
}

#[graph(state = Work, start -> toil -> end)]
struct Toiling {
    log: Log,
}

#[node]
fn rest(_: &Work) -> WorkUpdate {
    Work::update().done(true)
}

#[graph(state = Work, start -> rest -> end)]
struct Resting;

fn on_a_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

fn engine(log: &Log, store: Arc<dyn Store>) -> Engine<Toiling> {
    let log = log.clone();
    let engine = Engine::builder(Toiling { log }).store(store).lease(TERM);
    engine.build().unwrap()
}

/// `store` opens the same runs each time.
fn nobody_takes_it(store: impl Fn() -> Arc<dyn Store>) {
    let log = Log::default();
    let owner = engine(&log, store());
    let driven =
        thread::spawn(move || on_a_thread(owner.run("work", Work::default()).into_future()));
    let deadline = Instant::now() + 20 * TERM;
    while !log.working.load(Ordering::SeqCst) {
        assert!(Instant::now() < deadline, "it never began");
        thread::yield_now();
    }
    let other = engine(&log, store());
    let mut refused = 0;
    on_a_thread(async {
        while log.working.load(Ordering::SeqCst) {
            match other.resume("work").await {
                Err(Error::LeaseHeld { .. }) => refused += 1,
                taken if log.working.load(Ordering::SeqCst) => panic!("{taken:?}"),
                _ => {}
            }
            tokio::time::sleep(TERM / 20).await;
        }
    });
    assert!(refused > 10, "{refused} times");
    assert!(driven.join().unwrap().unwrap().state().done);
    assert_eq!(log.starts.load(Ordering::SeqCst), 1);
}

/// By the file lock that it holds, another process, or another store of this one, is
/// known to be alive; here it never renews its lease.
#[cfg(feature = "sqlite")]
#[test]
fn who_lives_for_certain_is_not_robbed_before_three_terms() {
    use superstep::store::{Claim, StoreError};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let owner = SqliteStore::open(&path).unwrap();
    let other = SqliteStore::open(&path).unwrap();
    on_a_thread(async {
        let resting = Engine::builder(Resting).store(owner.clone()).build();
        let run = resting.unwrap().run("work", Work::default()).await;
        run.unwrap();
        let lease = owner
            .acquire("work", Claim::new("anna", TERM))
            .await
            .unwrap();
        let until = lease.expires + 2 * TERM;
        loop {
            match other.acquire("work", Claim::new("berta", TERM)).await {
                Err(StoreError::LeaseHeld { owner, expires, .. }) => {
                    assert_eq!(owner, "anna");
                    assert!([lease.expires, until].contains(&expires), "{expires:?}");
                }
                taken => {
                    let (taken, now) = (taken.unwrap(), other.now().await.unwrap());
                    assert!(
                        now >= until && taken.epoch > lease.epoch,
                        "{now:?}, {until:?}"
                    );
                    break;
                }
            }
            tokio::time::sleep(TERM / 10).await;
        }
    });
}

#[test]
fn in_memory() {
    let store = MemoryStore::new();
    nobody_takes_it(|| Arc::new(store.clone()));
}

#[cfg(feature = "sqlite")]
#[test]
fn in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    nobody_takes_it(|| Arc::new(SqliteStore::open(&path).unwrap()));
}
