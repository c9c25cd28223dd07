//! At most `max_concurrency` tasks at once, at most `max_per_node` of one
//! node; the setting never shows in the result.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::Dice;
use tokio::runtime::Handle;
use tokio::time::Instant;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Work {
    #[reduce(append)]
    done: Vec<String>,
}

/// How many tasks of each node work now, and how many ever did at once.
#[derive(Clone, Debug, Default)]
struct Meter(Arc<Mutex<Reading>>);

#[derive(Debug, Default)]
struct Reading {
    now: BTreeMap<&'static str, usize>,
    most: BTreeMap<&'static str, usize>,
    most_of_all: usize,
}

impl Meter {
    async fn measure(&self, node: &'static str, pace: &Pace) {
        {
            let mut reading = self.0.lock().expect("nobody panics");
            *reading.now.entry(node).or_default() += 1;
            let (now, all) = (reading.now[node], reading.now.values().sum());
            let most = reading.most.entry(node).or_default();
            *most = now.max(*most);
            reading.most_of_all = reading.most_of_all.max(all);
        }
        match pace {
            Pace::Random(dice) => dice.dawdle().await,
            Pace::Second => tokio::time::sleep(Duration::from_secs(1)).await,
        }
        let mut reading = self.0.lock().expect("nobody panics");
        *reading.now.entry(node).or_default() -= 1;
    }

    fn most(&self) -> (usize, usize, usize) {
        let reading = self.0.lock().expect("nobody panics");
        (
            reading.most_of_all,
            reading.most["left"],
            reading.most["right"],
        )
    }
}

#[derive(Clone, Debug)]
enum Pace {
    Random(Dice),
    Second,
}

#[node]
async fn work(_: &Work, item: u32, meter: &Meter, pace: &Pace, cx: &Cx) -> WorkUpdate {
    meter.measure(cx.node(), pace).await;
    Work::update().done([format!("{}{item}", cx.node())])
}

#[graph(
    state = Work,
    left = work, right = work,
    start -> [each left(0..20) else end, each right(0..20) else end],
    left -> end,
    right -> end,
)]
struct Wide {
    meter: Meter,
    pace: Pace,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_hold_and_do_not_show_in_the_result() {
    let pace = Pace::Random(Dice::from_env());
    let mut results = Vec::new();
    for (concurrency, per_node) in [
        (1, None),
        (2, None),
        (8, None),
        (8, Some(1)),
        (5, Some(3)),
        (100, Some(2)),
        (usize::MAX, None),
    ] {
        let meter = Meter::default();
        let graph = Wide {
            meter: meter.clone(),
            pace: pace.clone(),
        };
        let options = Options {
            max_concurrency: Some(concurrency),
            max_per_node: per_node,
            ..Options::default()
        };
        let engine = Engine::builder(graph).options(options).build().unwrap();
        let run = engine.run("run", Work::default()).await.unwrap();
        let (all, left, right) = meter.most();
        assert!(all <= concurrency, "{all} of {concurrency}");
        let per_node = per_node.unwrap_or(usize::MAX);
        assert!(
            left <= per_node && right <= per_node,
            "{left}, {right} of {per_node}"
        );
        results.push((run.state().clone(), run.fingerprint()));
    }
    results.dedup();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].0.done.len(), 40);
}

async fn timed(concurrency: usize, per_node: Option<usize>) -> (Duration, (usize, usize, usize)) {
    let meter = Meter::default();
    let graph = Wide {
        meter: meter.clone(),
        pace: Pace::Second,
    };
    let options = Options {
        max_concurrency: Some(concurrency),
        max_per_node: per_node,
        ..Options::default()
    };
    let engine = Engine::builder(graph)
        .options(options)
        .build()
        .expect("it makes sense");
    let started = Instant::now();
    engine
        .run("run", Work::default())
        .await
        .expect("it finishes");
    (started.elapsed(), meter.most())
}

