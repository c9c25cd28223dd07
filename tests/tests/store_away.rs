//! A store that is away, or that loses the answer of any one call, changes nothing: the
//! call is made again and settles it, no run fails because of it, and no effect is made more
//! often than without it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::StoreError;
use superstep::testing::{Fault, FaultyStore, StoreCall};

const SECOND: Duration = Duration::from_secs(1);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    note: u32,
    #[reduce(sum)]
    paid: u64,
    #[reduce(append)]
    said: Vec<String>,
}

/// What was called outside, and how often.
#[derive(Clone, Default)]
struct World(Arc<Mutex<BTreeMap<String, u32>>>);

impl World {
    fn call(&self, name: String) -> u64 {
        let mut calls = self.0.lock().unwrap();
        *calls.entry(name).or_default() += 1;
        7
    }

    fn calls(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap().clone()
    }
}

#[node]
async fn price(_: &Order, item: u32, cx: &Cx, world: &World) -> Result<OrderUpdate, NodeError> {
    let ask = || async { superstep::ok(world.call(format!("price {item}"))) };
    let price: u64 = cx.effect("price", &item).run(ask).await?;
    Ok(Order::update().said([format!("{item} for {price}")]))
}

#[node]
async fn pay(order: &Order, cx: &Cx, world: &World) -> Result<OrderUpdate, NodeError> {
    let pay = || async { superstep::ok(world.call("pay".into())) };
    let bill = order.said.len();
    let paid: u64 = cx.effect("pay", &bill).at_most_once().run(pay).await?;
    Ok(Order::update().paid(paid))
}

#[node]
fn thank(order: &Order) -> OrderUpdate {
    Order::update().said([format!("thanks for {}", order.paid)])
}

#[graph(
    state = Order,
    start -> each price(1..4) else end,
    [price] -> pay -> thank -> end
)]
struct Shop {
    world: World,
}

fn order() -> Order {
    Order::default()
}

/// An engine on a store that fails as the test says, and the world that its runs call.
fn shop(store: &FaultyStore) -> (Engine<Shop>, World) {
    shop_for(store, 30 * SECOND)
}

/// The same with leases of that length.
fn shop_for(store: &FaultyStore, lease: Duration) -> (Engine<Shop>, World) {
    let world = World::default();
    let graph = Shop {
        world: world.clone(),
    };
    let engine = Engine::builder(graph)
        .store(store.clone())
        .max_concurrency(1)
        .store_timeout(SECOND)
        .lease(lease)
        .build();
    (engine.unwrap(), world)
}

fn well() -> FaultyStore {
    FaultyStore::new(Arc::new(MemoryStore::new()))
}

#[tokio::test(start_paused = true)]
async fn any_one_call_may_be_lost_or_its_answer() {
    let store = well();
    let (engine, world) = shop(&store);
    let right = engine.run("order-7", order()).await.unwrap();
    let calls = store.calls();
    assert!(calls.len() > 8, "{calls:?}");
    for (n, call) in (1..).zip(&calls) {
        for fault in [Fault::LoseCall, Fault::LoseAnswer] {
            let store = well();
            store.fail(n, fault);
            let (engine, called) = shop(&store);
            let place = format!("{fault:?} of call {n}, {call:?}");
            let run = engine.run("order-7", order()).await;
            let run = run.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!(run.fingerprint(), right.fingerprint(), "{place}");
            assert_eq!(called.calls(), world.calls(), "{place}");
            let head = store.head("order-7").await.unwrap().unwrap();
            assert_eq!(head.lease, None, "{place}");
        }
    }
}

/// By the wall clock, since a paused one stands still while the store is asked.
#[tokio::test(flavor = "multi_thread")]
async fn any_one_call_may_hang() {
    let (engine, world) = shop(&well());
    let right = engine.run("order-7", order()).await.unwrap();
    let hung = (1..=9).map(|n| {
        tokio::spawn(async move {
            let store = well();
            store.fail(n, Fault::Hang);
            let (engine, called) = shop(&store);
            let run = engine.run("order-7", order()).await;
            let run = run.unwrap_or_else(|error| panic!("call {n}: {error}"));
            (run.fingerprint(), called.calls())
        })
    });
    for hung in hung.collect::<Vec<_>>() {
        let as_ever = (right.fingerprint(), world.calls());
        assert_eq!(hung.await.unwrap(), as_ever);
    }
}

