//! A store that fails when a test wants it to: each fault comes once, at its call, and does
//! what it says.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{CallOutcome, Claim, Prune, StoreError};
use superstep::testing::{Fault, FaultyStore, StoreCall};

const TERM: Duration = Duration::from_secs(30);

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Tea {
    #[reduce(sum)]
    cups: u32,
}

#[node]
fn pour(_: &Tea) -> TeaUpdate {
    Tea::update().cups(1)
}

#[graph(state = Tea, start -> pour -> end)]
struct Pot;

/// A store with a run that has ended, and no record of the calls that made it.
async fn store() -> FaultyStore {
    let store = Arc::new(MemoryStore::new());
    let engine = Engine::builder(Pot).store(store.clone()).build();
    engine.unwrap().run("run", Tea::default()).await.unwrap();
    FaultyStore::new(store)
}

fn outcome<T>(answer: Result<T, StoreError>) -> Option<CallOutcome> {
    match answer {
        Err(StoreError::Unavailable { outcome, .. }) => Some(outcome),
        _ => None,
    }
}

async fn owner(store: &FaultyStore) -> Option<String> {
    let head = store.head("run").await.unwrap().unwrap();
    head.lease.map(|lease| lease.owner)
}

#[tokio::test]
async fn a_lost_call_does_not_happen() {
    let store = store().await;
    store.fail_call(StoreCall::Acquire, 1, Fault::LoseCall);
    let lost = store.acquire("run", Claim::new("anna", TERM)).await;
    assert_eq!(outcome(lost), Some(CallOutcome::DidNotHappen));
    assert_eq!(owner(&store).await, None);
    store
        .acquire("run", Claim::new("anna", TERM))
        .await
        .unwrap();
    assert_eq!(owner(&store).await.as_deref(), Some("anna"));
}

#[tokio::test]
async fn of_a_lost_answer_the_call_happens() {
    let store = store().await;
    store.fail_call(StoreCall::Acquire, 1, Fault::LoseAnswer);
    let claim = Claim::new("anna", TERM);
    let lost = store.acquire("run", claim.clone()).await;
    assert_eq!(outcome(lost), Some(CallOutcome::Unknown));
    let head = store.head("run").await.unwrap().unwrap();
    let taken = head.lease.unwrap();
    let again = store.acquire("run", claim).await.unwrap();
    assert_eq!(again.epoch, taken.epoch);
}

#[tokio::test]
async fn an_answer_may_never_come() {
    let store = store().await;
    store.fail_call(StoreCall::Acquire, 1, Fault::Hang);
    let mut hangs = store.acquire("run", Claim::new("anna", TERM));
    for _ in 0..10 {
        let polled = poll_fn(|cx| Poll::Ready(hangs.as_mut().poll(cx).is_ready())).await;
        assert!(!polled);
    }
    assert_eq!(owner(&store).await.as_deref(), Some("anna"));
}

#[tokio::test]
async fn calls_are_counted_and_faults_come_at_theirs() {
    let store = store().await;
    store.fail(3, Fault::LoseCall);
    store.fail_call(StoreCall::Prune, 2, Fault::LoseAnswer);
    let unpolled = store.now();
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(outcome(store.head("run").await));
        told.push(outcome(store.prune(&Prune::history()).await));
    }
    drop(unpolled);
    assert_eq!(
        told,
        [
            None,
            None,
            Some(CallOutcome::DidNotHappen),
            Some(CallOutcome::Unknown)
        ]
    );
    let (head, prune) = (StoreCall::Head, StoreCall::Prune);
    assert_eq!(store.calls(), [head, prune, head, prune]);
    assert_eq!(
        outcome(store.clone().head("run").await),
        None,
        "once is enough"
    );
    assert_eq!(store.calls().len(), 5, "clones share their calls");
}

#[test]
fn every_call_has_a_name_of_its_own() {
    let mut names: Vec<_> = StoreCall::ALL.map(StoreCall::as_str).into();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), StoreCall::ALL.len());
    assert!(StoreCall::Commit.is_write() && !StoreCall::Load.is_write());
}

#[tokio::test]
async fn of_a_process_that_dies_no_further_call_gets_through() {
    for (fault, happens) in [(Fault::DieBefore, false), (Fault::DieAfter, true)] {
        let beneath = Arc::new(MemoryStore::new());
        let engine = Engine::builder(Pot).store(beneath.clone()).build();
        engine.unwrap().run("run", Tea::default()).await.unwrap();
        let store = FaultyStore::new(beneath.clone());
        store.fail_call(StoreCall::Acquire, 1, fault);
        tokio::select! {
            _ = store.acquire("run", Claim::new("anna", TERM)) => panic!("the dead hear nothing"),
            () = store.died() => {}
        }
        assert!(store.is_dead());
        let after = FaultyStore::new(beneath.clone());
        let taken = happens.then(|| "anna".to_owned());
        assert_eq!(owner(&after).await, taken);

        let epoch = after
            .head("run")
            .await
            .unwrap()
            .unwrap()
            .lease
            .map_or(1, |lease| lease.epoch);
        let lost = store.release("run", epoch).await;
        assert_eq!(outcome(lost), Some(CallOutcome::DidNotHappen));
        assert_eq!(owner(&after).await, taken);
    }
}

#[tokio::test]
async fn a_process_can_be_told_to_die() {
    let store = store().await;
    assert!(!store.is_dead());
    store.clone().die();
    store.died().await;
    assert_eq!(outcome(store.now().await), Some(CallOutcome::DidNotHappen));
    assert_eq!(store.calls(), []);
}
