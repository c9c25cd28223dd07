//! A blocking node occupies no thread that nobody waits for: one whose time is over
//! before it starts does not start, and what it waits for in an effect ends with
//! its attempt.

use std::future::pending;
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Journal, stores};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::spawn_blocking;

/// Longer than anything here takes, and the end of a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Job {
    done: u64,
}

/// What the node does on its thread.
#[derive(Clone, Copy)]
struct Script(fn(&Cx, &Journal) -> Result<u64, NodeError>);

#[node(blocking)]
fn work(_: &Job, script: &Script, journal: &Journal, cx: &Cx) -> Result<JobUpdate, NodeError> {
    journal.note(format_args!("started {}", cx.attempt()));
    let done = (script.0)(cx, journal);
    journal.note("ended");
    Ok(Job::update().done(done?))
}

#[graph(state = Job, start -> work -> end)]
#[derive(Clone)]
struct Worker {
    script: Script,
    journal: Journal,
}

impl Worker {
    fn doing(script: fn(&Cx, &Journal) -> Result<u64, NodeError>) -> Self {
        Self {
            script: Script(script),
            journal: Journal::new(),
        }
    }
}

/// Runs `test` on a thread of its own, which has to end.
fn ends(test: impl FnOnce() + Send + 'static) {
    let (ended, has_ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        ended.send(()).unwrap();
    });
    if has_ended.recv_timeout(PATIENCE) != Err(mpsc::RecvTimeoutError::Timeout) {
        thread.join().unwrap();
        return;
    }
    panic!("it hangs");
}

/// A pool that one node, or anything else, fills.
fn one_blocking_thread() -> Runtime {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(1);
    runtime.build().unwrap()
}

/// Its node has 50 ms, including the wait for a thread.
fn impatient() -> (Worker, Engine<Worker>) {
    let graph = Worker::doing(|_, _| Ok(1));
    let engine = Engine::builder(graph.clone()).default_timeout(Duration::from_millis(50));
    (graph, engine.build().unwrap())
}

#[test]
fn a_node_that_waited_in_the_queue_until_its_timeout_does_not_start() {
    one_blocking_thread().block_on(async {
        let (graph, engine) = impatient();
        let (release, is_released) = mpsc::channel::<()>();
        let stuck = spawn_blocking(move || is_released.recv());
        let error = engine.run("run", Job::default()).await.unwrap_err();
        assert!(matches!(error, Error::NodeTimeout { .. }), "{error}");
        release.send(()).unwrap();
        stuck.await.unwrap().unwrap();
        // The pool goes in order: it has reached the node by then.
        spawn_blocking(|| ()).await.unwrap();
        assert_eq!(graph.journal.lines(), [""; 0]);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.state().done, 1);
    });
}

/// Even if nobody has looked at the clock meanwhile.
#[test]
fn nor_does_one_whose_driver_was_kept_from_the_clock() {
    one_blocking_thread().block_on(async {
        let (graph, engine) = impatient();
        let (release, is_released) = mpsc::channel::<()>();
        let stuck = spawn_blocking(move || is_released.recv());
        let mut call = Box::pin(engine.run("run", Job::default()));
        let polled = std::future::poll_fn(|task| call.as_mut().poll(task));
        tokio::select! {
            biased;
            _ = polled => panic!("it is stuck"),
            () = tokio::task::yield_now() => {}
        }
        std::thread::sleep(Duration::from_millis(60));
        release.send(()).unwrap();
        stuck.await.unwrap().unwrap();
        spawn_blocking(|| ()).await.unwrap();
        assert_eq!(graph.journal.lines(), [""; 0]);
        let error = call.await.unwrap_err();
        assert!(matches!(error, Error::NodeTimeout { .. }), "{error}");
    });
}

#[test]
fn a_wait_for_an_answer_ends_with_its_attempt() {
    ends(|| {
        for place in stores() {
            let graph = Worker::doing(|cx, _| {
                let paid = cx.effect("pay", &()).at_most_once();
                let paid = paid.run(async || Err::<u64, _>(NodeError::transient("no answer")));
                Handle::current().block_on(paid)
            });
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let engine = Engine::builder(graph.clone()).store(place.store.clone());
                let engine = engine
                    .default_timeout(PATIENCE * 10)
                    .run_budget(PATIENCE * 10);
                let engine = engine.build().unwrap();
                // As soon as it asks, not when its time is over.
                let run = engine.run("run", Job::default()).await.unwrap();
                assert_eq!(run.status(), Status::Interrupted);
                let answer = Outcome::Happened(7);
                let question = &run.interrupts()[0].id;
                engine.answer("run", question, answer).await.unwrap();
                let run = engine.resume("run").await.unwrap();
                assert_eq!(run.state().done, 7);
                engine.replay("run").await.unwrap();
            });
            // Waits for its threads.
            drop(runtime);
            let ended = |line: &&String| *line == "ended";
            assert_eq!(graph.journal.lines().iter().filter(ended).count(), 3);
        }
    });
}

#[test]
fn a_call_that_never_ends_is_dropped_when_nobody_waits_for_the_attempt() {
    ends(|| {
        for (at_most_once, with_store) in [(false, true), (true, true), (false, false)] {
            let graph = Worker::doing(match at_most_once {
                true => |cx, _| {
                    let never = cx.effect("never", &()).at_most_once();
                    let never = never.run(pending::<Result<u64, NodeError>>);
                    Handle::current().block_on(never)
                },
                false => |cx, _| {
                    let never = cx.effect("never", &());
                    let never = never.run(pending::<Result<u64, NodeError>>);
                    Handle::current().block_on(never)
                },
            });
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async {
                let engine = Engine::builder(graph.clone());
                let engine = match with_store {
                    true => engine,
                    false => engine.no_store(),
                };
                let engine = engine.default_timeout(Duration::from_millis(50));
                let engine = engine.build().unwrap();
                match engine.run("run", Job::default()).await {
                    Ok(run) => assert_eq!(run.status(), Status::Interrupted),
                    Err(error) => assert!(matches!(error, Error::NodeTimeout { .. }), "{error}"),
                }
            });
            drop(runtime);
            assert_eq!(graph.journal.lines(), ["started 1", "ended"]);
        }
    });
}

/// The driver is a task of the runtime that shuts down.
#[test]
fn a_runtime_shuts_down_while_a_blocking_node_waits() {
    ends(|| {
        let graph = Worker::doing(|cx, journal| {
            let never = cx.effect("never", &());
            let never = never.run(|| {
                journal.note("called");
                pending::<Result<u64, NodeError>>()
            });
            Handle::current().block_on(never)
        });
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let engine = Engine::builder(graph.clone()).build().unwrap();
        runtime.spawn(async move { engine.run("run", Job::default()).await });
        while graph.journal.lines().len() < 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(runtime);
        assert_eq!(graph.journal.lines(), ["started 1", "called", "ended"]);
    });
}
