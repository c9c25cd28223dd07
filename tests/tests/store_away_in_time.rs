//! The time a store is away counts towards no limit of a run: neither a node's timeout or idle
//! limit nor backpressure nor the budget of the call that drives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::testing::{Fault, FaultyStore, StoreCall};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(20);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    paid: u64,
    refunded: bool,
}

/// How often it was paid.
#[derive(Clone, Default)]
struct Bank(Arc<AtomicU32>);

impl Bank {
    fn pay(&self) -> Result<u64, NodeError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(7)
    }
}

#[node(timeout = "200ms")]
async fn pay(_: &Order, cx: &Cx, bank: &Bank) -> Result<OrderUpdate, NodeError> {
    let paid = cx.effect("pay", &()).at_most_once();
    let paid = paid.run(|| async { bank.pay() }).await?;
    // Time of its own, when the store is back.
    sleep(MOMENT).await;
    Ok(Order::update().paid(paid))
}

#[node(blocking, timeout = "200ms")]
fn pay_here(_: &Order, cx: &Cx, bank: &Bank) -> Result<OrderUpdate, NodeError> {
    let paid = cx.effect("pay", &()).at_most_once();
    let paid = tokio::runtime::Handle::current().block_on(paid.run(|| async { bank.pay() }))?;
    thread::sleep(MOMENT);
    Ok(Order::update().paid(paid))
}

#[node(idle = "200ms")]
async fn pay_slowly(_: &Order, cx: &Cx, bank: &Bank) -> Result<OrderUpdate, NodeError> {
    let paid = cx.effect("pay", &()).at_most_once();
    let paid = paid.run(|| async {
        // What was away before is no silence of the node's.
        sleep(MOMENT).await;
        bank.pay()
    });
    Ok(Order::update().paid(paid.await?))
}

#[node]
fn refund(_: &Order, _failure: Failure) -> OrderUpdate {
    Order::update().refunded(true)
}

#[graph(state = Order, start -> pay -> end, pay on error -> refund, refund -> end)]
struct Shop {
    bank: Bank,
}

#[graph(
    state = Order,
    start -> pay_here -> end, pay_here on error -> refund, refund -> end
)]
struct BlockingShop {
    bank: Bank,
}

#[graph(
    state = Order,
    start -> pay_slowly -> end, pay_slowly on error -> refund, refund -> end
)]
struct SlowShop {
    bank: Bank,
}

/// A store that is away for about half a second when `call` comes for the `n`th time.
fn away_at(call: StoreCall, n: u64) -> FaultyStore {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    for n in n..n + 8 {
        store.fail_call(call, n, Fault::LoseCall);
    }
    store
}

