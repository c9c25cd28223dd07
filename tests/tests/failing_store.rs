//! A store that fails gives an error from the run, never a success; the run
//! continues when the store works again and ends as if nothing had happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use superstep::prelude::*;
use superstep::store::StoreError;
use superstep_tests::lab::{Findings, Lab, fetch};
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Hooked, Moment, Trace, every_nth, only_nth, stores, trace};

async fn undisturbed(input: Survey) -> Trace {
    let engine = Engine::builder(Surveyor::new()).build().expect("it works");
    let run = engine.run("survey", input).seed(1);
    run.await.expect("it works");
    trace(&engine, "survey").await.expect("it works")
}

/// Every call a driven run makes, at both moments.
fn faults() -> impl Iterator<Item = (&'static str, Moment, u64)> {
    let calls = [
        "commit", "journal", "*", "load", "acquire", "head", "park", "release",
    ];
    calls.into_iter().flat_map(|call| {
        [Moment::Before, Moment::After]
            .into_iter()
            .flat_map(move |moment| [2, 3, 5, 7].map(|n| (call, moment, n)))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_nth_call_fails_and_the_run_ends_the_same() {
    let input = Survey::of(2, 3);
    let expected = undisturbed(input.clone()).await;
    let mut failures = 0;
    for place in stores() {
        for (call, moment, n) in faults() {
            // Resuming takes five calls: with fewer between two faults nothing could ever continue.
            if call == "*" && n < 7 {
                continue;
            }
            let well = Engine::builder(Surveyor::new())
                .store(Arc::clone(&place.store))
                .build()
                .unwrap();
            let hooked = Hooked::new(Arc::clone(&place.store), every_nth(n, moment, call));
            let unwell = Engine::builder(Surveyor::new())
                .store(hooked)
                .build()
                .unwrap();
            let id = format!("{call} {moment:?} {n}");
            let input = || input.clone();
            let mut result = unwell.run(&id, input()).seed(1).await;
            for _ in 0..100 {
                let Err(error) = &result else { break };
                failures += 1;
                assert!(matches!(error, Error::Store { .. }), "{id}: {error}");
                let message = error.to_string();
                assert!(
                    message.contains(&id) && message.contains("resume"),
                    "{message}"
                );
                result = match well.get(&id).await {
                    Err(Error::RunNotFound { .. }) => unwell.run(&id, input()).seed(1).await,
                    _ => unwell.resume(&id).await,
                };
            }
            let run = result.unwrap();
            assert_eq!(run.status(), Status::Completed);
            let stored = trace(&well, &id).await.unwrap();
            assert_eq!(stored.state, expected.state, "{id}");
            assert_eq!(
                run.fingerprint(),
                stored.history.last().map(|step| step.chain)
            );
            let digests = |trace: &Trace| -> Vec<_> {
                trace.history.iter().map(|step| step.digest).collect()
            };
            assert_eq!(digests(&stored), digests(&expected), "{id}");
        }
    }
    assert!(failures > 50, "only {failures} calls ever failed");
}

/// A store that cannot keep a value is not at fault: the value has to change.
#[tokio::test]
async fn a_value_that_is_too_large_is_told_as_that() {
    for place in stores() {
        let hook = |moment, call| -> superstep::store::StoreFuture<'static, ()> {
            let refuses = (moment, call) == (Moment::Before, "commit");
            Box::pin(async move {
                let too_large = StoreError::TooLarge {
                    run: "survey".to_owned(),
                    what: "the state after step 0".to_owned(),
                    bytes: 2_000_000_000,
                    limit: 1_000_000_000,
                };
                if refuses { Err(too_large) } else { Ok(()) }
            })
        };
        let engine = Engine::builder(Surveyor::new())
            .store(place.hooked(hook))
            .build()
            .unwrap();
        let error = engine.run("survey", Survey::of(1, 1)).await.unwrap_err();
        assert!(
            matches!(&error, Error::TooLarge { run, bytes: 2_000_000_000, .. } if run == "survey"),
            "{error}"
        );
        assert!(
            error.to_string().contains("keep large values elsewhere"),
            "{error}"
        );
    }
}

/// Wherever it is, a value that no store takes is a failure of its run, whose
/// other results are kept, and a further turn continues.
#[tokio::test]
async fn a_run_whose_value_is_too_large_has_failed() {
    for refused in ["commit", "journal", "park"] {
        for place in stores() {
            let broken = Arc::new(AtomicBool::new(false));
            let is_broken = Arc::clone(&broken);
            let store = place.hooked(move |moment, call| {
                let refuses = (moment, call) == (Moment::Before, refused);
                let once = refuses && is_broken.swap(false, Ordering::SeqCst);
                Box::pin(async move {
                    let too_large = StoreError::TooLarge {
                        run: "run".to_owned(),
                        what: "a value".to_owned(),
                        bytes: 2_000_000_000,
                        limit: 1_000_000_000,
                    };
                    if once { Err(too_large) } else { Ok(()) }
                })
            });
            let lab = Lab::new(move |cx, outside, item| {
                Box::pin(async move {
                    outside.pass().await;
                    if refused == "park" && item == 1 && outside.is_broken() {
                        return Err(NodeError::permanent("for a park"));
                    }
                    fetch(cx, outside, item).await
                })
            });
            let engine = lab.builder(&store).build().unwrap();
            engine.run("run", Findings::of(0, 0)).await.unwrap();
            lab.outside.set_broken(true);
            broken.store(refused != "commit", Ordering::SeqCst);
            let turn = engine.turn("run", Findings::update().rounds(1).tasks(2));
            if refused == "commit" {
                // The turn's own first step is taken.
                lab.outside.crash(turn).await;
                broken.store(true, Ordering::SeqCst);
                engine.resume("run").await.map(drop).unwrap_err();
            } else {
                turn.await.unwrap_err();
            }
            let what = format!("{place:?}, {refused}");
            let run = engine.get("run").await.unwrap();
            assert_eq!(run.status(), Status::Failed, "{what}");
            lab.outside.set_broken(false);
            let next = engine.turn("run", Findings::update().rounds(2).tasks(1));
            assert_eq!(
                next.await.expect(&what).status(),
                Status::Completed,
                "{what}"
            );
        }
    }
}

/// Resuming in the same engine, or in another one, makes no difference, not
/// even in the fingerprint.
#[tokio::test]
async fn another_engine_goes_on_at_once() {
    let expected = undisturbed(Survey::of(2, 3)).await;
    for place in stores() {
        let hooked = Hooked::new(
            Arc::clone(&place.store),
            every_nth(4, Moment::Before, "commit"),
        );
        let engine = || {
            Engine::builder(Surveyor::new())
                .store(hooked.clone())
                .build()
                .unwrap()
        };
        let mut result = engine().run("survey", Survey::of(2, 3)).seed(1).await;
        let mut engines = 1;
        while let Err(error) = result {
            assert!(matches!(error, Error::Store { .. }), "{error}");
            engines += 1;
            result = engine().resume("survey").await;
        }
        assert!(engines > 3);
        assert_eq!(trace(&engine(), "survey").await.unwrap(), expected);
    }
}

/// A commit that failed leaves the step before it, and one whose answer was
/// lost leaves the step itself: never a mix.
#[tokio::test]
async fn a_failed_commit_leaves_the_old_step_or_the_new_one() {
    for place in stores() {
        for (moment, shift) in [(Moment::Before, 0), (Moment::After, 1)] {
            for fail_at in 1..8 {
                let well = Engine::builder(Surveyor::new())
                    .store(Arc::clone(&place.store))
                    .build()
                    .unwrap();
                let hooked = Hooked::new(
                    Arc::clone(&place.store),
                    only_nth(fail_at, moment, "commit"),
                );
                let engine = Engine::builder(Surveyor::new())
                    .store(hooked)
                    .build()
                    .unwrap();
                let id = format!("{moment:?} {fail_at}");
                engine.run(&id, Survey::of(2, 3)).await.unwrap_err();
                // Commit 1 is step 0.
                let steps = fail_at - 1 + shift;
                if steps == 0 {
                    let error = well.get(&id).await.unwrap_err();
                    assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
                    continue;
                }
                let stands = trace(&well, &id).await.unwrap();
                assert_eq!(stands.history.len() as u64, steps);
                let done = engine.resume(&id).await.unwrap();
                assert_eq!(done.status(), Status::Completed);
                let after = trace(&well, &id).await.unwrap();
                assert_eq!(after.history[..steps as usize], stands.history);
            }
        }
    }
}

/// No task of a committed step runs again.
#[tokio::test]
async fn what_was_committed_does_not_run_again() {
    for place in stores() {
        let surveyor = Surveyor::new();
        let hooked = Hooked::new(
            Arc::clone(&place.store),
            every_nth(3, Moment::Before, "commit"),
        );
        let engine = Engine::builder(surveyor.clone())
            .store(hooked)
            .build()
            .unwrap();
        let mut result = engine.run("survey", Survey::of(3, 3)).await;
        let mut ran: BTreeMap<String, usize> = BTreeMap::new();
        let mut committed = 0;
        loop {
            for line in surveyor.world.journal.take() {
                let step: u64 = line.split(' ').nth(2).unwrap().parse().unwrap();
                assert!(step > committed, "{line} ran again after step {committed}");
                *ran.entry(line).or_default() += 1;
            }
            if result.is_ok() {
                break;
            }
            committed = match engine.get("survey").await {
                Ok(run) => run.steps(),
                Err(error) => panic!("{error}"),
            };
            result = engine.resume("survey").await;
        }
        assert!(
            ran.values().any(|times| *times > 1),
            "no step was interrupted"
        );
    }
}
