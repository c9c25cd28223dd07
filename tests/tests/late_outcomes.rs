//! What comes too late for a node comes too late in a replay, too: it continues
//! without it again.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use superstep::Outcome;
use superstep::prelude::*;
use superstep::store::EffectKind;
use superstep_tests::lab::{Lab, one, seen};
use superstep_tests::{Moment, kind, kinds, stores, well};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_millis(20);

/// Asks, waits for a little while, and asks again in either case.
fn impatient() -> Lab {
    Lab::new(|cx, outside, _| {
        Box::pin(async move {
            let first = cx.effect("first", &()).run(|| outside.call("first"));
            let first = match timeout(PATIENCE, first).await {
                Ok(answer) => format!("{}", answer?),
                Err(_) => "gave up".to_owned(),
            };
            let second = cx.effect("second", &()).run(|| outside.call("second"));
            Ok(format!("{first}, {}", second.await?))
        })
    })
}

#[tokio::test]
async fn an_outcome_that_was_recorded_too_late_stays_unseen() {
    for place in stores() {
        let lab = impatient();
        let first = AtomicBool::new(true);
        // The record is written, and nobody hears of it.
        let store = place.hooked(move |moment, call| {
            let is_record = (moment, call) == (Moment::After, "journal");
            if is_record && first.swap(false, Ordering::Relaxed) {
                return Box::pin(pending());
            }
            well()
        });
        let engine = lab.builder(&store).build().unwrap();
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["gave up, 2"]);
        let recorded = [
            kind("first", 0, EffectKind::Done),
            kind("second", 0, EffectKind::Done),
        ];
        assert_eq!(kinds(&place, "run").await, recorded);
        let replayed = engine.replay("run").await.unwrap();
        assert_eq!(replayed.fingerprint(), run.fingerprint());
        assert_eq!(lab.outside.calls(), 2);
    }
}

/// A node that waits for the outcome of its payment while something is broken,
/// and later no longer.
fn wavering() -> Lab {
    Lab::new(|cx, outside, _| {
        Box::pin(async move {
            let waits = outside.is_broken();
            let paid = cx.effect("pay", &()).at_most_once().run(|| async {
                outside.call("pay").await?;
                Err::<u64, _>(NodeError::transient("no answer"))
            });
            tokio::select! {
                biased;
                receipt = paid => Ok(receipt?.to_string()),
                () = ready(()), if !waits => Ok("gave up".into()),
            }
        })
    })
}

#[tokio::test]
async fn an_answer_that_came_while_the_run_was_taken_up_counts_at_the_next_resume() {
    for place in stores() {
        let lab = wavering();
        let engine = lab.engine(&place);
        lab.outside.set_broken(true);
        let run = engine.run("run", one()).await.unwrap();
        let id = run.interrupts()[0].id.clone();
        lab.outside.set_broken(false);
        let clerk = lab.engine(&place);
        let store = place.hooked(move |moment, call| {
            if (moment, call) != (Moment::After, "load") {
                return well();
            }
            let (clerk, id) = (clerk.clone(), id.clone());
            Box::pin(async move {
                let answered = clerk.answer("run", &id, Outcome::Happened(7)).await;
                answered.expect("the question is open");
                Ok(())
            })
        });
        let late = lab.builder(&store).build().unwrap();
        let run = late.resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        let answered = [kind("pay", 0, EffectKind::Answered)];
        assert_eq!(kinds(&place, "run").await, answered);
        let replayed = engine.replay("run").await.unwrap();
        assert_eq!(replayed.fingerprint(), run.fingerprint());
        assert_eq!(lab.outside.calls(), 1);
    }
}
