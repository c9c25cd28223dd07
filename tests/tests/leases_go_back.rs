//! Whoever stops driving a run, in whatever way, gives its lease back: another
//! engine continues at once, and need not wait until the lease lapses.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use superstep::Run;
use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep_tests::lab::{Findings, FindingsUpdate, Lab, fetch, take_over};
use superstep_tests::{Moment, Place, dropped_after, only_nth, stores, well};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

type Call = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Long for what a test does, and less than a lease.
const LONG: Duration = Duration::from_secs(10);

/// How the tasks of a lab end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    Failed,
    Asking,
}

const ENDS: [End; 3] = [End::Well, End::Failed, End::Asking];

/// A lab whose tasks end like that, each once it has fetched its page.
fn lab(end: End) -> Lab {
    Lab::new(move |cx, outside, item| {
        Box::pin(async move {
            let page = fetch(cx, outside, item).await?;
            let dead = || async { Err::<u64, _>(NodeError::transient("the line went dead")) };
            match end {
                End::Well => outside.pass().await,
                End::Failed => return Err(NodeError::permanent("no paper")),
                End::Asking => {
                    cx.effect("pay", &item).at_most_once().run(dead).await?;
                }
            }
            Ok(page)
        })
    })
}

const CALLS: [&str; 5] = ["run", "resume", "turn", "update", "snapshot"];

fn call(of: &str, engine: &Engine<Lab>, id: &str) -> Call {
    let (of, engine, id) = (of.to_owned(), engine.clone(), id.to_owned());
    let round = || -> FindingsUpdate { Findings::update().rounds(1).tasks(2) };
    Box::pin(async move {
        match of.as_str() {
            "run" => engine.run(id, Findings::of(1, 2)).await.map(drop),
            "resume" => engine.resume(&id).await.map(drop),
            "turn" => engine.turn(id, round()).await.map(drop),
            "update" => engine.update(&id, round()).await.map(drop),
            _ => engine.snapshot(&id).await,
        }
    })
}

/// Until nobody holds the lease of `run`, if there is that run.
async fn given_back(place: &Place, run: &str) {
    let is_held = async || {
        let head = place.store.head(run).await.unwrap();
        head.is_some_and(|head| head.lease.is_some())
    };
    let given_back = async {
        while is_held().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = timeout(LONG, given_back).await;
    waited.unwrap_or_else(|_| panic!("{place:?}: nobody gave `{run}` back"));
}

/// Another engine's `resume`, as soon as nobody else drives.
async fn elsewhere(lab: &Lab, place: &Place, run: &str) -> Result<Run<Findings>, Error> {
    given_back(place, run).await;
    take_over(&lab.engine(place), run).await
}

/// A run for which `of` can be called.
async fn prepare(of: &str, lab: &Lab, place: &Place, id: &str) {
    let engine = lab.engine(place);
    match of {
        "run" => {}
        "resume" => {
            let held_up = Lab::new(|_, outside, _| {
                Box::pin(async move {
                    outside.pass().await;
                    Ok(String::new())
                })
            });
            let engine = held_up.engine(place);
            held_up.outside.crash(call("run", &engine, id)).await;
            given_back(place, id).await;
        }
        // It has no round, so it is finished.
        _ => drop(engine.run(id, Findings::default()).await.unwrap()),
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_wait() {
    for place in stores() {
        let slow = place.hooked(|_, _| {
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        });
        for (end, of) in ENDS.into_iter().flat_map(|end| CALLS.map(|of| (end, of))) {
            let lab = lab(end);
            let mut polls = 0;
            let mut is_over = false;
            while !is_over {
                polls += 1;
                let id = format!("{of}, {end:?}, {polls} polls");
                prepare(of, &lab, &place, &id).await;
                let engine = lab.builder(&slow).build().unwrap();
                let ended = dropped_after(call(of, &engine, &id), polls).await;
                is_over = ended.is_some();
                let _ = elsewhere(&lab, &place, &id).await;
            }
        }
        assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0], "{place:?}");
    }
}

#[tokio::test]
async fn a_driver_that_could_not_leave_its_step() {
    for place in stores() {
        for end in [End::Failed, End::Asking] {
            let lab = lab(end);
            let id = format!("{end:?}");
            let store = place.hooked(only_nth(1, Moment::Before, "park"));
            let engine = lab.builder(&store).build().unwrap();
            engine.run(&id, Findings::of(1, 2)).await.unwrap_err();
            let head = place.store.head(&id).await.unwrap().unwrap();
            assert_eq!(head.lease, None, "{place:?}, {end:?}");
        }
    }
}

/// Another engine finishes the run between a `resume`'s read and its lease.
#[tokio::test]
async fn a_resume_that_finds_the_run_finished() {
    for place in stores() {
        let lab = lab(End::Well);
        prepare("resume", &lab, &place, "run").await;
        let other = lab.engine(&place);
        let is_first = AtomicBool::new(true);
        let store = place.hooked(move |moment, call| {
            let is_it = (moment, call) == (Moment::Before, "acquire");
            if !is_it || !is_first.swap(false, Ordering::Relaxed) {
                return well();
            }
            let other = other.clone();
            Box::pin(async move {
                other.resume("run").await.expect("nothing goes wrong");
                Ok(())
            })
        });
        let engine = lab.builder(&store).build().unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        let head = place.store.head("run").await.unwrap().unwrap();
        assert_eq!(head.lease, None, "{place:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Stop {
    /// The call is a task of the runtime, and is dropped with it.
    Spawned,
    /// The call was dropped just before.
    Dropped,
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        0 => Builder::new_current_thread(),
        threads => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build().expect("a runtime")
}

#[test]
fn a_runtime_that_is_shut_down() {
    for place in stores() {
        for (threads, stop) in [0, 2]
            .into_iter()
            .flat_map(|threads| [Stop::Spawned, Stop::Dropped].map(|stop| (threads, stop)))
        {
            let lab = lab(End::Well);
            let id = format!("{threads} threads, {stop:?}");
            let first = runtime(threads);
            let begun = call("run", &lab.engine(&place), &id);
            // Before it can run.
            lab.outside.set_holding(true);
            first.block_on(async {
                match stop {
                    // The handle is dropped, the task is not.
                    Stop::Spawned => lab.outside.crash(tokio::spawn(begun)).await,
                    Stop::Dropped => lab.outside.crash(begun).await,
                }
            });
            drop(first);
            let run = runtime(threads).block_on(elsewhere(&lab, &place, &id));
            assert_eq!(run.unwrap().status(), Status::Completed, "{place:?}, {id}");
        }
    }
}
