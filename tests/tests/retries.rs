//! Retries: attempts count the first try, permanent errors are not retried,
//! delays follow the formula and are equal for equal runs, the last cause
//! survives; at every concurrency.

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use tokio::time::Instant;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tries {
    #[reduce(append)]
    tried: Vec<u32>,
}

/// Fails that many times, and notes when it was tried.
#[derive(Clone, Debug)]
struct Flaky {
    failures: u32,
    tried: Arc<Mutex<Vec<(u32, Instant)>>>,
}

#[derive(Debug, PartialEq)]
struct Refused(u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused {}", self.0)
    }
}

impl std::error::Error for Refused {}

#[derive(Debug)]
struct Outer(Refused);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call failed")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Flaky {
    fn failing(failures: u32) -> Self {
        Self {
            failures,
            tried: Arc::default(),
        }
    }

    fn attempt(&self, cx: &Cx) -> Result<TriesUpdate, Outer> {
        let mut tried = self.tried.lock().expect("nobody panics");
        tried.push((cx.attempt(), Instant::now()));
        if cx.attempt() <= self.failures {
            return Err(Outer(Refused(cx.attempt())));
        }
        Ok(Tries::update().tried([cx.attempt()]))
    }

    fn attempts(&self) -> Vec<u32> {
        let tried = self.tried.lock().expect("nobody panics");
        tried.iter().map(|(attempt, _)| *attempt).collect()
    }

    /// The time between one attempt and the next.
    fn delays(&self) -> Vec<Duration> {
        let tried = self.tried.lock().expect("nobody panics");
        tried.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
    }
}

#[node]
async fn once(_: &Tries, flaky: &Flaky, cx: &Cx) -> Result<TriesUpdate, Outer> {
    flaky.attempt(cx)
}

#[node(retry(attempts = 6, base = "1s", max = "6s"))]
async fn call(_: &Tries, flaky: &Flaky, cx: &Cx) -> Result<TriesUpdate, Outer> {
    flaky.attempt(cx)
}

#[node(retry(attempts = 4, base = "0s"))]
async fn hurry(_: &Tries, flaky: &Flaky, cx: &Cx) -> Result<TriesUpdate, Outer> {
    flaky.attempt(cx)
}

#[node(retry(attempts = 5))]
async fn give_up(_: &Tries, flaky: &Flaky, cx: &Cx) -> Result<TriesUpdate, NodeError> {
    flaky.attempt(cx).map_err(NodeError::permanent)
}

fn is_refused_once(error: &NodeError) -> bool {
    let cause = error.source().source();
    cause.and_then(|cause| cause.downcast_ref()) == Some(&Refused(1))
}

#[node(retry(attempts = 5, when = is_refused_once))]
async fn choosy(_: &Tries, flaky: &Flaky, cx: &Cx) -> Result<TriesUpdate, Outer> {
    flaky.attempt(cx)
}

#[node(retry(attempts = 5))]
async fn panics(_: &Tries, flaky: &Flaky, cx: &Cx) -> TriesUpdate {
    flaky.attempt(cx).expect("a bug")
}

macro_rules! graphs {
    ($($graph:ident: $node:ident),*) => {$(
        #[graph(state = Tries, start -> $node -> end)]
        struct $graph {
            flaky: Flaky,
        }
    )*};
}

graphs!(Once: once, Call: call, Hurry: hurry, GiveUp: give_up, Choosy: choosy, Panics: panics);

async fn run<G: Graph<State = Tries>>(graph: G) -> Result<Run<Tries>, Error> {
    let engine = Engine::builder(graph)
        .build()
        .expect("the settings make sense");
    engine.run("run", Tries::default()).await
}

/// The attempts that the error counts, and its last cause.
fn failed(result: Result<Run<Tries>, Error>) -> (u32, u32) {
    let error = result.expect_err("it fails");
    let Error::NodeFailed {
        attempts, source, ..
    } = &error
    else {
        panic!("{error}")
    };
    let cause = source.source().expect("it has a cause");
    let refused: &Refused = cause.downcast_ref().expect("the cause survives");
    assert!(
        error
            .to_string()
            .contains(&format!("after {attempts} attempt")),
        "{error}"
    );
    (*attempts, refused.0)
}