/// Forty tasks that sleep a second each, on a clock that otherwise stands still.
#[tokio::test(start_paused = true)]
async fn the_limits_are_used_to_the_full() {
    let close = |(elapsed, most): (Duration, _), seconds| {
        let expected = Duration::from_secs(seconds);
        assert!(
            elapsed >= expected && elapsed < expected + Duration::from_millis(100),
            "{elapsed:?}"
        );
        most
    };
    assert_eq!(close(timed(1, None).await, 40), (1, 1, 1));
    assert_eq!(close(timed(8, None).await, 5), (8, 8, 8));
    assert_eq!(close(timed(40, None).await, 1), (40, 20, 20));
    assert_eq!(close(timed(1_000, None).await, 1), (40, 20, 20));
    assert_eq!(close(timed(8, Some(2)).await, 10), (4, 2, 2));
    // Ten seconds of two and one, then five of two.
    assert_eq!(close(timed(3, Some(2)).await, 15), (3, 2, 2));
}

#[node]
async fn nap(_: &Work, _item: u32, pace: &Pace, meter: &Meter, cx: &Cx) -> WorkUpdate {
    meter.measure(cx.node(), pace).await;
    Work::update()
}

#[graph(state = Work, start -> each nap(0..5) else end, nap -> end)]
struct Naps {
    meter: Meter,
    pace: Pace,
}

#[tokio::test(start_paused = true)]
async fn five_equal_sleepers_take_one_sleep() {
    let graph = Naps {
        meter: Meter::default(),
        pace: Pace::Second,
    };
    let engine = Engine::builder(graph).build().unwrap();
    let started = Instant::now();
    engine.run("run", Work::default()).await.unwrap();
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_millis(1_100), "{elapsed:?}");
}

/// Blocks its thread until four of it are there: one after the other they
/// would wait for ever.
#[node(blocking)]
fn block(_: &Work, _item: u32, barrier: &std::sync::Barrier) -> WorkUpdate {
    barrier.wait();
    Work::update()
}

#[graph(state = Work, start -> each block(0..4) else end, block -> end)]
struct Blocking {
    barrier: std::sync::Barrier,
}

#[tokio::test]
async fn blocking_nodes_run_beside_one_another() {
    let barrier = std::sync::Barrier::new(4);
    let engine = Engine::builder(Blocking { barrier }).build().unwrap();
    engine.run("run", Work::default()).await.unwrap();
}

/// The most tasks of the runtime that were there at once while nodes ran.
#[derive(Clone, Debug, Default)]
struct Spawned(Arc<AtomicUsize>);

/// Takes a while and never waits, unless it is told to.
#[node(allow(nondeterminism))]
async fn spin(_: &Work, _item: u32, spawned: &Spawned, waits: &bool) -> WorkUpdate {
    let alive = Handle::current().metrics().num_alive_tasks();
    spawned.0.fetch_max(alive, Ordering::Relaxed);
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_micros(20) {
        std::hint::spin_loop();
    }
    if *waits {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Work::update()
}

#[graph(state = Work, start -> each spin(0..1_000) else end, spin -> end)]
struct Spinning {
    spawned: Spawned,
    waits: bool,
}

/// What is ready needs few workers, whatever is allowed; what waits gets one each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_are_called_for_what_waits_and_not_for_what_is_allowed() {
    for (waits, fewest, most) in [(false, 0, 16), (true, 500, 1_010)] {
        let spawned = Spawned::default();
        let graph = Spinning {
            spawned: spawned.clone(),
            waits,
        };
        let builder = Engine::builder(graph).max_concurrency(1_000).no_store();
        builder
            .build()
            .unwrap()
            .run("run", Work::default())
            .await
            .unwrap();
        let spawned = spawned.0.load(Ordering::Relaxed);
        assert!(
            (fewest..=most).contains(&spawned),
            "{spawned} tasks if it waits: {waits}"
        );
    }
}
