//! A runtime that is shut down, or that has no clock, is never a node's failure:
//! whoever waits for the run on another one continues, and a call that cannot drive
//! a run says so before it writes anything.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep_tests::lab::{Doing, Findings, FindingsUpdate, Lab, Outside, one, seen};
use superstep_tests::{Journal, Moment, Place, stores, well};
use tokio::runtime::{Builder, Runtime};

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(600);

fn pool() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(4);
    builder.enable_all().build().unwrap()
}

fn on_one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Waits until that many lines are noted.
fn noted(journal: &Journal, lines: usize) {
    while journal.lines().len() < lines {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Drives `run` on a runtime that is shut down, once `journal` has that many lines,
/// while somebody waits for it on another one.
fn taken_over<G: Graph<State: Clone>>(
    engine: &Engine<G>,
    input: &G::State,
    (journal, lines): (&Journal, usize),
) -> Result<Run<G::State>, Error> {
    let first = pool();
    let (driver, given) = (engine.clone(), input.clone());
    first.spawn(async move { driver.run("run", given).await });
    noted(journal, lines);
    let (waits, is_waiting) = mpsc::channel();
    let (engine, input) = (engine.clone(), input.clone());
    let waiter = thread::spawn(move || {
        on_one_thread().block_on(async {
            let mut call = Box::pin(engine.run("run", input));
            let polled = poll_fn(|task| Poll::Ready(call.as_mut().poll(task).is_ready()));
            assert!(!polled.await, "the node is under way");
            waits.send(()).unwrap();
            call.await
        })
    });
    is_waiting.recv().unwrap();
    first.shutdown_background();
    waiter.join().unwrap()
}

type Act = for<'a> fn(&'a Cx, &'a Outside, u32) -> Doing<'a>;

/// Whether this is the first start of the first task.
fn is_first(outside: &Outside, item: u32) -> bool {
    item == 0 && !outside.journal.lines().contains(&"called 0".to_owned())
}

/// What the first task is doing when its runtime goes; every further start ends at once.
const WAYS: [(&str, Act); 3] = [
    ("a timer", |cx, outside, item| {
        Box::pin(async move {
            let is_first = cx.untracked(|| is_first(outside, item));
            outside.call(item).await?;
            if is_first {
                cx.untracked(|| tokio::time::sleep(LONG)).await;
            }
            Ok(item.to_string())
        })
    }),
    ("a task", |cx, outside, item| {
        Box::pin(async move {
            let is_first = cx.untracked(|| is_first(outside, item));
            outside.call(item).await?;
            if is_first {
                cx.untracked(|| tokio::spawn(pending::<()>())).await?;
            }
            Ok(item.to_string())
        })
    }),
    ("an effect", |cx, outside, item| {
        Box::pin(async move {
            let done = cx.effect("fetch", &item).run(|| async move {
                let is_first = is_first(outside, item);
                outside.call(item).await?;
                if is_first {
                    tokio::time::sleep(LONG).await;
                }
                superstep::ok(item)
            });
            Ok(done.await?.to_string())
        })
    }),
];

fn engine(lab: &Lab, place: &Place) -> Engine<Lab> {
    let builder = lab.builder(&place.store).default_timeout(LONG);
    builder.run_budget(LONG).build().unwrap()
}

#[test]
fn whoever_waits_on_another_runtime_goes_on() {
    for (way, act) in WAYS {
        for tasks in [1, 3] {
            for place in stores() {
                let lab = Lab::new(act);
                let engine = engine(&lab, &place);
                let lines = (&lab.outside.journal, tasks as usize);
                let run = taken_over(&engine, &Findings::of(1, tasks), lines).unwrap();
                let expected = (0..tasks).map(|item| item.to_string());
                assert_eq!(seen(&run), expected.collect::<Vec<_>>(), "{way}, {place:?}");
                // The open step begins again, as after a crash; what is recorded is not called.
                let calls = lab.outside.calls();
                let most = match way {
                    "an effect" => tasks + 1,
                    _ => 2 * tasks,
                };
                assert!(calls <= most.into(), "{way}, {place:?}: {calls} calls");
            }
        }
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Job {
    done: u32,
}

#[node(retry(attempts = 2, base = "1s"))]
async fn fails_first(_: &Job, journal: &Journal, cx: &Cx) -> Result<JobUpdate, NodeError> {
    let lines = cx.untracked(|| journal.lines().len());
    journal.note(cx.attempt());
    if lines == 0 {
        return Err(NodeError::transient("not yet"));
    }
    Ok(Job::update().done(cx.attempt()))
}

#[graph(state = Job, start -> fails_first -> end)]
#[derive(Clone)]
struct Retried(Journal);

/// The delay before a retry is waited for by whoever drives.
#[test]
fn a_retry_is_not_lost_with_the_runtime() {
    let journal = Journal::new();
    let engine = Engine::builder(Retried(journal.clone())).build().unwrap();
    let run = taken_over(&engine, &Job::default(), (&journal, 1)).unwrap();
    assert_eq!(
        (run.state().done, journal.lines()),
        (2, vec!["1".into(), "2".into()])
    );
}

#[node(blocking)]
fn blocks(_: &Job, journal: &Journal) -> JobUpdate {
    journal.note("started");
    Job::update().done(1)
}

#[graph(state = Job, start -> blocks -> end)]
#[derive(Clone)]
struct Blocks(Journal);

/// One that waits in the queue of a pool that is shut down starts in another.
#[test]
fn a_blocking_node_starts_on_another_runtime() {
    let journal = Journal::new();
    let engine = Engine::builder(Blocks(journal.clone())).default_timeout(LONG);
    let engine = engine.build().unwrap();
    let mut first = Builder::new_current_thread();
    let first = first.max_blocking_threads(1).enable_all().build().unwrap();
    let (release, is_released) = mpsc::channel::<()>();
    first.spawn_blocking(move || is_released.recv());
    let mut call = Box::pin(engine.run("run", Job::default()));
    first.block_on(async {
        let polled = poll_fn(|task| Poll::Ready(call.as_mut().poll(task).is_ready()));
        assert!(!polled.await);
    });
    first.shutdown_background();
    release.send(()).unwrap();
    let run = on_one_thread().block_on(call).unwrap();
    assert_eq!(run.state().done, 1);
    assert_eq!(journal.lines(), ["started"]);
}

/// Nobody else waits for the run, and the call that drives it survives.
#[test]
fn a_call_whose_own_runtime_is_gone_says_so_and_the_run_goes_on_elsewhere() {
    for (way, act) in WAYS {
        for tasks in [1, 3] {
            for place in stores() {
                let lab = Lab::new(act);
                let engine = engine(&lab, &place);
                let first = pool();
                let (handle, driver) = (first.handle().clone(), engine.clone());
                let drives = thread::spawn(move || {
                    handle.block_on(driver.run("run", Findings::of(1, tasks)).into_future())
                });
                noted(&lab.outside.journal, tasks as usize);
                first.shutdown_background();
                let error = drives.join().unwrap().unwrap_err();
                assert!(
                    matches!(error, Error::RuntimeLost { step: 2, .. }),
                    "{way}: {error}"
                );
                assert!(error.to_string().contains("run `run`"), "{error}");
                let run = on_one_thread().block_on(async {
                    let run = engine.get("run").await.unwrap();
                    assert_eq!(run.status(), Status::Running, "{way}, {place:?}");
                    engine.resume("run").await.unwrap()
                });
                assert_eq!(seen(&run).len(), tasks as usize);
            }
        }
    }
}

/// Another engine may end the turn and begin the next one before the call goes on with it.
#[test]
fn a_turn_that_lost_its_runtime_is_not_the_one_after_it() {
    let round = |n| -> FindingsUpdate { Findings::update().rounds(n) };
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                outside.call(item).await?;
                if outside.is_broken() {
                    cx.untracked(|| tokio::time::sleep(LONG)).await;
                }
                Ok(item.to_string())
            })
        });
        lab.outside.set_broken(true);
        let elsewhere = engine(&lab.elsewhere(), &place);
        let usual = on_one_thread();
        let begun = elsewhere.run("run", one()).into_future();
        usual.block_on(begun).unwrap();
        let is_lost = Arc::new(AtomicBool::new(false));
        let store = place.hooked({
            let is_lost = Arc::clone(&is_lost);
            move |moment, call| {
                let is_it = (moment, call) == (Moment::Before, "head");
                if !is_it || !is_lost.swap(false, Ordering::SeqCst) {
                    return well();
                }
                let elsewhere = elsewhere.clone();
                Box::pin(async move {
                    elsewhere.resume("run").await.unwrap();
                    let next = elsewhere.turn("run", round(3)).token("next").await;
                    assert_eq!(next.unwrap().turn(), 2);
                    Ok(())
                })
            }
        });
        let builder = lab.builder(&store).default_timeout(LONG);
        let here = builder.run_budget(LONG).build().unwrap();
        let call = || here.turn("run", round(2)).token("first");
        let first = pool();
        first.spawn(call());
        noted(&lab.outside.journal, 1);
        let run = usual.block_on(async {
            let mut call = Box::pin(call());
            let polled = poll_fn(|task| Poll::Ready(call.as_mut().poll(task).is_ready()));
            assert!(!polled.await, "the node is under way");
            is_lost.store(true, Ordering::SeqCst);
            thread::spawn(|| first.shutdown_background())
                .join()
                .unwrap();
            call.await.unwrap()
        });
        assert!(!is_lost.load(Ordering::SeqCst), "it went on");
        assert_eq!((run.turn(), run.token()), (1, Some("first")), "{place:?}");
    }
}

