//! A node with `idle` may take as long as it shows signs of life, and fails once it has been
//! silent for that long.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::{Failure, FailureKind, Graph};
use superstep_tests::{memory, stores};
use tokio::runtime::Handle;
use tokio::time::{Instant, advance, sleep};

use Act::{Beat, BeatForEver, Call, CallOnce, Fail, LongCall, Rest};

const SECOND: Duration = Duration::from_secs(1);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Talk {
    #[reduce(sum)]
    done: u64,
    #[reduce(append)]
    failures: Vec<Failure>,
}

/// What a node does next; times are in seconds.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Nothing.
    Rest(u32),
    Beat,
    /// An effect that takes so long.
    Call(u32),
    /// One that fails then.
    Fail(u32),
    /// One that beats every second.
    LongCall(u32),
    CallOnce(u32),
    BeatForEver,
}

/// What the node does, and what became of it.
#[derive(Clone, Debug, Default)]
struct Stage {
    script: Arc<Mutex<&'static [Act]>>,
    calls: Arc<AtomicU32>,
    /// How many attempts are there.
    there: Arc<AtomicUsize>,
}

struct Leaves<'a>(&'a AtomicUsize);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stage {
    fn of(script: &'static [Act]) -> Self {
        let stage = Self::default();
        stage.plays(script);
        stage
    }

    fn plays(&self, script: &'static [Act]) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    async fn play(&self, cx: &Cx) -> Result<TalkUpdate, NodeError> {
        self.there.fetch_add(1, Ordering::SeqCst);
        let _leaves = Leaves(&self.there);
        let script = *self.script.lock().unwrap_or_else(PoisonError::into_inner);
        for act in script {
            self.act(*act, cx).await?;
        }
        Ok(Talk::update().done(1))
    }

    async fn act(&self, act: Act, cx: &Cx) -> Result<(), NodeError> {
        let call = async |seconds| {
            sleep(seconds * SECOND).await;
            Ok::<_, NodeError>(self.calls.fetch_add(1, Ordering::SeqCst))
        };
        match act {
            Rest(seconds) => sleep(seconds * SECOND).await,
            Beat => cx.heartbeat(),
            Call(seconds) => {
                cx.effect("call", &seconds).run(|| call(seconds)).await?;
            }
            Fail(seconds) => {
                let fails = cx.effect("fail", &seconds).run(|| async {
                    call(seconds).await?;
                    Err::<(), _>(NodeError::transient("hoarse"))
                });
                fails.await.unwrap_err();
            }
            LongCall(seconds) => {
                let long = cx.effect("long call", &seconds).run(|| async {
                    for _ in 0..seconds {
                        sleep(SECOND).await;
                        cx.heartbeat();
                    }
                    call(0).await
                });
                long.await?;
            }
            CallOnce(seconds) => {
                let once = cx.effect("call once", &seconds).at_most_once();
                once.run(|| call(seconds)).await?;
            }
            BeatForEver => loop {
                sleep(SECOND).await;
                cx.heartbeat();
            },
        }
        Ok(())
    }
}

#[node(idle = "5s")]
async fn talk(_: &Talk, stage: &Stage, cx: &Cx) -> Result<TalkUpdate, NodeError> {
    stage.play(cx).await
}

#[graph(state = Talk, start -> talk -> end)]
struct Talks {
    stage: Stage,
}

fn engine<G: Graph<State = Talk>>(graph: G, place: &superstep_tests::Place) -> Engine<G> {
    let engine = Engine::builder(graph).store(Arc::clone(&place.store));
    // No node here has this timeout: each has limits of its own.
    engine.default_timeout(SECOND).build().unwrap()
}

/// The run's error, and after how many seconds it came.
async fn failed<G: Graph<State = Talk>>(engine: &Engine<G>) -> (Error, u64) {
    let started = Instant::now();
    let error = engine.run("run", Talk::default()).await.unwrap_err();
    (error, started.elapsed().as_secs())
}

