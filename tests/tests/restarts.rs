//! A node that waited starts again from its top, and what it saw before reads the same: so it comes
//! to where it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use superstep::ok;
use superstep::prelude::*;
use superstep_tests::lab::{Findings, Lab, one, seen};
use superstep_tests::{Dice, clocked, effects, stores};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn what_was_seen_reads_the_same() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let now = cx.now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
                let made = cx
                    .effect("made", &item)
                    .run(|| outside.call("made"))
                    .await?;
                let failed = cx.effect("failed", &item).run(|| async {
                    outside.call("failed").await?;
                    Err::<u64, _>(NodeError::transient(format!("failure {}", outside.calls())))
                });
                let failed = failed.await.unwrap_err().to_string();
                let refused = cx.effect("refused", &item).run(|| async {
                    outside.call("refused").await?;
                    Err::<u64, _>(NodeError::refused("no"))
                });
                let refused = refused.await.unwrap_err().to_string();
                let late = cx.now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
                let first: u32 = cx.receive("first").await;
                let saw = format!(
                    "{now} {made} {failed} {refused} {late} {first} {} {}",
                    cx.uuid(),
                    cx.attempt()
                );
                outside.journal.note(&saw);
                let second: u32 = cx.receive("second").await;
                Ok(format!("{saw} {second}"))
            })
        });
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap();
        let calls = ["called made", "called failed", "called refused"];
        assert_eq!(lab.outside.journal.take(), calls);
        engine.signal("run", "first", &1).await.unwrap();
        lab.engine(&place).resume("run").await.unwrap();
        let before = lab.outside.journal.take();
        assert_eq!(before.len(), 1, "nothing is called again: {before:?}");
        engine.signal("run", "second", &2).await.unwrap();
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(lab.outside.journal.take(), before, "it saw the same");
        assert_eq!(seen(&run), [format!("{} 2", before[0])]);
        engine.replay("run").await.unwrap();
    }
}

/// Whatever comes, in whatever order, and whichever branch a `select!` looks at first.
#[tokio::test]
async fn a_restart_takes_the_branches_that_were_taken() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let mut way = String::new();
                for round in 0..4 {
                    let call = cx.effect("call", &round).run(|| async move {
                        for _ in 0..item % 3 {
                            tokio::task::yield_now().await;
                        }
                        ok(round)
                    });
                    tokio::select! {
                        _ = call => way.push('e'),
                        () = cx.receive::<()>("a") => way.push('a'),
                        () = cx.receive::<()>("b") => way.push('b'),
                        () = cx.sleep(Duration::from_millis(u64::from(item))) => way.push('t'),
                    }
                    outside.journal.note(format_args!("{item} {round} {way}"));
                    tokio::select! {
                        () = cx.receive::<()>("a") => way.push('A'),
                        () = cx.receive::<()>("b") => way.push('B'),
                    }
                    outside.journal.note(format_args!("{item} {round}+ {way}"));
                }
                Ok(way)
            })
        });
        let dice = Dice::from_env();
        let engine = lab.engine(&place);
        let mut run = engine.run("run", Findings::of(1, 4)).await.unwrap();
        let mut sent = 0;
        while run.status() != Status::Completed {
            for _ in 0..=dice.below(2) {
                let name = if dice.below(2) == 0 { "a" } else { "b" };
                engine.signal("run", name, &()).await.unwrap();
                sent += 1;
            }
            run = lab.engine(&place).resume("run").await.unwrap();
            assert!(sent < 200, "it comes to an end");
        }
        // What a start noted of a place, every later one noted, too.
        let mut ways = std::collections::BTreeMap::new();
        for line in lab.outside.journal.take() {
            let (place, way) = line.rsplit_once(' ').unwrap();
            let before = ways
                .entry(place.to_owned())
                .or_insert_with(|| way.to_owned());
            assert_eq!(before, way, "at {place}");
        }
        engine.replay("run").await.unwrap();
    }
}

