//! A driving call may be dropped at any of its waits: the run continues from its
//! last commit, to the same fingerprint.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use superstep::prelude::*;
use superstep_tests::lab::{Findings, Lab};
use superstep_tests::survey::{Survey, SurveyUpdate, Surveyor};
use superstep_tests::{Hooked, Moment, Place, dropped_after, stores, trace, well};

/// A store whose every call waits before and after its work.
fn slow(place: &Place) -> Hooked {
    Hooked::new(Arc::clone(&place.store), |_, _| {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    })
}

fn engine(place: &Place, surveyor: Surveyor) -> Engine<Surveyor> {
    Engine::builder(surveyor)
        .store(slow(place))
        .build()
        .expect("the settings make sense")
}

/// Steps and keys of the tasks that ran, with the steps committed before each.
fn reran(journal: &[String], committed: u64) -> Vec<String> {
    let step = |line: &String| {
        line.split(' ')
            .nth(2)
            .and_then(|step| step.parse::<u64>().ok())
    };
    journal
        .iter()
        .filter(|line| step(line).is_none_or(|step| step <= committed))
        .cloned()
        .collect()
}

fn turn() -> SurveyUpdate {
    Survey::update().round(0)
}

#[tokio::test]
async fn a_call_dropped_at_any_wait_loses_nothing() {
    let reference = &stores()[0];
    let whole = engine(reference, Surveyor::new());
    whole.run("run", Survey::of(2, 3)).seed(1).await.unwrap();
    whole.turn("run", turn()).token("again").await.unwrap();
    let whole = trace(&whole, "run").await.unwrap();
    for place in stores() {
        let mut polls = 0;
        loop {
            polls += 1;
            let run = format!("run {polls}");
            let surveyor = Surveyor::new();
            let same = engine(&place, surveyor.clone());
            let call = same
                .run(run.as_str(), Survey::of(2, 3))
                .seed(1)
                .into_future();
            let finished = dropped_after(call, polls).await.map(Result::unwrap);
            let noted = surveyor.world.journal.lines();
            let committed = place
                .store
                .head(&run)
                .await
                .unwrap()
                .map_or(0, |head| head.step);
            same.run(run.as_str(), Survey::of(2, 3))
                .seed(1)
                .await
                .unwrap();
            let later = &surveyor.world.journal.lines()[noted.len()..];
            assert_eq!(
                reran(later, committed),
                [""; 0],
                "{place:?} after {polls} polls"
            );
            let call = same.turn(run.as_str(), turn()).token("again").into_future();
            let turned = dropped_after(call, polls).await.map(Result::unwrap);
            same.turn(run.as_str(), turn())
                .token("again")
                .await
                .unwrap();
            let now = trace(&same, &run).await.unwrap();
            assert_eq!(now.state, whole.state, "{place:?} after {polls} polls");
            for (now, then) in now.history.iter().zip(&whole.history) {
                assert_eq!(now.digest, then.digest, "{place:?} after {polls} polls");
            }
            assert_eq!(now.history.len(), whole.history.len());
            if finished.is_some() && turned.is_some() {
                eprintln!("{polls} polls");
                break;
            }
        }
    }
}

/// The dropped call of a turn commits late: between the two reads of
/// the call that repeats it.
#[tokio::test]
async fn a_repeated_turn_recognises_one_that_began_meanwhile() {
    for place in stores() {
        let lab = Lab::new(|_, outside, _| {
            Box::pin(async move {
                outside.pass().await;
                Ok("worked".into())
            })
        });
        let turn = || Findings::update().rounds(2);
        let first = lab.engine(&place);
        first.run("run", Findings::of(1, 1)).await.unwrap();
        let (inner, outside) = (Arc::clone(&place.store), lab.outside.clone());
        let is_first = AtomicBool::new(true);
        let store = Hooked::new(Arc::clone(&place.store), move |moment, call| {
            let is_look = (moment, call) == (Moment::After, "head");
            if !is_look || !is_first.swap(false, Ordering::Relaxed) {
                return well();
            }
            let (first, inner, outside) = (first.clone(), Arc::clone(&inner), outside.clone());
            Box::pin(async move {
                outside
                    .crash(first.turn("run", turn()).token("again"))
                    .await;
                while inner
                    .head("run")
                    .await?
                    .is_some_and(|head| head.lease.is_some())
                {
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
        });
        let second = lab.builder(&(Arc::new(store) as _)).build().unwrap();
        let run = second.turn("run", turn()).token("again").await.unwrap();
        assert_eq!(run.state().seen, ["worked", "worked"], "{place:?}");
    }
}
