//! Calls for one run, at once, on one engine and on two: each gets what it
//! would get alone, or is told correctly what is in its way.

use std::future::{Future, IntoFuture, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use superstep::prelude::*;
use superstep::store::StepKind;
use superstep_tests::lab::{Findings, FindingsUpdate, Lab};
use superstep_tests::{Hooked, Moment, Place, memory, scale, stores, well};
use tokio::runtime::Builder;

fn lab() -> Lab {
    Lab::new(|_, outside, _| {
        Box::pin(async move {
            outside.pass().await;
            Ok("worked".into())
        })
    })
}

/// An engine over a store whose every call waits before and after its work.
fn slow(lab: &Lab, place: &Place) -> Engine<Lab> {
    let store = Hooked::new(Arc::clone(&place.store), |_, _| {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    });
    let store: Arc<dyn Store> = Arc::new(store);
    lab.builder(&store)
        .build()
        .expect("the settings make sense")
}

type Call = Pin<Box<dyn Future<Output = Result<Run<Findings>, Error>> + Send>>;

async fn polled(mut call: Call) -> Call {
    tokio::select! {
        biased;
        _ = &mut call => panic!("it ended before it could be kept"),
        () = ready(()) => {}
    }
    call
}

fn round(rounds: u32) -> FindingsUpdate {
    Findings::update().rounds(rounds)
}

/// Whoever reads a finished run does not drive it.
#[tokio::test]
async fn a_look_is_in_nobodys_way() {
    for place in stores() {
        let engine = slow(&lab(), &place);
        engine.run("run", Findings::of(1, 1)).await.unwrap();
        for rounds in 2..20 {
            let look = || {
                polled(Box::pin(
                    engine.run("run", Findings::of(1, 1)).into_future(),
                ))
            };
            let kept = look().await;
            engine
                .update("run", Findings::update().note("seen"))
                .await
                .unwrap();
            let second = look().await;
            engine.snapshot("run").await.unwrap();
            let third = look().await;
            let run = engine.turn("run", round(rounds)).await.unwrap();
            assert_eq!(run.state().done, rounds);
            for look in [kept, second, third] {
                assert_eq!(look.await.unwrap().id(), "run");
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_input_under_way_does_not_make_a_right_one_wrong() {
    for place in stores() {
        let engine = slow(&lab(), &place);
        engine.run("run", Findings::of(1, 1)).await.unwrap();
        let wrong = polled(Box::pin(
            engine.run("run", Findings::of(9, 9)).into_future(),
        ))
        .await;
        engine
            .run("run", Findings::of(1, 1))
            .await
            .expect("it is the run's own input");
        let refused = wrong.await.unwrap_err();
        assert!(matches!(refused, Error::InputMismatch { .. }), "{refused}");

        // And of two that begin a run, the first decides.
        let first = polled(Box::pin(
            engine.run("new", Findings::of(1, 1)).into_future(),
        ))
        .await;
        let refused = engine.run("new", Findings::of(9, 9)).await.unwrap_err();
        assert!(matches!(refused, Error::InputMismatch { .. }), "{refused}");
        assert_eq!(first.await.unwrap().state().done, 1);
    }
}

#[tokio::test]
async fn one_token_twice_at_once_is_one_turn_for_both() {
    for place in stores() {
        let engine = slow(&lab(), &place);
        engine.run("run", Findings::of(1, 1)).await.unwrap();
        let turn = || engine.turn("run", round(2)).token("msg-2").into_future();
        let (one, other) = tokio::join!(turn(), turn());
        assert_eq!(one.unwrap().fingerprint(), other.unwrap().fingerprint());
        let history = engine.history("run").await.unwrap();
        let turns = history.iter().filter(|step| step.kind == StepKind::Turn);
        assert_eq!(turns.count(), 1, "{place:?}");
    }
}

/// A turn that was resumed after a crash is the turn of its token, too.
#[tokio::test]
async fn a_token_joins_the_resumed_turn_that_it_began() {
    for place in stores() {
        let lab = lab();
        let engine = slow(&lab, &place);
        engine.run("run", Findings::of(1, 1)).await.unwrap();
        lab.outside
            .crash(engine.turn("run", round(2)).token("msg-2"))
            .await;
        while place
            .store
            .head("run")
            .await
            .unwrap()
            .unwrap()
            .lease
            .is_some()
        {
            tokio::task::yield_now().await;
        }
        let resumed = polled(Box::pin({
            let engine = engine.clone();
            async move { engine.resume("run").await }
        }));
        let resumed = resumed.await;
        let run = engine.turn("run", round(2)).token("msg-2").await.unwrap();
        assert_eq!(run.state().done, 2);
        assert_eq!(resumed.await.unwrap().fingerprint(), run.fingerprint());
    }
}

/// A turn that begins between the two reads of a `resume` is continued.
#[tokio::test]
async fn a_resume_never_gives_a_run_that_is_under_way() {
    for place in stores() {
        for looks in 0..8 {
            let (lab, id) = (lab(), format!("run {looks}"));
            let other = lab.engine(&place);
            other.run(id.as_str(), Findings::of(1, 1)).await.unwrap();
            let (begins, seen) = ((other.clone(), id.clone()), AtomicU32::new(0));
            let outside = lab.outside.clone();
            let store = Hooked::new(Arc::clone(&place.store), move |moment, _| {
                if moment == Moment::Before || seen.fetch_add(1, Ordering::Relaxed) != looks {
                    return well();
                }
                let ((other, id), outside) = (begins.clone(), outside.clone());
                Box::pin(async move {
                    outside.crash(other.turn(id.as_str(), round(2))).await;
                    Ok(())
                })
            });
            let engine = lab.builder(&(Arc::new(store) as _)).build().unwrap();
            let run = match engine.resume(&id).await {
                // The other one is still giving its lease back.
                Err(Error::LeaseHeld { .. }) => continue,
                run => run.unwrap(),
            };
            assert_eq!(run.status(), Status::Completed, "{place:?}, look {looks}");
        }
    }
}

#[tokio::test]
async fn a_turn_beside_a_driven_one_is_told_who_drives() {
    for place in stores() {
        let lab = lab();
        let (ours, theirs) = (slow(&lab, &place), slow(&lab, &place));
        ours.run("run", Findings::of(1, 1)).await.unwrap();
        lab.outside.set_holding(true);
        let driving = tokio::spawn(ours.turn("run", round(2)).into_future());
        while place.store.head("run").await.unwrap().unwrap().turn == 0 {
            tokio::task::yield_now().await;
        }
        let writes = [
            ours.turn("run", round(3)).await,
            theirs.turn("run", round(3)).await,
            ours.update("run", Findings::update().note("no")).await,
            theirs.update("run", Findings::update().note("no")).await,
            ours.snapshot("run").await.map(|()| unreachable!()),
        ];
        for refused in writes.map(Result::unwrap_err) {
            let Error::LeaseHeld { owner, .. } = &refused else {
                panic!("{place:?}: {refused}")
            };
            assert!(owner.starts_with("process "), "{owner}");
        }
        driving.abort();
        let _ = driving.await;
    }
}

/// Another engine's turn comes between reading the head and the commit, and
/// is over by then: the later one begins after it.
#[tokio::test]
async fn the_later_of_two_engines_turns_begins_behind_the_other() {
    for place in stores() {
        for (mine, token) in [(2, None), (3, None), (2, Some("msg-2")), (3, Some("msg-2"))] {
            let (lab, run) = (lab(), format!("run {mine} {token:?}"));
            let other = lab.engine(&place);
            other.run(run.as_str(), Findings::of(1, 1)).await.unwrap();
            let overtaken = AtomicBool::new(false);
            let first = (other.clone(), run.clone());
            let store = Hooked::new(Arc::clone(&place.store), move |moment, call| {
                let is_first = (moment, call) == (Moment::Before, "commit");
                if !is_first || overtaken.swap(true, Ordering::Relaxed) {
                    return well();
                }
                let (other, run) = first.clone();
                Box::pin(async move {
                    let turn = other.turn(run, round(2)).token("msg-1");
                    turn.await.expect("the turn is free");
                    Ok(())
                })
            });
            let late = lab.builder(&(Arc::new(store) as _)).build().unwrap();
            let turn = late.turn(run.as_str(), round(mine));
            let turn = match token {
                None => turn,
                Some(token) => turn.token(token),
            };
            let ended = turn.await.unwrap();
            assert_eq!(ended.state().rounds, mine, "{place:?}");
            let history = other.history(&run).await.unwrap();
            let turns = history.iter().filter(|step| step.kind == StepKind::Turn);
            assert_eq!(turns.count(), 2, "{place:?}");
        }
    }
}

/// Whoever writes to a run at the very moment when its last driver goes away
/// does not hang, nor does anybody else on that engine.
#[test]
fn a_write_may_meet_a_driver_that_goes_away_at_any_moment() {
    let rounds = scale("SUPERSTEP_RACES", 20_000);
    let lab = lab();
    lab.outside.set_holding(true);
    let engine = lab.engine(&memory());
    let (done, ended) = channel();
    for drives in [true, false] {
        let (engine, done) = (engine.clone(), done.clone());
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                for _ in 0..rounds {
                    let call: Call = match drives {
                        true => Box::pin(engine.run("run", Findings::of(1, 1)).into_future()),
                        false => Box::pin({
                            let engine = engine.clone();
                            async move { engine.update("run", round(1)).await }
                        }),
                    };
                    tokio::select! {
                        biased;
                        _ = call => {}
                        () = ready(()) => {}
                    }
                }
            });
            done.send(())
        });
    }
    for _ in 0..2 {
        let ended = ended.recv_timeout(Duration::from_secs(120));
        ended.expect("a thread waits for a lock that it holds");
    }
}
