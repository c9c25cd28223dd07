//! A driving call that is dropped, or kept, after any of its polls, alongside
//! another call of the same engine: the other one gets what it would get alone,
//! no task runs twice, and nobody waits.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use superstep::prelude::*;
use superstep_tests::survey::{Survey, SurveyUpdate, Surveyor};
use superstep_tests::{Hooked, Place, poll_times, stores, trace};
use tokio::time::timeout;

/// An engine over a store whose every call waits before and after its work.
fn engine(place: &Place, surveyor: &Surveyor) -> Engine<Surveyor> {
    let store = Hooked::new(Arc::clone(&place.store), |_, _| {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    });
    Engine::builder(surveyor.clone())
        .store(store)
        // Leases never lapse while a test runs.
        .lease(Duration::from_secs(3_600))
        .build()
        .expect("the settings make sense")
}

type Call<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

async fn soon<T>(what: &str, call: impl IntoFuture<Output = T>) -> T {
    let call = timeout(Duration::from_secs(30), call.into_future());
    call.await.unwrap_or_else(|_| panic!("{what} hangs"))
}

fn run(engine: &Engine<Surveyor>, id: &str) -> Call<Run<Survey>> {
    Box::pin(engine.run(id, Survey::of(2, 3)).seed(1).into_future())
}

/// Every attempt of every task: its step, node and order key.
fn sorted(surveyor: &Surveyor) -> Vec<String> {
    let lines = surveyor.world.journal.lines().into_iter();
    let attempt = |line: String| line.rsplitn(4, ' ').take(3).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<_> = lines.map(attempt).collect();
    lines.sort();
    lines
}

fn again() -> SurveyUpdate {
    Survey::update().round(0)
}

/// What is done to the first call after its polls.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Dropped,
    Kept,
}

#[tokio::test]
async fn the_other_call_gets_what_it_would_get_alone() {
    let alone = Surveyor::new();
    let whole = engine(&stores()[0], &alone);
    run(&whole, "run").await.unwrap();
    let whole = trace(&whole, "run").await.unwrap();
    let attempts = sorted(&alone);
    for place in stores() {
        for then in [Then::Dropped, Then::Kept] {
            for other_first in [false, true] {
                let mut polls = 0_u32;
                let mut finished = false;
                while !finished {
                    polls += 1;
                    let id = format!("{then:?} {other_first} {polls}");
                    let surveyor = Surveyor::new();
                    let engine = engine(&place, &surveyor);
                    let (mut one, mut other) = (run(&engine, &id), run(&engine, &id));
                    if other_first {
                        poll_times(&mut other, polls.div_ceil(2)).await;
                    }
                    finished = poll_times(&mut one, polls).await.is_some();
                    let kept = (then == Then::Kept && !finished).then_some(one);
                    let what = format!("{place:?}: {id}");
                    let done = match finished && other_first {
                        // It may have ended with the first.
                        true => soon(&what, run(&engine, &id)).await,
                        false => soon(&what, other).await,
                    };
                    let done = done.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(done.status(), Status::Completed, "{what}");
                    let now = trace(&engine, &id).await.unwrap();
                    assert_eq!(now.state, whole.state, "{what}");
                    // One that nobody waits for starts its open step again.
                    if then == Then::Kept || other_first {
                        assert_eq!(sorted(&surveyor), attempts, "{what}");
                    }
                    if let Some(kept) = kept {
                        let kept = soon(&what, kept).await.unwrap();
                        assert_eq!(kept.fingerprint(), done.fingerprint(), "{what}");
                    }
                }
                eprintln!("{place:?}, {then:?}: {polls} polls");
            }
        }
    }
}

/// The same alongside calls that write, and alongside turns.
#[tokio::test]
async fn calls_of_every_kind_may_end_anywhere_beside_another() {
    for place in stores() {
        for then in [Then::Dropped, Then::Kept] {
            for kind in ["resume", "turn", "update", "snapshot"] {
                let mut polls = 0_u32;
                let mut finished = false;
                while !finished {
                    polls += 1;
                    let id = format!("{then:?} {kind} {polls}");
                    let what = format!("{place:?}: {id}");
                    let engine = engine(&place, &Surveyor::new());
                    engine.run(id.as_str(), Survey::of(1, 1)).await.unwrap();
                    let (by, of) = (engine.clone(), id.clone());
                    let mut one: Call<()> =
                        match kind {
                            "resume" => Box::pin(async move { by.resume(&of).await.map(drop) }),
                            "turn" => Box::pin(async move {
                                by.turn(of, again()).token("again").await.map(drop)
                            }),
                            "update" => {
                                Box::pin(async move { by.update(&of, again()).await.map(drop) })
                            }
                            _ => Box::pin(async move { by.snapshot(&of).await }),
                        };
                    finished = poll_times(&mut one, polls).await.is_some();
                    let kept = (then == Then::Kept && !finished).then_some(one);
                    let turn = engine.turn(id.as_str(), again()).token("again");
                    let turned = soon(&what, turn).await;
                    let turned = turned.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(turned.status(), Status::Completed, "{what}");
                    let history = engine.history(&id).await.unwrap();
                    let turns = history
                        .iter()
                        .filter(|step| step.kind == superstep::store::StepKind::Turn);
                    assert_eq!(turns.count(), 1, "{what}");
                    if let Some(kept) = kept {
                        soon(&what, kept).await.unwrap();
                    }
                    soon(&what, engine.update(&id, again())).await.expect(&what);
                }
            }
        }
    }
}