/// Not even by the lease that goes back.
#[tokio::test]
async fn a_store_that_hangs_for_good_keeps_nobody() {
    let store = well();
    let world = World::default();
    let engine = Engine::builder(Shop { world }).store(store.clone());
    let engine = engine.store_timeout(SECOND).lease(SECOND).build().unwrap();
    // The run is created; from then on there is no answer.
    for (call, from) in [
        (StoreCall::Commit, 2),
        (StoreCall::Renew, 1),
        (StoreCall::Release, 1),
    ] {
        for n in from..20 {
            store.fail_call(call, n, Fault::Hang);
        }
    }
    let run = engine.run("order-7", order()).into_future();
    let ended = tokio::time::timeout(60 * SECOND, run).await;
    let away = ended.expect("it comes back").unwrap_err();
    assert!(matches!(away, Error::Store { .. }), "{away}");
}

#[tokio::test(start_paused = true)]
async fn turns_corrections_and_forks_may_lose_any_call_too() {
    let more = || Order::update().note(4);
    let script = async |store: &FaultyStore, faults: Option<(u64, Fault)>| {
        let (engine, world) = shop(store);
        engine.run("order-7", order()).await.unwrap();
        let before = store.calls().len();
        if let Some((n, fault)) = faults {
            store.fail(n, fault);
        }
        let turn = engine.turn("order-7", more()).token("again").await?;
        engine.update("order-7", more()).await?;
        engine
            .fork("order-7", 2, "order-8", |order| order.paid = 0)
            .await?;
        let fork = engine.resume("order-8").await?;
        engine.snapshot("order-7").await?;
        let prints = (turn.fingerprint(), fork.fingerprint());
        Ok::<_, Error>((prints, world.calls(), store.calls().split_off(before)))
    };
    let (prints, world, calls) = script(&well(), None).await.unwrap();
    for n in 1..=calls.len() as u64 {
        for fault in [Fault::LoseCall, Fault::LoseAnswer] {
            let place = format!("{fault:?} of call {n}, {:?}", calls[n as usize - 1]);
            let again = script(&well(), Some((n, fault))).await;
            let (again, called, _) = again.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!((again, called), (prints, world.clone()), "{place}");
        }
    }
}

/// Without a token, too, a turn begins once.
#[tokio::test(start_paused = true)]
async fn a_turn_begins_once_whatever_is_lost() {
    let talk = async |store: &FaultyStore, fault: Option<(u64, Fault)>| {
        let (engine, _) = shop(store);
        engine.run("order-7", order()).await.unwrap();
        let before = store.calls().len();
        if let Some((n, fault)) = fault {
            store.fail(n, fault);
        }
        let turn = engine.turn("order-7", Order::update().note(4)).await;
        let calls = store.calls().len() - before;
        let history = engine.history("order-7").await.unwrap().len();
        let run = turn.map(|run| run.fingerprint());
        (run, history, calls)
    };
    let (right, steps, calls) = talk(&well(), None).await;
    for n in 1..=calls as u64 {
        for fault in [Fault::LoseCall, Fault::LoseAnswer] {
            let (run, history, _) = talk(&well(), Some((n, fault))).await;
            let place = format!("{fault:?} of call {n}");
            let run = run.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!((run, history), (*right.as_ref().unwrap(), steps), "{place}");
        }
    }
}