/// It is paid once, whenever the store is away: at the intent, and at the outcome.
async fn is_paid<G: Graph<State = Order>>(graph: impl Fn(Bank) -> G) {
    for n in [1, 2] {
        let bank = Bank::default();
        let engine = Engine::builder(graph(bank.clone()));
        let engine = engine
            .store(away_at(StoreCall::Journal, n))
            .build()
            .unwrap();
        let run = engine.run("order", Order::default()).await.unwrap();
        let right = Order {
            paid: 7,
            refunded: false,
        };
        assert_eq!(*run.state(), right, "away at write {n}");
        assert_eq!(bank.0.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn of_a_timeout() {
    is_paid(|bank| Shop { bank }).await;
}

#[tokio::test]
async fn of_an_idle_limit() {
    is_paid(|bank| SlowShop { bank }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_timeout_of_a_node_that_blocks() {
    is_paid(|bank| BlockingShop { bank }).await;
}

/// One whose clock stands still while the node works.
#[tokio::test(start_paused = true)]
async fn of_a_timeout_by_a_paused_clock() {
    is_paid(|bank| BlockingShop { bank }).await;
}

/// Nobody knows how long a store that has not answered yet is away.
async fn is_paid_although_it_hangs<G: Graph<State = Order>>(graph: impl Fn(Bank) -> G) {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    store.fail_call(StoreCall::Journal, 2, Fault::Hang);
    let bank = Bank::default();
    let engine = Engine::builder(graph(bank.clone())).store(store);
    let engine = engine.store_timeout(SECOND).build().unwrap();
    let run = engine.run("order", Order::default()).await.unwrap();
    assert_eq!((run.state().paid, run.state().refunded), (7, false));
    assert_eq!(bank.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn of_a_timeout_while_it_hangs() {
    is_paid_although_it_hangs(|bank| Shop { bank }).await;
}

#[tokio::test]
async fn of_an_idle_limit_while_it_hangs() {
    is_paid_although_it_hangs(|bank| SlowShop { bank }).await;
}

/// Polls its payment once, and then waits for something else.
#[node(timeout = "200ms")]
async fn loses_sight(_: &Order, cx: &Cx, bank: &Bank) -> Result<(), NodeError> {
    let paid = cx.effect("pay", &()).at_most_once();
    let mut paid = std::pin::pin!(paid.run(|| async { bank.pay() }));
    let waits = std::future::poll_fn(|task| paid.as_mut().poll(task).map(drop));
    let other = std::future::poll_fn(|_| std::task::Poll::Ready(()));
    tokio::select! { biased; () = waits => {}, () = other => {} }
    std::future::pending().await
}

#[graph(
    state = Order,
    start -> loses_sight -> end, loses_sight on error -> refund, refund -> end
)]
struct Careless {
    bank: Bank,
}

/// But not for ever: a write that the node does not wait for never ends.
#[tokio::test]
async fn not_of_a_node_that_has_lost_sight_of_its_call() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    store.fail_call(StoreCall::Journal, 1, Fault::Hang);
    let bank = Bank::default();
    let engine = Engine::builder(Careless { bank }).store(store);
    let engine = engine.store_timeout(SECOND).build().unwrap();
    let call = engine.run("order", Order::default()).into_future();
    let run = tokio::time::timeout(30 * SECOND, call).await;
    let run = run.expect("its timeout comes").unwrap();
    assert_eq!(
        (run.status(), run.state().refunded),
        (Status::Completed, true)
    );
}

#[tokio::test]
async fn of_the_budget() {
    for (call, n) in [
        (StoreCall::Journal, 1),
        (StoreCall::Journal, 2),
        (StoreCall::Commit, 2),
    ] {
        let bank = Bank::default();
        let engine = Engine::builder(Shop { bank: bank.clone() });
        let engine = engine.run_budget(SECOND / 5).store(away_at(call, n));
        let run = engine.build().unwrap().run("order", Order::default());
        let run = run.await.unwrap();
        assert_eq!(run.state().paid, 7, "away at {call:?} {n}");
    }
}

/// The run stays open, and whoever resumes it continues with what could be kept.
#[tokio::test]
async fn nor_does_a_store_that_stays_away_take_the_error_row() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    for n in 2..10_000 {
        store.fail_call(StoreCall::Journal, n, Fault::LoseCall);
    }
    let bank = Bank::default();
    let engine = Engine::builder(Shop { bank: bank.clone() });
    let engine = engine.lease(SECOND).store(store.clone()).build().unwrap();
    // By then the lease cannot be renewed either.
    for n in 1..10_000 {
        store.fail_call(StoreCall::Renew, n, Fault::LoseCall);
    }
    let away = engine.run("order", Order::default()).await.unwrap_err();
    assert!(matches!(away, Error::Store { .. }), "{away}");
    let head = store.head("order").await.unwrap().unwrap();
    assert_eq!((head.status, head.step), (Status::Running, 0));
    let run = engine.resume("order").await.unwrap();
    assert_eq!((run.state().paid, run.state().refunded), (7, false));
    assert_eq!(bank.0.load(Ordering::Relaxed), 1);
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Till {
    #[reduce(sum)]
    paid: u64,
}

#[node]
async fn pay_one(_: &Till, item: u64, cx: &Cx) -> Result<TillUpdate, NodeError> {
    let paid = cx.effect("pay", &item).run(|| async { superstep::ok(7) });
    let paid = paid.await?;
    sleep(MOMENT).await;
    Ok(Till::update().paid(paid))
}

/// Each task waits for the one before it.
#[graph(state = Till, start -> each pay_one(0..4) else end, pay_one -> end)]
struct Queue;

async fn is_not_blocked(store: FaultyStore) {
    let engine = Engine::builder(Queue).max_concurrency(1).queue_depth(1);
    let engine = engine.backpressure_timeout(SECOND / 5);
    let engine = engine.store_timeout(SECOND).store(store).build().unwrap();
    let run = engine.run("till", Till::default()).await.unwrap();
    assert_eq!((run.status(), run.state().paid), (Status::Completed, 28));
}

/// For longer than nobody knows whether a store that is asked is away.
#[tokio::test]
async fn of_backpressure() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    for n in 2..16 {
        store.fail_call(StoreCall::Journal, n, Fault::LoseCall);
    }
    is_not_blocked(store).await;
}

#[tokio::test]
async fn of_backpressure_while_it_hangs() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    store.fail_call(StoreCall::Journal, 2, Fault::Hang);
    is_not_blocked(store).await;
}