#[tokio::test]
async fn a_wait_is_part_of_its_attempt() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let attempt = cx.attempt();
                outside.journal.note(format_args!("attempt {attempt}"));
                let first: u32 = cx.receive("first").await;
                if attempt == 1 {
                    return Err(NodeError::transient("once"));
                }
                let second: u32 = cx.receive("second").await;
                let tries = cx
                    .effect("tries", &item)
                    .run(|| outside.call("tries"))
                    .await?;
                Ok(format!("{first} {second} {tries} {attempt}"))
            })
        });
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap();
        assert_eq!(lab.outside.journal.take(), ["attempt 1"]);
        engine.signal("run", "first", &1).await.unwrap();
        // The retry has what the first attempt had received, and does not wait for another.
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(run.waits()[0].name, "second");
        assert_eq!(lab.outside.journal.take(), ["attempt 1", "attempt 2"]);
        engine.signal("run", "second", &2).await.unwrap();
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(lab.outside.journal.take(), ["attempt 2", "called tries"]);
        assert_eq!(seen(&run), ["1 2 1 2"]);
        let records = effects(&place, "run").await;
        assert!(records.iter().all(|record| record.attempt <= 2));
        engine.replay("run").await.unwrap();
    }
}

/// A deadline that an attempt has fixed is that of the next one.
#[tokio::test]
async fn a_retry_inherits_what_is_still_open() {
    let (place, clock) = clocked();
    let start = clock.now();
    let moving = clock.clone();
    let lab = Lab::new(move |cx, _, item| {
        let clock = moving.clone();
        Box::pin(async move {
            let call = cx.effect("call", &item).run(|| async {
                // The wait beside it is registered by then.
                tokio::time::sleep(Duration::from_millis(5)).await;
                clock.pass(HOUR / 2);
                Err::<u32, _>(NodeError::transient("no luck"))
            });
            tokio::select! {
                biased;
                word = cx.receive::<String>("word").within(HOUR) => return Ok(format!("{word:?}")),
                failed = call, if cx.attempt() == 1 => failed.map(|_| ())?,
                else => {}
            }
            Ok("nothing".to_owned())
        })
    });
    let run = lab.engine(&place).run("run", one()).await.unwrap();
    assert_eq!(run.status(), Status::Interrupted);
    assert_eq!(clock.now(), start + HOUR / 2);
    assert_eq!(
        run.waits()[0].due,
        Some(start + HOUR),
        "of the first attempt"
    );
    clock.set(start + HOUR);
    let run = lab.engine(&place).resume("run").await.unwrap();
    assert_eq!(seen(&run), ["None"]);
}

/// What works beside it may take longer than the one that waits has time.
#[tokio::test(start_paused = true)]
async fn waiting_counts_for_no_timeout_and_no_budget() {
    let place = superstep_tests::memory();
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let lab = Lab::new(move |cx, outside, item| {
        let sent = Arc::clone(&counted);
        Box::pin(async move {
            match item {
                0 => {
                    outside.journal.note("starts");
                    // Most of its time, at each start.
                    tokio::time::sleep(Duration::from_millis(900)).await;
                    let word: u32 = cx.receive("word").await;
                    tokio::time::sleep(Duration::from_millis(90)).await;
                    Ok(word.to_string())
                }
                // Its attempts work for longer than one start of the other may.
                _ if cx.attempt() < 3 => {
                    tokio::time::sleep(Duration::from_millis(950)).await;
                    sent.fetch_add(1, Ordering::Relaxed);
                    Err(NodeError::transient("again"))
                }
                _ => Ok("worked".to_owned()),
            }
        })
    });
    let engine = lab.builder(&place.store);
    let engine = engine
        .default_timeout(Duration::from_secs(1))
        .run_budget(Duration::from_secs(5))
        .lease(100 * HOUR)
        .build()
        .unwrap();
    let run = engine.run("run", Findings::of(1, 2)).await.unwrap();
    assert_eq!(
        (run.status(), sent.load(Ordering::Relaxed)),
        (Status::Interrupted, 2)
    );
    tokio::time::advance(10 * HOUR).await;
    engine.signal("run", "word", &7).await.unwrap();
    let run = engine.resume("run").await.unwrap();
    assert_eq!(seen(&run), ["7", "worked"]);
    assert_eq!(lab.outside.journal.take(), ["starts", "starts"]);
}
