//! Under tokio's paused clock no time passes while a store works: no timeout
//! fires, no lease lapses, and a sleep is over at once.
#![cfg(feature = "sqlite")]

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Hooked, sqlite};
use tokio::time::Instant;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    n: u64,
}

#[node]
async fn call(count: &Count, cx: &Cx) -> Result<CountUpdate, NodeError> {
    for request in 0..3_u64 {
        let called = cx
            .effect("call", &request)
            .run(|| async { superstep::ok(1_u8) });
        called.await?;
    }
    Ok(Count::update().n(count.n + 1))
}

#[graph(state = Count, start -> call -> end)]
struct Calls;

#[tokio::test(start_paused = true)]
async fn no_time_passes_while_the_store_works() {
    let place = sqlite();
    let engine = Engine::builder(Calls)
        .store(Arc::clone(&place.store))
        .build()
        .unwrap();
    let begun = Instant::now();
    for run in 0..10 {
        let run = format!("run {run}");
        engine.run(run.as_str(), Count::default()).await.unwrap();
        engine.turn(run.as_str(), Count::update()).await.unwrap();
        engine.history(&run).await.unwrap();
        engine.replay(&run).await.unwrap();
    }
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?} passed",
        begun.elapsed()
    );
}

/// A store that answers from another thread, after a while of real time.
#[tokio::test(start_paused = true)]
async fn not_even_a_slow_one() {
    let place = sqlite();
    let slow = Hooked::new(Arc::clone(&place.store), |_, _| {
        let (done, answer) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            done.send(())
        });
        Box::pin(async move {
            answer.await.expect("the thread answers");
            Ok(())
        })
    });
    let engine = Engine::builder(Calls).store(slow).build().unwrap();
    let begun = Instant::now();
    let run = engine.run("run", Count::default()).await.unwrap();
    assert_eq!(run.state().n, 1);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?} passed",
        begun.elapsed()
    );
}

#[node]
async fn nap(count: &Count, cx: &Cx) -> CountUpdate {
    let hour = Duration::from_secs(3_600);
    cx.untracked(|| tokio::time::sleep(hour)).await;
    Count::update().n(count.n + 1)
}

#[graph(state = Count, start -> nap -> end)]
struct Sleeper;

/// What waits only for time still gets it at once.
#[tokio::test(start_paused = true)]
async fn a_sleep_takes_no_real_time() {
    let place = sqlite();
    let engine = Engine::builder(Sleeper)
        .store(Arc::clone(&place.store))
        .default_timeout(Duration::from_secs(7_200))
        .run_budget(Duration::from_secs(7_200))
        .build()
        .unwrap();
    let begun = Instant::now();
    engine.run("run", Count::default()).await.unwrap();
    let passed = begun.elapsed().as_secs();
    assert!((3_600..3_700).contains(&passed), "{passed} s passed");
}
