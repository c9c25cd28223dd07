//! Timeouts per node and by default, never beyond the run's budget; what is
//! given up is gone at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use tokio::sync::Notify;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Wait {
    #[reduce(sum)]
    done: u64,
}

/// How long a node sleeps, and whether it is there.
#[derive(Clone, Debug, Default)]
struct Bed {
    seconds: u32,
    sleeping: Arc<AtomicUsize>,
    entered: Arc<Notify>,
}

struct Sleeper(Arc<AtomicUsize>);

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Bed {
    fn of(seconds: u32) -> Self {
        Self {
            seconds,
            ..Self::default()
        }
    }

    async fn sleep(&self) -> WaitUpdate {
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        let _sleeper = Sleeper(Arc::clone(&self.sleeping));
        self.entered.notify_one();
        tokio::time::sleep(self.seconds * SECOND).await;
        Wait::update().done(1)
    }

    fn sleeping(&self) -> usize {
        self.sleeping.load(Ordering::SeqCst)
    }
}

#[node(timeout = "5s")]
async fn short(_: &Wait, bed: &Bed) -> WaitUpdate {
    bed.sleep().await
}

#[node]
async fn plain(_: &Wait, bed: &Bed) -> WaitUpdate {
    bed.sleep().await
}

#[node]
fn quick(_: &Wait) -> WaitUpdate {
    Wait::update().done(1)
}

#[graph(state = Wait, start -> short -> end)]
struct Short {
    bed: Bed,
}

#[graph(state = Wait, start -> quick -> plain -> end)]
struct Plain {
    bed: Bed,
}

#[graph(state = Wait, more = plain, start -> [short, plain, quick, more], short -> end, plain -> end, quick -> end, more -> end)]
struct Several {
    bed: Bed,
}