#[tokio::test(start_paused = true)]
async fn attempts_count_the_first_try() {
    let flaky = Flaky::failing(1);
    assert_eq!(
        failed(
            run(Once {
                flaky: flaky.clone()
            })
            .await
        ),
        (1, 1),
        "one unless given"
    );
    assert_eq!(flaky.attempts(), [1]);

    let flaky = Flaky::failing(5);
    let done = run(Call {
        flaky: flaky.clone(),
    })
    .await
    .unwrap();
    assert_eq!(done.state().tried, [6]);
    assert_eq!(flaky.attempts(), [1, 2, 3, 4, 5, 6]);

    let flaky = Flaky::failing(6);
    assert_eq!(
        failed(
            run(Call {
                flaky: flaky.clone()
            })
            .await
        ),
        (6, 6)
    );
    assert_eq!(flaky.attempts().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_and_panics_are_not_retried() {
    let flaky = Flaky::failing(1);
    assert_eq!(
        failed(
            run(GiveUp {
                flaky: flaky.clone()
            })
            .await
        ),
        (1, 1)
    );
    assert_eq!(flaky.attempts(), [1]);

    let flaky = Flaky::failing(1);
    let error = run(Panics {
        flaky: flaky.clone(),
    })
    .await
    .unwrap_err();
    assert!(matches!(error, Error::NodePanicked { .. }), "{error}");
    assert_eq!(flaky.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn when_decides_which_errors_are_retried() {
    let flaky = Flaky::failing(1);
    run(Choosy {
        flaky: flaky.clone(),
    })
    .await
    .unwrap();
    assert_eq!(flaky.attempts(), [1, 2]);

    let flaky = Flaky::failing(4);
    assert_eq!(
        failed(
            run(Choosy {
                flaky: flaky.clone()
            })
            .await
        ),
        (2, 2)
    );
    assert_eq!(flaky.attempts(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn delays_double_from_the_base_with_jitter_below_it_and_a_cap() {
    let flaky = Flaky::failing(5);
    run(Call {
        flaky: flaky.clone(),
    })
    .await
    .unwrap();
    let bounds = [(1.0, 2.0), (2.0, 3.0), (4.0, 5.0), (6.0, 6.0), (6.0, 6.0)];
    for (delay, (low, high)) in flaky.delays().iter().zip(bounds) {
        let delay = delay.as_secs_f64();
        // Timers have a resolution of a millisecond.
        assert!(
            delay >= low && delay <= high + 0.002,
            "{delay} not in [{low}, {high}]"
        );
    }
    assert_eq!(flaky.delays().len(), 5);
}

async fn delays(seed: u64, concurrency: usize) -> Vec<Duration> {
    let flaky = Flaky::failing(5);
    let engine = Engine::builder(Call {
        flaky: flaky.clone(),
    })
    .max_concurrency(concurrency)
    .build()
    .expect("the settings make sense");
    engine
        .run("run", Tries::default())
        .seed(seed)
        .await
        .expect("it finishes");
    flaky.delays()
}

#[tokio::test(start_paused = true)]
async fn delays_are_equal_for_equal_runs_and_differ_between_seeds() {
    let first = delays(7, 1).await;
    assert_eq!(delays(7, 8).await, first);
    assert_ne!(delays(8, 1).await, first);
}

#[tokio::test(start_paused = true)]
async fn a_zero_base_means_no_delay() {
    let flaky = Flaky::failing(3);
    run(Hurry {
        flaky: flaky.clone(),
    })
    .await
    .unwrap();
    let longest = flaky.delays().into_iter().max().unwrap();
    assert!(longest <= Duration::from_millis(2), "{longest:?}");
}

#[node(retry(attempts = 4294967295, base = "1ms", max = "1ms"))]
async fn endless(_: &Tries, flaky: &Flaky, cx: &Cx) -> Result<TriesUpdate, Outer> {
    flaky.attempt(cx)
}

#[graph(state = Tries, start -> endless -> end)]
struct Endless {
    flaky: Flaky,
}

#[tokio::test(start_paused = true)]
async fn huge_attempt_numbers_are_safe_and_end_with_the_budget() {
    let flaky = Flaky::failing(u32::MAX);
    let engine = Engine::builder(Endless {
        flaky: flaky.clone(),
    })
    .run_budget(Duration::from_secs(2))
    .build()
    .unwrap();
    let error = engine.run("run", Tries::default()).await.unwrap_err();
    assert!(matches!(error, Error::BudgetExceeded { .. }), "{error}");
    assert!(flaky.attempts().len() > 200, "{}", flaky.attempts().len());
}

#[node(retry(attempts = 3, base = "10ms"))]
async fn item(_: &Tries, number: u32, cx: &Cx) -> Result<TriesUpdate, Outer> {
    if cx.attempt() <= number % 3 {
        return Err(Outer(Refused(cx.attempt())));
    }
    Ok(Tries::update().tried([number * 10 + cx.attempt()]))
}

#[graph(state = Tries, start -> each item(0..12) else end, item -> end)]
struct Items;

#[tokio::test(start_paused = true)]
async fn retries_work_at_every_concurrency() {
    let expected: Vec<u32> = (0..12).map(|number| number * 10 + number % 3 + 1).collect();
    for concurrency in [1, 2, 5, 8, 100] {
        let engine = Engine::builder(Items)
            .max_concurrency(concurrency)
            .build()
            .unwrap();
        let run = engine.run("run", Tries::default()).await.unwrap();
        assert_eq!(run.state().tried, expected);
    }
}