#[test]
fn without_a_clock_nothing_is_begun() {
    let bare = Builder::new_current_thread().build().unwrap();
    let usual = on_one_thread();
    let timeless = |error: Error, call: &str| {
        assert!(matches!(error, Error::NoTimeDriver { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(call) && text.contains("enable_time"),
            "{text}"
        );
    };
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                outside.call(item).await?;
                if outside.is_broken() {
                    return Err(NodeError::permanent("something is broken"));
                }
                cx.untracked(tokio::task::yield_now).await;
                Ok(item.to_string())
            })
        });
        let engine = lab.engine(&place);
        let error = bare.block_on(engine.run("run", one()).into_future());
        timeless(error.unwrap_err(), "`run`");
        assert!(usual.block_on(place.store.all_runs()).unwrap().is_empty());
        assert_eq!(lab.outside.calls(), 0);

        lab.outside.set_broken(true);
        let failed = usual.block_on(engine.run("run", one()).into_future());
        failed.unwrap_err();
        lab.outside.set_broken(false);
        let error = bare.block_on(engine.resume("run")).unwrap_err();
        timeless(error, "`resume`");
        assert_eq!(lab.outside.calls(), 1);

        usual.block_on(engine.resume("run")).unwrap();
        let turn = engine.turn("run", Findings::update()).into_future();
        timeless(bare.block_on(turn).unwrap_err(), "`turn`");
        timeless(bare.block_on(engine.replay("run")).unwrap_err(), "`replay`");
        let update = engine.update("run", Findings::update());
        timeless(bare.block_on(update).unwrap_err(), "`update`");
        timeless(
            bare.block_on(engine.snapshot("run")).unwrap_err(),
            "`snapshot`",
        );
        // Reading needs no clock.
        let run = bare.block_on(engine.get("run")).unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Completed, 3));

        let unkept = Engine::builder(lab.clone()).no_store().build().unwrap();
        let error = bare.block_on(unkept.run("run", one()).into_future());
        timeless(error.unwrap_err(), "`run`");
        assert_eq!(lab.outside.calls(), 2);
    }
}

/// A runtime that nobody drives keeps no time.
#[test]
fn a_timeout_holds_although_nobody_drives_the_runtime_where_it_began() {
    let lab = Lab::new(|cx, _, _| {
        Box::pin(async move {
            cx.untracked(pending::<()>).await;
            Ok("never".to_owned())
        })
    });
    for place in stores() {
        let engine = lab.builder(&place.store);
        let engine = engine.default_timeout(Duration::from_millis(100));
        let engine = engine.build().unwrap();
        let first = on_one_thread();
        let mut call = engine.run("run", one()).into_future();
        first.block_on(async {
            tokio::select! {
                biased;
                _ = &mut call => panic!("it is under way"),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        });
        let error = on_one_thread().block_on(call).unwrap_err();
        assert!(matches!(error, Error::NodeTimeout { .. }), "{error}");
        drop(first);
    }
}