#[tokio::test]
async fn a_store_that_stays_away_fails_the_call_and_not_the_run() {
    let writes = [
        (StoreCall::Commit, 2),
        (StoreCall::Journal, 1),
        (StoreCall::Journal, 4),
        (StoreCall::Park, 1),
    ];
    for (call, from) in writes {
        let time = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
        let clock = Arc::clone(&time);
        let memory = MemoryStore::with_clock(move || *clock.lock().unwrap());
        let store = FaultyStore::new(Arc::new(memory.clone()));
        for n in from..from + 10_000 {
            store.fail_call(call, n, Fault::LoseCall);
        }
        let (engine, first) = shop_for(&store, SECOND);
        let began = Instant::now();
        let lost = engine.run("order-7", order()).await;
        if call == StoreCall::Park {
            lost.unwrap(); // nothing was to be left
            continue;
        }
        let away = matches!(&lost, Err(Error::Store { source, .. }) if source.is_transient());
        assert!(away, "{call:?}: {lost:?}");
        let waited = began.elapsed();
        assert!(waited > SECOND / 4, "{waited:?}");
        let head = store.head("order-7").await.unwrap().unwrap();
        assert_eq!(head.status, Status::Running, "{call:?}");

        // Another one continues when the store is back and the lease has lapsed.
        *time.lock().unwrap() += 60 * SECOND;
        let well = FaultyStore::new(Arc::new(memory));
        drop(engine);
        let calls = store.calls().len();
        assert!(calls < 200, "{calls} calls of a store that is away");
        let (second, after) = shop(&well);
        second.resume("order-7").await.unwrap();
        let mut all = first.calls();
        for (name, calls) in after.calls() {
            *all.entry(name).or_default() += calls;
        }
        assert_eq!(all["pay"], 1, "{all:?}");
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Till {
    paid: u64,
}

#[node]
async fn charge(_: &Till, cx: &Cx) -> Result<TillUpdate, NodeError> {
    let lost = || async { Err::<u64, _>(NodeError::transient("the line went dead")) };
    let paid = cx.effect("charge", &()).at_most_once().run(lost).await?;
    Ok(Till::update().paid(paid))
}

#[graph(state = Till, start -> charge -> end)]
struct Charging;

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_given_again_and_another_one_may_not() {
    let store = well();
    let engine = Engine::builder(Charging)
        .store(store.clone())
        .build()
        .unwrap();
    let run = engine.run("till", Till::default()).await.unwrap();
    let question = run.interrupts()[0].id.clone();
    store.fail_call(StoreCall::Answer, 1, Fault::LoseAnswer);
    let happened = Outcome::Happened(5_u64);
    engine
        .answer("till", &question, happened.clone())
        .await
        .unwrap();
    engine
        .answer("till", &question, happened.clone())
        .await
        .unwrap();
    let other = Outcome::Happened(6_u64);
    let refused = engine.answer("till", &question, other.clone()).await;
    assert!(
        matches!(refused, Err(Error::AlreadyAnswered { .. })),
        "{refused:?}"
    );
    let run = engine.resume("till").await.unwrap();
    assert_eq!(run.state().paid, 5);
    engine.answer("till", &question, happened).await.unwrap();
    let refused = engine.answer("till", &question, other).await;
    assert!(
        matches!(refused, Err(Error::AlreadyAnswered { .. })),
        "{refused:?}"
    );
}

/// What waits for the store does so on the engines' own thread.
#[test]
fn on_a_runtime_without_a_clock() {
    let store = well();
    let (engine, _) = shop(&store);
    let runtime = |clock: bool| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        if clock {
            builder.enable_time();
        }
        builder.build().unwrap()
    };
    let run = runtime(true).block_on(engine.run("order-7", order()).into_future());
    let steps = run.unwrap().steps();
    for n in 1..3 {
        store.fail(n, Fault::LoseCall);
        let fork = engine.fork("order-7", steps, "order-8", |_| {});
        let fork = runtime(false).block_on(fork.into_future()).unwrap();
        assert_eq!(fork.steps(), steps + 1);
        store.fail(n, Fault::LoseCall);
        let answered = engine.answer("order-7", "no such question", 1);
        let answered = runtime(false).block_on(answered).unwrap_err();
        assert!(
            matches!(answered, Error::QuestionNotFound { .. }),
            "{answered}"
        );
    }
}

/// Reported, so that nobody takes it for something else.
#[test]
fn the_error_says_what_is_known_and_what_to_do() {
    let away = StoreError::Unavailable {
        reason: "no answer within 10s".into(),
        outcome: superstep::store::CallOutcome::Unknown,
    };
    let text = away.to_string();
    assert!(
        text.contains("no answer within 10s") && text.contains("again"),
        "{text}"
    );
}
