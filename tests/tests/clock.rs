//! What a node reads from the clock is recorded with its next effect or with
//! its result: once it is recorded, every attempt reads the same.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use superstep::prelude::*;
use superstep::store::{EffectKind, EffectRecord, StoreExt};
use superstep_tests::lab::{Findings, Lab, one, take_over};
use superstep_tests::{Moment, Place, stores, well};
use tokio::sync::Notify;

fn millis(time: SystemTime) -> u128 {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(since.subsec_nanos() % 1_000_000, 0, "whole milliseconds");
    since.as_millis()
}

/// Lets the clock move on.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

async fn clocks(place: &Place, run: &str) -> Vec<EffectRecord> {
    let effects = place.store.all_effects(run, 0, 1_000).await.unwrap();
    let clocks = effects.into_iter();
    clocks
        .filter(|record| record.kind == EffectKind::Clock)
        .collect()
}

/// The readings on record, in the order of reading.
async fn recorded(place: &Place, run: &str) -> Vec<String> {
    let clocks = clocks(place, run).await.into_iter();
    clocks.map(|record| record.response.unwrap()).collect()
}

/// Reads the clock before and after an effect, and fails or stays if it is told to.
fn watching() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let before = millis(cx.now());
            a_moment().await;
            let page = cx.effect("fetch", &before).run(|| outside.call(item));
            page.await?;
            let after = millis(cx.now());
            outside.journal.note(format_args!("{before} {after}"));
            outside.pass().await;
            if outside.is_broken() {
                return Err(NodeError::transient("something is broken"));
            }
            Ok(format!("{before} {after}"))
        })
    })
}

#[tokio::test]
async fn a_reading_before_an_effect_is_the_same_at_every_attempt() {
    for place in stores() {
        let lab = watching();
        let engine = lab.engine(&place);
        lab.outside.crash(engine.run("run", one())).await;
        lab.outside.set_broken(true);
        take_over(&lab.engine(&place), "run").await.unwrap_err();
        lab.outside.set_broken(false);
        let run = lab.engine(&place).resume("run").await.unwrap();
        let lines = lab.outside.journal.lines();
        assert_eq!((lines.len(), lab.outside.calls()), (1 + 5, 1));
        let looks: Vec<_> = lines[1..]
            .iter()
            .map(|line| line.split_once(' ').unwrap())
            .collect();
        let before = looks[0].0;
        assert!(looks.iter().all(|look| look.0 == before), "{looks:?}");
        // The last reading is that of the attempt that succeeded.
        let [last] = &run.state().seen[..] else {
            panic!("one task")
        };
        let last = last.split_once(' ').unwrap();
        assert_eq!(Some(&last), looks.last());
        assert!(last.0 < last.1);
        assert_eq!(recorded(&place, "run").await, [last.0, last.1]);
    }
}

#[tokio::test]
async fn readings_are_written_with_the_effect_or_with_the_step() {
    for place in stores() {
        let writes = Arc::new(AtomicU64::new(0));
        let store: Arc<dyn Store> = {
            let writes = Arc::clone(&writes);
            place.hooked(move |_, call| {
                if call == "journal" {
                    writes.fetch_add(1, Ordering::Relaxed);
                }
                well()
            })
        };
        let lab = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let readings = [cx.now(), cx.now(), cx.now()].map(millis);
                Ok(format!("{readings:?}"))
            })
        });
        let engine = lab.builder(&store).build().unwrap();
        let run = engine.run("run", Findings::of(2, 3)).await.unwrap();
        assert_eq!(writes.load(Ordering::Relaxed), 0);
        let clocks = clocks(&place, "run").await;
        assert_eq!(clocks.len(), 2 * 3 * 3, "rounds, tasks, readings");
        // By task and number, as the tasks tell it.
        let mut told: Vec<String> = run.state().seen.clone();
        let mut found: Vec<String> = clocks
            .chunks(3)
            .map(|task| {
                let calls: Vec<_> = task.iter().map(|record| record.call).collect();
                assert_eq!(calls, [Some(0), Some(1), Some(2)]);
                let values = task.iter().map(|record| record.response.clone().unwrap());
                let values: Vec<_> = values.collect();
                format!("[{}]", values.join(", "))
            })
            .collect();
        told.sort();
        found.sort();
        assert_eq!(told, found);
    }
}

/// A reading after which nothing was recorded is gone with its attempt.
#[tokio::test]
async fn a_reading_that_was_not_recorded_is_read_anew() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let now = millis(cx.now());
                outside.journal.note(now);
                a_moment().await;
                if cx.attempt() < 3 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(now.to_string())
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        let lines = lab.outside.journal.lines();
        assert!(lines[0] < lines[1] && lines[1] < lines[2], "{lines:?}");
        assert_eq!(run.state().seen, [lines[2].as_str()]);
        assert_eq!(recorded(&place, "run").await, [lines[2].as_str()]);
    }
}

/// An attempt that reads the clock less often leaves no reading of its own:
/// what else an earlier one recorded stays, marked as not read.
#[tokio::test]
async fn a_reading_that_the_last_attempt_did_not_make_is_marked() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let first = millis(cx.now());
                if cx.attempt() == 1 {
                    cx.now();
                }
                let page = cx.effect("fetch", &first).run(|| outside.call(item));
                page.await?;
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(first.to_string())
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        let clocks = clocks(&place, "run").await;
        let calls: Vec<_> = clocks.iter().map(|record| record.call).collect();
        assert_eq!(calls, [Some(0), None]);
        assert_eq!(run.state().seen, [clocks[0].response.clone().unwrap()]);
    }
}

#[tokio::test]
async fn without_a_store_it_is_the_clocks() {
    let lab = watching();
    let engine = Engine::builder(lab.clone()).no_store().build().unwrap();
    let run = engine.run("run", one()).await.unwrap();
    let (before, after) = run.state().seen[0].split_once(' ').unwrap();
    assert!(before < after);
}

/// The effect that was to take the reading along is given up while it is being
/// written; the next one takes it, so that a crash after that one does not
/// change what it was asked for.
#[tokio::test]
async fn a_reading_is_not_lost_with_an_effect_that_was_given_up() {
    for place in stores() {
        let writing = Arc::new(Notify::new());
        let store: Arc<dyn Store> = {
            let (writing, writes) = (Arc::clone(&writing), AtomicU64::new(0));
            place.hooked(move |moment, call| {
                let is_write = (moment, call) == (Moment::Before, "journal");
                if is_write && writes.fetch_add(1, Ordering::Relaxed) == 0 {
                    writing.notify_one();
                    return Box::pin(pending());
                }
                well()
            })
        };
        let lab = Lab::new(move |cx, outside, _| {
            let writing = Arc::clone(&writing);
            Box::pin(async move {
                let now = millis(cx.now());
                let first = cx.effect("first", &()).run(|| outside.call("first"));
                tokio::select! {
                    biased;
                    first = first => drop(first?),
                    () = writing.notified() => {}
                }
                let second = cx.effect("second", &now).run(|| outside.call(now));
                second.await?;
                outside.pass().await;
                Ok(now.to_string())
            })
        });
        let engine = lab.builder(&store).build().unwrap();
        lab.outside.crash(engine.run("run", one())).await;
        a_moment().await;
        let run = take_over(&lab.engine(&place), "run").await.unwrap();
        let lines = lab.outside.journal.lines();
        assert_eq!(lines[1], format!("called {}", run.state().seen[0]));
    }
}
