//! A run that sleeps rests in its store, in whatever process, until the time that was fixed when it
//! began to; never less.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use superstep::prelude::*;
use superstep::{WaitKind, ok};
use superstep_tests::lab::{Findings, Lab, one, seen};
use superstep_tests::{clocked, stores};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// Sleeps for so long, between two calls.
fn sleeper(time: Duration) -> Lab {
    Lab::new(move |cx, outside, item| {
        Box::pin(async move {
            outside.journal.note(format_args!("{item} starts"));
            let before = cx
                .effect("before", &item)
                .run(|| outside.call("before"))
                .await?;
            cx.sleep(time).await;
            let after = cx
                .effect("after", &item)
                .run(|| outside.call("after"))
                .await?;
            Ok(format!("{before} {after}"))
        })
    })
}

fn sleeps_until(run: &Run<Findings>) -> SystemTime {
    assert_eq!(
        (run.status(), run.interrupts().len()),
        (Status::Sleeping, 0)
    );
    let wakes = run.wakes().unwrap();
    let due = run.waits().iter().filter_map(|wait| {
        assert_eq!((wait.kind, &*wait.name), (WaitKind::Time, ""));
        wait.due
    });
    assert_eq!(due.min(), Some(wakes));
    wakes
}

#[tokio::test]
async fn a_sleep_ends_at_its_time_and_calls_nothing_twice() {
    let (place, clock) = clocked();
    let lab = sleeper(HOUR);
    let run = lab.engine(&place).run("run", one()).await.unwrap();
    let due = clock.now() + HOUR;
    assert_eq!(sleeps_until(&run), due);
    assert_eq!(lab.outside.journal.take(), ["0 starts", "called before"]);

    let early = [
        due - 30 * MINUTE,
        due - 3 * HOUR,
        due - Duration::from_millis(1),
        due - Duration::from_nanos(1),
    ];
    for time in early {
        clock.set(time);
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(sleeps_until(&run), due, "a restart does not begin anew");
        let run = lab.engine(&place).get("run").await.unwrap();
        assert_eq!(sleeps_until(&run), due);
    }
    assert_eq!(
        lab.outside.journal.take(),
        [""; 0],
        "nothing starts before its time"
    );
    clock.set(due);
    let run = lab.engine(&place).resume("run").await.unwrap();
    assert_eq!(seen(&run), ["1 2"]);
    assert_eq!(run.wakes(), None);
    assert_eq!(lab.outside.journal.take(), ["0 starts", "called after"]);
    lab.engine(&place).replay("run").await.unwrap();
}

/// However far the clock is set forth and back meanwhile.
#[tokio::test]
async fn a_clock_that_is_set_back_ends_no_sleep_early() {
    let (place, clock) = clocked();
    let lab = sleeper(HOUR);
    let start = clock.now();
    lab.engine(&place).run("run", one()).await.unwrap();
    for time in [start + HOUR - MINUTE, start - HOUR, start + 30 * MINUTE] {
        clock.set(time);
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(sleeps_until(&run), start + HOUR);
    }
    clock.set(start + HOUR);
    assert_eq!(
        seen(&lab.engine(&place).resume("run").await.unwrap()),
        ["1 2"]
    );

    // One that begins after the clock was set back begins where the run had come to.
    clock.set(start);
    let two = lab
        .engine(&place)
        .run("two", Findings::of(2, 1))
        .await
        .unwrap();
    assert_eq!(sleeps_until(&two), start + HOUR);
    clock.set(start + HOUR);
    let two = lab.engine(&place).resume("two").await.unwrap();
    assert_eq!(sleeps_until(&two), start + 2 * HOUR);
    clock.set(start);
    let two = lab.engine(&place).resume("two").await.unwrap();
    assert_eq!(sleeps_until(&two), start + 2 * HOUR);
}

#[tokio::test]
async fn a_sleep_may_take_thirty_years() {
    let (place, clock) = clocked();
    let lab = sleeper(YEARS);
    let run = lab.engine(&place).run("run", one()).await.unwrap();
    let due = clock.now() + YEARS;
    assert_eq!(sleeps_until(&run), due);
    clock.pass(YEARS - MINUTE);
    let run = lab.engine(&place).resume("run").await.unwrap();
    assert_eq!(sleeps_until(&run), due);
    clock.pass(MINUTE);
    assert_eq!(
        seen(&lab.engine(&place).resume("run").await.unwrap()),
        ["1 2"]
    );

    let run = sleeper(Duration::MAX)
        .engine(&place)
        .run("max", one())
        .await;
    let year_9999 = UNIX_EPOCH + Duration::from_millis(253_402_300_799_999);
    assert_eq!(sleeps_until(&run.unwrap()), year_9999);
}