fn timed_out(error: &Error) -> (&str, u64, Duration) {
    match error {
        Error::NodeTimeout {
            node,
            step,
            timeout,
            ..
        } => (node, *step, *timeout),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_nodes_own_timeout_wins_over_the_default() {
    for (seconds, default) in [(6, 1), (6, 100)] {
        let bed = Bed::of(seconds);
        let engine = Engine::builder(Short { bed: bed.clone() })
            .default_timeout(default * SECOND)
            .build()
            .unwrap();
        let started = Instant::now();
        let error = engine.run("run", Wait::default()).await.unwrap_err();
        assert_eq!(timed_out(&error), ("short", 1, 5 * SECOND));
        assert_eq!(started.elapsed().as_secs(), 5);
        assert_eq!(bed.sleeping(), 0, "its future is still there");
        let message = error.to_string();
        for part in ["`short`", "5s", "step 1", "`run`", "raise `timeout`"] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
    let engine = Engine::builder(Short { bed: Bed::of(4) })
        .default_timeout(SECOND)
        .build()
        .unwrap();
    engine.run("run", Wait::default()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_default_is_thirty_seconds_and_can_be_set() {
    let run = async |seconds: u32, timeout: Option<Duration>| {
        let builder = Engine::builder(Plain {
            bed: Bed::of(seconds),
        });
        let builder = match timeout {
            Some(timeout) => builder.default_timeout(timeout),
            None => builder,
        };
        builder.build().unwrap().run("run", Wait::default()).await
    };
    run(29, None).await.unwrap();
    assert_eq!(
        timed_out(&run(31, None).await.unwrap_err()),
        ("plain", 2, 30 * SECOND)
    );
    run(60, Some(61 * SECOND)).await.unwrap();
    let error = run(60, Some(59 * SECOND)).await.unwrap_err();
    assert_eq!(timed_out(&error), ("plain", 2, 59 * SECOND));
    run(60, Some(Duration::MAX)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn in_a_fan_out_each_task_has_its_own_timeout_and_the_first_in_order_is_the_error() {
    for concurrency in [1, 8] {
        let bed = Bed::of(40);
        let engine = Engine::builder(Several { bed: bed.clone() })
            .max_concurrency(concurrency)
            .build()
            .unwrap();
        let error = engine.run("run", Wait::default()).await.unwrap_err();
        assert_eq!(timed_out(&error), ("short", 1, 5 * SECOND));
        assert_eq!(bed.sleeping(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn no_timeout_goes_beyond_the_budget() {
    let engine = Engine::builder(Short { bed: Bed::of(60) })
        .run_budget(3 * SECOND)
        .build()
        .unwrap();
    let started = Instant::now();
    let error = engine.run("run", Wait::default()).await.unwrap_err();
    let Error::BudgetExceeded { run, step, budget } = &error else {
        panic!("{error}")
    };
    assert_eq!((run.as_str(), *step, *budget), ("run", 1, 3 * SECOND));
    let said = error.to_string();
    assert!(
        said.contains("budget of 3s") && said.contains("raise `run_budget`"),
        "{said}"
    );
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_budget_exceeded_a_hundred_times_is_a_hundred_errors() {
    let engine = Engine::builder(Plain { bed: Bed::of(20) })
        .run_budget(10 * SECOND)
        .build()
        .unwrap();
    for run in 0..50 {
        let id = format!("run-{run}");
        for result in [
            engine.run(&id, Wait::default()).await,
            engine.resume(&id).await,
        ] {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::BudgetExceeded { .. }), "{error}");
        }
        let run = engine.get(&id).await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Failed, 1));
    }
}

#[node]
async fn turn_round(state: &Wait, bed: &Bed) -> (WaitUpdate, bool) {
    (bed.sleep().await, state.done < 1_000)
}

#[graph(state = Wait, start -> turn_round, turn_round -> match { true => turn_round, false => end })]
struct Round {
    bed: Bed,
}

/// The budget is one driving call's: each call starts with a whole one.
#[tokio::test(start_paused = true)]
async fn the_budget_is_of_one_call_and_what_was_done_stays_done() {
    // In memory: a paused clock runs on while it waits for another thread.
    let engine = Engine::builder(Round { bed: Bed::of(3) })
        .run_budget(10 * SECOND)
        .build()
        .unwrap();
    engine.run("run", Wait::default()).await.unwrap_err();
    assert_eq!(engine.get("run").await.unwrap().steps(), 3);
    engine.resume("run").await.unwrap_err();
    assert_eq!(engine.get("run").await.unwrap().steps(), 6);
}

#[node(retry(attempts = 3, base = "1s"), timeout = "2s")]
async fn stubborn(_: &Wait, bed: &Bed) -> WaitUpdate {
    bed.sleep().await
}

#[graph(state = Wait, start -> stubborn -> end)]
struct Stubborn {
    bed: Bed,
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_per_attempt_and_a_timeout_is_retried() {
    let engine = Engine::builder(Stubborn { bed: Bed::of(60) })
        .build()
        .unwrap();
    let started = Instant::now();
    let error = engine.run("run", Wait::default()).await.unwrap_err();
    let Error::NodeTimeout {
        attempts, timeout, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((*attempts, *timeout), (3, 2 * SECOND));
    // Three attempts of two seconds, and delays of one and two seconds with up to one of jitter.
    let elapsed = started.elapsed().as_secs_f64();
    assert!((9.0..=11.1).contains(&elapsed), "{elapsed}");
}

/// Dropping the driving future drops the nodes' futures, in a fan-out and
/// alone, and in the pause between two attempts.
#[tokio::test]
async fn dropping_the_driving_future_drops_the_nodes_at_once() {
    let bed = Bed::of(3_600);
    let engine = Engine::builder(Several { bed: bed.clone() })
        .build()
        .unwrap();
    let driving = tokio::spawn(engine.run("run", Wait::default()).into_future());
    bed.entered.notified().await;
    while bed.sleeping() < 3 {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    driving.abort();
    while bed.sleeping() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(started.elapsed() < SECOND);

    let bed = Bed::of(3_600);
    let engine = Engine::builder(Short { bed: bed.clone() }).build().unwrap();
    tokio::select! {
        biased;
        _ = engine.run("run", Wait::default()).into_future() => unreachable!("it sleeps"),
        () = bed.entered.notified() => {}
    }
    assert_eq!(
        bed.sleeping(),
        0,
        "a lone task goes with the future that drives it"
    );
}

#[derive(Clone, Debug, Default)]
struct Flags {
    entered: Arc<AtomicBool>,
    left: Arc<AtomicBool>,
}

#[node(blocking, timeout = "20ms")]
fn grind(_: &Wait, flags: &Flags, cx: &Cx) -> WaitUpdate {
    flags.entered.store(true, Ordering::SeqCst);
    while !cx.cancelled() {
        std::thread::yield_now();
    }
    flags.left.store(true, Ordering::SeqCst);
    Wait::update().done(1)
}

#[graph(state = Wait, start -> grind -> end)]
struct Grinding {
    flags: Flags,
}

/// A blocking node cannot be dropped, but it can be told, and its late result
/// is discarded.
#[tokio::test]
async fn a_blocking_node_is_told_that_nobody_waits() {
    let flags = Flags::default();
    let engine = Engine::builder(Grinding {
        flags: flags.clone(),
    })
    .build()
    .unwrap();
    let error = engine.run("run", Wait::default()).await.unwrap_err();
    assert_eq!(timed_out(&error).0, "grind");
    while !flags.left.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let run = engine.get("run").await.unwrap();
    assert_eq!((run.steps(), run.state().done), (0, 0));
    assert!(flags.entered.load(Ordering::SeqCst));
}
