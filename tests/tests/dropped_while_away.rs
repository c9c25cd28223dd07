//! A call that is dropped while the store is away does nothing later, and takes nothing
//! from the calls that follow.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::testing::{Fault, FaultyStore, StoreCall};
use tokio::time::{sleep, timeout};

const MOMENT: Duration = Duration::from_millis(60);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    n: u64,
    #[reduce(sum)]
    rounds: u64,
}

#[node]
async fn work(count: &Count) -> CountUpdate {
    sleep(Duration::from_millis(count.n)).await;
    Count::update().rounds(1)
}

#[graph(state = Count, start -> work -> end)]
struct Works;

fn well() -> FaultyStore {
    FaultyStore::new(Arc::new(MemoryStore::new()))
}

fn engine(store: &FaultyStore) -> Engine<Works> {
    Engine::builder(Works).store(store.clone()).build().unwrap()
}

fn lose(store: &FaultyStore, call: StoreCall, times: u64) {
    for n in 1..=times {
        store.fail_call(call, n, Fault::LoseCall);
    }
}

/// Long enough for a call to have been repeated several times.
async fn wait_for_nothing() {
    sleep(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn it_takes_no_lease_from_the_next_call() {
    for fault in [Fault::LoseCall, Fault::LoseAnswer] {
        let store = well();
        let engine = engine(&store);
        let input = Count {
            n: 1_000,
            rounds: 0,
        };
        let dropped = timeout(MOMENT, engine.run("run", input).into_future()).await;
        assert!(dropped.is_err());
        for n in 1..5 {
            store.fail_call(StoreCall::Acquire, n, fault);
        }
        let dropped = timeout(MOMENT / 6, engine.resume("run")).await;
        assert!(dropped.is_err() || fault == Fault::LoseAnswer);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.state().rounds, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn it_creates_no_run() {
    let store = well();
    lose(&store, StoreCall::Commit, 8);
    let call = engine(&store).run("run", Count::default()).into_future();
    assert!(timeout(MOMENT, call).await.is_err());
    wait_for_nothing().await;
    assert_eq!(store.head("run").await.unwrap(), None);
}

#[tokio::test]
async fn it_begins_no_turn() {
    let store = well();
    let engine = engine(&store);
    let run = engine.run("run", Count::default()).await.unwrap();
    lose(&store, StoreCall::Commit, 8);
    let turn = engine.turn("run", Count::update().n(1));
    assert!(timeout(MOMENT, turn.into_future()).await.is_err());
    wait_for_nothing().await;
    let head = store.head("run").await.unwrap().unwrap();
    assert_eq!((head.step, head.lease), (run.steps(), None));
}

/// Whoever gives a lease back does not wait for the store, but does not forget it either.
#[tokio::test]
async fn it_gives_its_lease_back_when_the_store_is_there_again() {
    for fault in [Fault::LoseCall, Fault::LoseAnswer] {
        let store = well();
        for n in 1..4 {
            store.fail_call(StoreCall::Release, n, fault);
        }
        let input = Count {
            n: 10_000,
            rounds: 0,
        };
        let call = engine(&store).run("run", input).into_future();
        assert!(timeout(MOMENT, call).await.is_err());
        let is_back = async {
            while store.head("run").await.unwrap().unwrap().lease.is_some() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let back = timeout(Duration::from_secs(20), is_back).await;
        back.expect("long before the lease lapses");
    }
}