/// Each round of a loop, and each call in a task, sleeps for itself.
#[tokio::test]
async fn every_round_of_a_loop_sleeps() {
    let (place, clock) = clocked();
    let lab = Lab::new(|cx, outside, _| {
        Box::pin(async move {
            for hours in 1..3 {
                cx.sleep(hours * HOUR).await;
                outside.journal.note(hours);
            }
            Ok(format!(
                "{:?}",
                cx.now().duration_since(UNIX_EPOCH).unwrap().as_secs()
            ))
        })
    });
    let start = clock.now();
    let mut run = lab
        .engine(&place)
        .run("run", Findings::of(3, 2))
        .await
        .unwrap();
    let mut due = start;
    for round in 0..3 {
        for hours in 1..3 {
            due += hours * HOUR;
            assert_eq!(sleeps_until(&run), due, "round {round}");
            assert_eq!(run.waits().len(), 2, "both tasks sleep");
            clock.pass(hours * HOUR);
            run = lab.engine(&place).resume("run").await.unwrap();
        }
    }
    assert_eq!(run.status(), Status::Completed);
    assert_eq!(seen(&run).len(), 6);
    lab.engine(&place).replay("run").await.unwrap();
}

#[tokio::test]
async fn of_several_sleepers_the_first_wakes_first() {
    let (place, clock) = clocked();
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(async move {
            outside.journal.note(item);
            cx.sleep_until(UNIX_EPOCH + Duration::from_secs(1_800_000_000) + (3 - item) * HOUR)
                .await;
            Ok(item.to_string())
        })
    });
    let start = clock.now();
    let mut run = lab
        .engine(&place)
        .run("run", Findings::of(1, 3))
        .await
        .unwrap();
    assert_eq!(lab.outside.journal.take(), ["0", "1", "2"]);
    for (hours, started) in [(1, "2"), (2, "1")] {
        assert_eq!(sleeps_until(&run), start + hours * HOUR);
        clock.pass(HOUR);
        run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(lab.outside.journal.take(), [started], "nobody else starts");
    }
    clock.pass(HOUR);
    let run = lab.engine(&place).resume("run").await.unwrap();
    assert_eq!(seen(&run), ["0", "1", "2"], "in the order of the frontier");
}

#[tokio::test]
async fn what_is_over_is_not_slept_for() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                outside.journal.note("starts");
                for _ in 0..5 {
                    cx.sleep(Duration::ZERO).await;
                    cx.sleep_until(UNIX_EPOCH).await;
                }
                Ok("done".to_owned())
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["done"]);
        assert_eq!(lab.outside.journal.take(), ["starts"]);
        lab.engine(&place).replay("run").await.unwrap();
    }
}

/// While something else keeps the node, its sleep ends in place.
#[tokio::test]
async fn a_sleep_ends_beside_an_effect() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                outside.journal.note("starts");
                let never = cx.effect("never", &item).run(|| async {
                    std::future::pending::<()>().await;
                    ok(())
                });
                tokio::select! {
                    biased;
                    _ = never => Ok("never".to_owned()),
                    () = cx.sleep(Duration::from_millis(20)) => Ok("slept".to_owned()),
                }
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["slept"]);
        assert_eq!(lab.outside.journal.take(), ["starts"]);
        lab.engine(&place).replay("run").await.unwrap();
    }
}

/// The store is opened anew each time, as by processes that follow one another.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_sleep_outlives_its_process() {
    use std::sync::Arc;
    use superstep_tests::sqlite_at;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let lab = sleeper(Duration::from_millis(150));
    let begun = SystemTime::now();
    let due = {
        let store = sqlite_at(&path);
        let engine = lab.builder(&store).build().unwrap();
        sleeps_until(&engine.run("run", one()).await.unwrap())
    };
    assert!(due >= begun + Duration::from_millis(150));
    let run = loop {
        let store: Arc<dyn Store> = sqlite_at(&path);
        let run = lab
            .builder(&store)
            .build()
            .unwrap()
            .resume("run")
            .await
            .unwrap();
        if run.status() == Status::Completed {
            break run;
        }
        assert_eq!(sleeps_until(&run), due, "it keeps its deadline");
    };
    assert!(SystemTime::now() >= due, "never early");
    assert_eq!(seen(&run), ["1 2"]);
    let calls = ["0 starts", "called before", "0 starts", "called after"];
    assert_eq!(lab.outside.journal.take(), calls);
}
