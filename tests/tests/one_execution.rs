//! However many callers want to advance a run, each step commits once and each
//! task runs once.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{StepKind, StoreExt};
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Dice, Hooked, Journal, Place, Trace, memory, stores, trace, well};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

fn surveyor_at(place: &Place) -> (Engine<Surveyor>, Journal) {
    let surveyor = Surveyor::new();
    let journal = surveyor.world.journal.clone();
    let engine = Engine::builder(surveyor)
        .store(Arc::clone(&place.store))
        .build()
        .expect("the settings make sense");
    (engine, journal)
}

/// What one call alone leaves: its trace, and every attempt of every task.
async fn alone(input: Survey) -> (Trace, Vec<String>) {
    let surveyor = Surveyor::new();
    let journal = surveyor.world.journal.clone();
    let engine = Engine::builder(surveyor)
        .build()
        .expect("the settings make sense");
    engine.run("survey", input).await.expect("it finishes");
    let trace = trace(&engine, "survey").await.expect("it is stored");
    (trace, sorted(&journal))
}

fn sorted(journal: &Journal) -> Vec<String> {
    let mut lines = journal.lines();
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_once_are_one_execution() {
    let (expected, attempts) = alone(Survey::of(3, 4)).await;
    for place in stores() {
        let (engine, journal) = surveyor_at(&place);
        let mut calls = JoinSet::new();
        for call in 0..1_000 {
            let engine = engine.clone();
            calls.spawn(async move {
                if call % 2 == 0 {
                    return engine.run("survey", Survey::of(3, 4)).await;
                }
                loop {
                    match engine.resume("survey").await {
                        Err(Error::RunNotFound { .. }) => tokio::task::yield_now().await,
                        other => return other,
                    }
                }
            });
        }
        while let Some(run) = calls.join_next().await {
            let run = run.unwrap().unwrap();
            assert_eq!(run.status(), Status::Completed);
            assert_eq!(
                run.fingerprint(),
                expected.history.last().map(|step| step.chain)
            );
        }
        assert_eq!(trace(&engine, "survey").await.unwrap(), expected);
        assert_eq!(sorted(&journal), attempts, "{place:?}: tasks ran twice");
    }
}

/// The caller that drives may go away at any time: another one continues from
/// exactly there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_give_up_do_not_disturb_those_that_wait() {
    let (expected, attempts) = alone(Survey::of(3, 4)).await;
    let dice = Dice::from_env();
    for place in stores() {
        let (engine, journal) = surveyor_at(&place);
        let call = || engine.run("survey", Survey::of(3, 4)).into_future();
        let mut quitters = vec![tokio::spawn(call())];
        while engine.get("survey").await.is_err() {
            tokio::task::yield_now().await;
        }
        // Polled once it waits: from now on there is always somebody who does.
        let mut stays = call();
        tokio::select! {
            biased;
            _ = &mut stays => panic!("{place:?}: it was over before anybody could give up"),
            () = std::future::ready(()) => {}
        }
        let stays = tokio::spawn(stays);
        quitters.extend((1..50).map(|_| tokio::spawn(call())));
        for quitter in quitters {
            dice.dawdle().await;
            quitter.abort();
        }
        stays.await.unwrap().unwrap();
        assert_eq!(trace(&engine, "survey").await.unwrap(), expected);
        assert_eq!(sorted(&journal), attempts, "{place:?}: tasks ran twice");
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Talk {
    message: String,
    #[reduce(append)]
    heard: Vec<String>,
}

/// Opened by the test when the node may continue.
#[derive(Debug)]
struct Gate(Arc<Semaphore>);

#[node]
async fn hear(state: &Talk, gate: &Gate) -> TalkUpdate {
    gate.0.acquire().await.expect("the gate stays").forget();
    Talk::update().heard([state.message.clone()])
}

#[graph(state = Talk, start -> hear -> end)]
struct Listener {
    gate: Gate,
}

fn listener(place: &Place, gate: &Arc<Semaphore>) -> Engine<Listener> {
    let gate = Gate(Arc::clone(gate));
    Engine::builder(Listener { gate })
        .store(Arc::clone(&place.store))
        .build()
        .expect("the settings make sense")
}

fn say(message: &str) -> Talk {
    Talk {
        message: message.to_owned(),
        ..Talk::default()
    }
}

/// They all read at once when the run is over, and get in each other's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_who_wait_learn_that_it_is_over() {
    let place = memory();
    let gate = Arc::new(Semaphore::new(0));
    let engine = listener(&place, &gate);
    for round in 0..50 {
        let mut calls = JoinSet::new();
        for _ in 0..200 {
            let call = engine.run(format!("run-{round}"), say("hello"));
            calls.spawn(call.into_future());
        }
        gate.add_permits(1);
        let all = async { while calls.join_next().await.is_some() {} };
        let all = timeout(Duration::from_secs(30), all).await;
        assert!(all.is_ok(), "round {round}: {} still wait", calls.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_runs_with_every_commit_tried_three_times() {
    for place in stores() {
        let gate = Arc::new(Semaphore::new(1_000));
        let store = Hooked::new(Arc::clone(&place.store), |_, _| well()).committing(3);
        let graph = Listener {
            gate: Gate(Arc::clone(&gate)),
        };
        let engine = Engine::builder(graph).store(store).build().unwrap();
        let mut runs = JoinSet::new();
        for run in 0..1_000 {
            let engine = engine.clone();
            runs.spawn(async move { engine.run(format!("run-{run}"), say("hello")).await });
        }
        while let Some(run) = runs.join_next().await {
            let run = run.unwrap().unwrap();
            assert_eq!((run.steps(), run.state().heard.len()), (1, 1));
        }
        assert_eq!(gate.available_permits(), 0, "{place:?}: a task ran twice");
        for head in place.store.all_runs().await.unwrap() {
            assert_eq!((head.step, head.status), (1, Status::Completed));
        }
    }
}

#[tokio::test]
async fn several_engines_on_one_store_let_one_drive() {
    for place in stores() {
        let gate = Arc::new(Semaphore::new(0));
        let driver = listener(&place, &gate);
        let driving = tokio::spawn({
            let driver = driver.clone();
            async move { driver.run("run", say("hello")).await }
        });
        while driver.get("run").await.is_err() {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            let other = listener(&place, &gate);
            for result in [
                other.run("run", say("hello")).await,
                other.resume("run").await,
                other.update("run", Talk::update().message("no")).await,
            ] {
                let error = result.unwrap_err();
                let Error::LeaseHeld { run, owner, .. } = &error else {
                    panic!("{error}")
                };
                assert_eq!(run, "run");
                let process = format!("process {}", std::process::id());
                assert!(owner.starts_with(&process), "{owner}");
                assert!(error.to_string().contains("lapses at 2"), "{error}");
            }
            assert_eq!(other.get("run").await.unwrap().status(), Status::Running);
        }
        gate.add_permits(1);
        let run = driving.await.unwrap().unwrap();
        let other = listener(&place, &gate).resume("run").await.unwrap();
        assert_eq!(other.fingerprint(), run.fingerprint());
        assert_eq!(gate.available_permits(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_turns_at_once_those_that_succeed_are_committed() {
    for place in stores() {
        let gate = Arc::new(Semaphore::new(100_000));
        let engine = listener(&place, &gate);
        engine.run("run", say("first")).await.unwrap();
        let mut calls = JoinSet::new();
        for call in 0..1_000 {
            let engine = engine.clone();
            calls.spawn(async move {
                let turn = engine.turn("run", Talk::update().message(format!("turn {call}")));
                match turn.await {
                    Ok(_) => Some(call),
                    Err(Error::LeaseHeld { .. }) => None,
                    Err(other) => panic!("{other}"),
                }
            });
        }
        let mut done = Vec::new();
        while let Some(call) = calls.join_next().await {
            done.extend(call.unwrap().map(|call| format!("turn {call}")));
        }
        let run = engine.get("run").await.unwrap();
        let mut heard: Vec<String> = run.state().heard[1..].to_vec();
        heard.sort();
        done.sort();
        assert_eq!(heard, done, "{place:?}");
        assert!(!done.is_empty());
        let history = engine.history("run").await.unwrap();
        let turns = history.iter().filter(|step| step.kind == StepKind::Turn);
        assert_eq!(turns.count(), done.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_makes_a_repeated_turn_harmless() {
    for place in stores() {
        let gate = Arc::new(Semaphore::new(100));
        let engine = listener(&place, &gate);
        engine.run("run", say("first")).await.unwrap();
        for _ in 0..10 {
            let turn = engine.turn("run", Talk::update().message("second"));
            let run = turn.token("msg-2").await.unwrap();
            assert_eq!(run.state().heard, ["first", "second"]);
        }
        let mut calls = JoinSet::new();
        for _ in 0..100 {
            let engine = engine.clone();
            calls.spawn(async move {
                let turn = engine.turn("run", Talk::update().message("third"));
                turn.token("msg-3").await
            });
        }
        while let Some(call) = calls.join_next().await {
            let run = call.unwrap().unwrap();
            assert_eq!(run.state().heard, ["first", "second", "third"]);
        }
        let run = engine.get("run").await.unwrap();
        assert_eq!(run.state().heard, ["first", "second", "third"], "{place:?}");
    }
}

/// Two people say the same at the same time, in two processes: the second is
/// not taken for a repetition of the first.
#[tokio::test]
async fn equal_turns_with_other_tokens_are_not_taken_for_one() {
    for place in stores() {
        let gate = Arc::new(Semaphore::new(100));
        let engine = listener(&place, &gate);
        engine.run("run", say("first")).await.unwrap();

        // The other engine's turn comes between reading the head and the commit.
        let other = listener(&place, &gate);
        let overtaken = AtomicBool::new(false);
        let hooked = Hooked::new(Arc::clone(&place.store), move |_, call| {
            if call != "commit" || overtaken.swap(true, Ordering::Relaxed) {
                return well();
            }
            let other = other.clone();
            Box::pin(async move {
                let turn = other.turn("run", Talk::update().message("yes"));
                turn.token("msg-1").await.expect("the turn is free");
                Ok(())
            })
        });
        let graph = Listener {
            gate: Gate(Arc::clone(&gate)),
        };
        let late = Engine::builder(graph).store(hooked).build().unwrap();
        let turn = late.turn("run", Talk::update().message("yes"));
        let run = turn.token("msg-2").await.unwrap();
        assert_eq!(run.state().heard, ["first", "yes", "yes"]);
    }
}

#[tokio::test]
async fn another_input_is_refused_while_the_run_is_driven_too() {
    for place in stores() {
        let gate = Arc::new(Semaphore::new(0));
        let engine = listener(&place, &gate);
        // Stopped in its first step, then continued by `resume`.
        tokio::select! {
            biased;
            _ = async { engine.run("run", say("hello")).await } => unreachable!("the gate is closed"),
            () = async {
                while engine.get("run").await.is_err() {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        let resumed = engine.resume("run");
        let late = async {
            tokio::task::yield_now().await;
            let error = engine.run("run", say("something else")).await.unwrap_err();
            gate.add_permits(1);
            error
        };
        let (run, error) = tokio::join!(resumed, late);
        assert!(matches!(error, Error::InputMismatch { .. }), "{error}");
        assert_eq!(run.unwrap().state().heard, ["hello"]);
    }
}