fn idle(error: &Error) -> (&str, u64, Duration, u32) {
    match error {
        Error::NodeIdle {
            node,
            step,
            idle,
            attempts,
            ..
        } => (node, *step, *idle, *attempts),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_given_up_and_the_error_says_what_to_do() {
    for place in stores() {
        let stage = Stage::of(&[Rest(3_600)]);
        let engine = engine(
            Talks {
                stage: stage.clone(),
            },
            &place,
        );
        let (error, seconds) = failed(&engine).await;
        assert_eq!(idle(&error), ("talk", 1, 5 * SECOND, 1));
        assert_eq!(seconds, 5);
        assert_eq!(stage.there.load(Ordering::SeqCst), 0, "it is still there");
        assert_eq!((error.run(), error.step()), (Some("run"), Some(1)));
        assert_eq!((error.node(), error.code()), (Some("talk"), "node_idle"));
        assert!(!error.is_transient());
        let message = error.to_string();
        for part in [
            "run `run`, step 1, node `talk`: showed no sign of life for 5s",
            "resume the run",
            "`cx.heartbeat()`",
            "raise its `idle`",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
        let stored = engine.get("run").await.unwrap();
        assert_eq!(stored.status(), Status::Failed);
        assert_eq!(stored.error().unwrap().code, "node_idle");
        stage.plays(&[]);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.state().done, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_and_finished_effects_are_signs_of_life() {
    let scripts: [&[Act]; 5] = [
        &[Rest(4), Beat, Rest(4), Beat, Rest(4), Beat, Rest(4)],
        &[Call(4), Call(4), Rest(4)],
        &[Fail(4), Fail(4), Rest(4)],
        &[CallOnce(4), CallOnce(4), Rest(4)],
        &[LongCall(60), Rest(4)],
    ];
    for script in scripts {
        for place in stores() {
            let stage = Stage::of(script);
            let run = engine(Talks { stage }, &place).run("run", Talk::default());
            let run = run
                .await
                .unwrap_or_else(|error| panic!("{script:?}: {error}"));
            assert_eq!(run.state().done, 1);
        }
        let engine = Engine::builder(Talks {
            stage: Stage::of(script),
        });
        let engine = engine.no_store().build().unwrap();
        engine.run("run", Talk::default()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_silence_counts_from_the_last_sign() {
    let scripts: [(&[Act], u64); 5] = [
        (&[Rest(4), Beat, Rest(60)], 9),
        (&[Call(4), Rest(60)], 9),
        (&[Fail(3), Rest(60)], 8),
        (&[LongCall(20), Rest(60)], 25),
        // One that has not finished is none.
        (&[Rest(2), Call(60)], 5),
    ];
    for (script, expected) in scripts {
        for place in stores() {
            let stage = Stage::of(script);
            let (error, seconds) = failed(&engine(Talks { stage }, &place)).await;
            assert_eq!(idle(&error).2, 5 * SECOND);
            assert_eq!(seconds, expected, "{script:?}");
        }
    }
}

/// What is on record is found at once, and is a sign of life for the attempt that finds it.
#[tokio::test(start_paused = true)]
async fn a_recorded_effect_is_a_sign_of_life_when_it_is_read() {
    for place in stores() {
        let stage = Stage::of(&[Rest(3), Beat, Call(4), Rest(60)]);
        let engine = engine(
            Talks {
                stage: stage.clone(),
            },
            &place,
        );
        failed(&engine).await;
        stage.plays(&[Rest(3), Call(4), Rest(4)]);
        engine.resume("run").await.unwrap();
        assert_eq!(stage.calls(), 1);
    }
}

#[node(idle = "5s", retry(attempts = 3, base = "1s"))]
async fn stubborn(_: &Talk, stage: &Stage, cx: &Cx) -> Result<TalkUpdate, NodeError> {
    stage.play(cx).await
}

#[graph(state = Talk, start -> stubborn -> end)]
struct Stubborn {
    stage: Stage,
}

#[node]
fn note(_: &Talk, failure: Failure) -> TalkUpdate {
    Talk::update().failures([failure])
}

#[graph(state = Talk, start -> stubborn -> end, stubborn on error -> note, note -> end)]
struct Handled {
    stage: Stage,
}

#[tokio::test(start_paused = true)]
async fn silence_is_retried_like_a_timeout() {
    for place in stores() {
        let stage = Stage::of(&[Rest(4), Beat, Rest(60)]);
        let (error, seconds) = failed(&engine(Stubborn { stage }, &place)).await;
        assert_eq!(idle(&error), ("stubborn", 1, 5 * SECOND, 3));
        // Three attempts of nine seconds, and delays of one and two seconds with up to one of jitter.
        assert!((30..=32).contains(&seconds), "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_row_is_told_that_it_was_silence() {
    for place in stores() {
        let stage = Stage::of(&[Rest(60)]);
        let engine = engine(Handled { stage }, &place);
        let run = engine.run("run", Talk::default()).await.unwrap();
        let told = Failure {
            node: "stubborn".into(),
            attempts: 3,
            message: "showed no sign of life for 5s".into(),
            kind: FailureKind::Idle,
            item: None,
            input: None,
        };
        assert_eq!(run.state().failures, [told]);
        let json = serde_json::to_value(run.state()).unwrap();
        assert_eq!(json["failures"][0]["kind"], "idle");
        let replayed = engine.replay("run").await.unwrap();
        assert_eq!(replayed.fingerprint(), run.fingerprint());
    }
}

#[node(idle = "5s", timeout = "8s")]
async fn limited(_: &Talk, stage: &Stage, cx: &Cx) -> Result<TalkUpdate, NodeError> {
    stage.play(cx).await
}

#[graph(state = Talk, start -> limited -> end)]
struct Limited {
    stage: Stage,
}

#[tokio::test(start_paused = true)]
async fn of_a_timeout_and_an_idle_limit_the_first_that_is_reached_counts() {
    let limited = |script| Limited {
        stage: Stage::of(script),
    };
    let (error, seconds) = failed(&engine(limited(&[Rest(60)]), &memory())).await;
    assert_eq!((idle(&error).2, seconds), (5 * SECOND, 5));
    let (error, seconds) = failed(&engine(limited(&[BeatForEver]), &memory())).await;
    assert!(matches!(error, Error::NodeTimeout { timeout, .. } if timeout == 8 * SECOND));
    assert_eq!(seconds, 8);
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_of_its_own_only_the_budget_limits_it_as_a_whole() {
    let stage = Stage::of(&[BeatForEver]);
    let engine = Engine::builder(Talks { stage }).run_budget(120 * SECOND);
    let engine = engine.default_timeout(SECOND).build().unwrap();
    let (error, seconds) = failed(&engine).await;
    assert!(matches!(error, Error::BudgetExceeded { .. }), "{error}");
    assert_eq!(seconds, 120);
}

/// A call whose outcome nobody knows is asked about, as after a timeout.
#[tokio::test(start_paused = true)]
async fn a_call_that_must_not_be_repeated_is_asked_about_after_silence() {
    for place in stores() {
        let stage = Stage::of(&[Rest(2), CallOnce(60)]);
        let engine = engine(Talks { stage }, &place);
        let started = Instant::now();
        let run = engine.run("run", Talk::default()).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        // That it was about to be made is on record, and is no sign of life.
        assert_eq!(started.elapsed().as_secs(), 5);
        let question = run.interrupts()[0].question.get();
        assert!(
            question.contains("its node showed no sign of life for 5s"),
            "{question}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_needs_no_time_and_finds_a_node_that_hangs() {
    for place in stores() {
        let stage = Stage::of(&[Call(4), LongCall(60), Fail(4), Rest(4), Beat, Rest(4)]);
        let engine = engine(
            Talks {
                stage: stage.clone(),
            },
            &place,
        );
        let run = engine.run("run", Talk::default()).await.unwrap();
        let calls = stage.calls();
        let replayed = engine.replay("run").await.unwrap();
        assert_eq!(replayed.fingerprint(), run.fingerprint());
        assert_eq!(stage.calls(), calls);

        // Once it has done the same it does not end.
        let hangs: [(&[Act], &str); 2] = [
            (
                &[Call(4), LongCall(60), Fail(4), Rest(3_600)],
                "it shows no sign of life for 5s",
            ),
            (
                &[Call(4), LongCall(60), Fail(4), BeatForEver],
                "it is not done after 600s",
            ),
        ];
        for (script, found) in hangs {
            stage.plays(script);
            let error = engine.replay("run").await.unwrap_err();
            assert!(error.to_string().contains(found), "{error}");
        }
    }
}

/// What a blocking node is told to do.
enum Order {
    Beat,
    Call,
    /// Keeps the thread until nobody waits any more.
    Grind,
    End,
}

/// Obeys, and says so.
#[derive(Clone, Debug)]
struct Thread {
    orders: Arc<Mutex<mpsc::Receiver<Order>>>,
    done: tokio::sync::mpsc::UnboundedSender<()>,
}

#[node(blocking, idle = "5s")]
fn work(_: &Talk, thread: &Thread, cx: &Cx) -> Result<TalkUpdate, NodeError> {
    let orders = thread.orders.lock().unwrap_or_else(PoisonError::into_inner);
    for order in &*orders {
        match order {
            Order::Beat => cx.heartbeat(),
            Order::Call => {
                let call = cx.effect("call", &()).run(|| async { superstep::ok(()) });
                Handle::current().block_on(call)?;
            }
            Order::Grind => {
                while !cx.cancelled() {
                    std::thread::yield_now();
                }
                thread.done.send(()).unwrap();
                break;
            }
            Order::End => break,
        }
        thread.done.send(()).unwrap();
    }
    Ok(Talk::update().done(1))
}

#[graph(state = Talk, start -> work -> end)]
struct Works {
    thread: Thread,
}

/// The clock stands still while the node works, but for what the test adds to it.
#[tokio::test(start_paused = true)]
async fn a_blocking_node_is_heard_and_told_when_nobody_waits_any_more() {
    for place in stores() {
        for ends_well in [true, false] {
            let (order, orders) = mpsc::channel();
            let (done, mut dones) = tokio::sync::mpsc::unbounded_channel();
            let orders = Arc::new(Mutex::new(orders));
            let engine = engine(
                Works {
                    thread: Thread { orders, done },
                },
                &place,
            );
            let id = format!("ends well: {ends_well}");
            let run = tokio::spawn(engine.run(&id, Talk::default()).into_future());
            for sign in [Order::Beat, Order::Call, Order::Beat] {
                order.send(sign).unwrap();
                dones.recv().await.unwrap();
                advance(4 * SECOND).await;
            }
            if ends_well {
                order.send(Order::End).unwrap();
                assert_eq!(run.await.unwrap().unwrap().state().done, 1);
                continue;
            }
            order.send(Order::Grind).unwrap();
            advance(2 * SECOND).await;
            let error = run.await.unwrap().unwrap_err();
            assert_eq!(idle(&error), ("work", 1, 5 * SECOND, 1));
            dones.recv().await.unwrap();
            let run = engine.get(&id).await.unwrap();
            assert_eq!((run.steps(), run.state().done), (0, 0));
        }
    }
}
