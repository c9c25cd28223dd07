//! A signal is received once, by one wait, in the order in which signals came; also if it came
//! before anybody waited for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use superstep::prelude::*;
use superstep::{WaitKind, ok};
use superstep_tests::lab::{Findings, Lab, one, seen};
use superstep_tests::{Place, memory, stores};
use tokio::sync::Notify;

const HOUR: Duration = Duration::from_secs(3_600);

/// Name and deadline of all that a run waits for.
fn waits(run: &Run<Findings>) -> Vec<(&str, Option<SystemTime>)> {
    assert_eq!(run.status(), Status::Interrupted);
    let waits = run.waits().iter();
    waits
        .map(|wait| {
            assert_eq!((wait.kind, &*wait.node), (WaitKind::Signal, "work"));
            (&*wait.name, wait.due)
        })
        .collect()
}

fn names(run: &Run<Findings>) -> Vec<&str> {
    waits(run).into_iter().map(|(name, _)| name).collect()
}

/// Receives two words.
fn two_words() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            outside.journal.note(item);
            let first: String = cx.receive("word").await;
            let second: String = cx.receive("word").await;
            Ok(format!("{first} {second}"))
        })
    })
}

#[tokio::test]
async fn a_signal_is_received_once_and_in_order() {
    for place in stores() {
        let lab = two_words();
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(names(&run), ["word"]);
        assert_eq!(run.wakes(), None, "nobody knows when it comes");
        engine.signal("run", "word", "one").id("1").await.unwrap();
        let run = engine.get("run").await.unwrap();
        assert!(run.wakes().unwrap() <= SystemTime::now(), "it is there");
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(names(&run), ["word"], "the second one is another");
        // The first one again, under whatever name.
        engine.signal("run", "word", "one").id("1").await.unwrap();
        engine.signal("run", "word", "two").id("1").await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(names(&run), ["word"], "it has come already");
        engine.signal("run", "word", "two").await.unwrap();
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["one two"]);
        engine.replay("run").await.unwrap();
    }
}

#[tokio::test]
async fn what_came_before_anybody_waited_is_received_too() {
    for place in stores() {
        let lab = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let _: bool = cx.receive("go").await;
                let mut words = Vec::new();
                for _ in 0..3 {
                    words.push(cx.receive::<String>("word").await);
                }
                Ok(words.join(" "))
            })
        });
        let engine = lab.engine(&place);
        assert_eq!(names(&engine.run("run", one()).await.unwrap()), ["go"]);
        for word in ["one", "two", "three", "four"] {
            engine.signal("run", "word", word).await.unwrap();
        }
        let run = engine.resume("run").await.unwrap();
        assert_eq!(names(&run), ["go"], "nobody waits for those");
        engine.signal("run", "go", &true).await.unwrap();
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["one two three"]);
    }
}

/// What a turn did not receive is there for the next one; a run that has ended takes none.
#[tokio::test]
async fn what_nobody_received_is_kept_over_turns() {
    for place in stores() {
        let lab = two_words();
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap();
        for word in ["one", "two", "three"] {
            engine.signal("run", "word", word).id(word).await.unwrap();
        }
        assert_eq!(seen(&engine.resume("run").await.unwrap()), ["one two"]);
        let late = engine.signal("run", "word", "four").await.unwrap_err();
        assert!(matches!(late, Error::RunFinished { .. }), "{late}");
        engine
            .signal("run", "word", "three")
            .id("three")
            .await
            .unwrap();

        let more = Findings::update().rounds(2);
        let run = lab.engine(&place).turn("run", more).await.unwrap();
        assert_eq!(names(&run), ["word"]);
        engine.signal("run", "word", "one").id("one").await.unwrap();
        engine.signal("run", "word", "four").await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["one two", "three four"]);
        engine.replay("run").await.unwrap();
    }
}

/// And of several tasks only the one that gets it starts again.
#[tokio::test]
async fn of_several_tasks_the_first_in_the_frontier_gets_it() {
    for place in stores() {
        let lab = two_words();
        let engine = lab.engine(&place);
        let run = engine.run("run", Findings::of(1, 3)).await.unwrap();
        assert_eq!(names(&run), ["word"; 3]);
        assert_eq!(lab.outside.journal.take(), ["0", "1", "2"]);
        for (word, starts) in [
            ("a", &["0"][..]),
            ("b", &["0"]),
            ("c", &["1"]),
            ("d", &["1"]),
            ("e", &["2"]),
        ] {
            engine.signal("run", "word", word).await.unwrap();
            let run = engine.resume("run").await.unwrap();
            assert_eq!(run.status(), Status::Interrupted);
            assert_eq!(lab.outside.journal.take(), starts, "{word}");
        }
        engine.signal("run", "word", "f").await.unwrap();
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["a b", "c d", "e f"]);
        engine.replay("run").await.unwrap();
    }
}

#[tokio::test]
async fn who_loses_a_select_takes_nothing() {
    for place in stores() {
        let lab = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let first = tokio::select! {
                    biased;
                    one = cx.receive::<u32>("one") => format!("one {one}"),
                    two = cx.receive::<u32>("two") => format!("two {two}"),
                };
                // Whoever asks next gets what the loser left.
                let (one, two) = (cx.receive::<u32>("one"), cx.receive::<u32>("two"));
                let rest = match first.starts_with("one") {
                    true => two.await,
                    false => one.await,
                };
                Ok(format!("{first}, {rest}"))
            })
        });
        for (run, order, wanted) in [
            ("both", ["one", "two"], "one 1, 2"),
            ("turned", ["two", "one"], "one 1, 2"),
        ] {
            let engine = lab.engine(&place);
            let stopped = engine.run(run, one()).await.unwrap();
            assert_eq!(names(&stopped), ["one", "two"]);
            for name in order {
                let value = if name == "one" { 1 } else { 2 };
                engine.signal(run, name, &value).await.unwrap();
            }
            let ended = engine.resume(run).await.unwrap();
            assert_eq!(seen(&ended), [wanted], "{run}");
        }
        let engine = lab.engine(&place);
        engine.run("second", one()).await.unwrap();
        engine.signal("second", "two", &2).await.unwrap();
        let run = engine.resume("second").await.unwrap();
        assert_eq!(names(&run), ["one"]);
        engine.signal("second", "one", &1).await.unwrap();
        let run = engine.resume("second").await.unwrap();
        assert_eq!(seen(&run), ["two 2, 1"]);
        engine.replay("second").await.unwrap();
    }
}

/// Sent by the engine that drives, and by another.
#[tokio::test]
async fn a_signal_wakes_a_node_that_something_else_keeps() {
    for place in stores() {
        for sender_drives in [true, false] {
            let begun = Arc::new(Notify::new());
            let begins = Arc::clone(&begun);
            let lab = Lab::new(move |cx, outside, item| {
                let begins = Arc::clone(&begins);
                Box::pin(async move {
                    outside.journal.note(item);
                    let slow = cx.effect("slow", &item).run(|| async {
                        begins.notify_one();
                        std::future::pending::<()>().await;
                        ok(0_u32)
                    });
                    tokio::select! {
                        biased;
                        word = cx.receive::<String>("word") => Ok(word),
                        _ = slow => Ok("slow".to_owned()),
                    }
                })
            });
            let id = format!("run {sender_drives}");
            let engine = lab.engine(&place);
            let other = lab.engine(&place);
            let driving = engine.run(&id, one());
            let sending = async {
                begun.notified().await;
                let sender = if sender_drives { &engine } else { &other };
                sender.signal(&id, "word", "now").await
            };
            let (run, sent) = tokio::join!(driving.into_future(), sending);
            sent.unwrap();
            assert_eq!(seen(&run.unwrap()), ["now"]);
            assert_eq!(lab.outside.journal.lines(), ["0"], "it did not start again");
            engine.replay(&id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn all_that_is_waited_for_at_once_is_registered() {
    for place in stores() {
        let lab = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let (one, two, three) = tokio::join!(
                    cx.receive::<u32>("one"),
                    cx.receive::<u32>("two"),
                    cx.receive::<u32>("three").within(HOUR),
                );
                Ok(format!("{one} {two} {three:?}"))
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let mut all = names(&run);
        all.sort_unstable();
        assert_eq!(all, ["one", "three", "two"]);
        assert_eq!(run.wakes(), run.waits().iter().find_map(|wait| wait.due));
        for (name, value, left) in [("two", 2, 2), ("three", 3, 1)] {
            engine.signal("run", name, &value).await.unwrap();
            let run = lab.engine(&place).resume("run").await.unwrap();
            assert_eq!(run.waits().len(), left);
        }
        engine.signal("run", "one", &1).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["1 2 Some(3)"]);
    }
}

/// What is there wins, also when its time is over; else that is said at once, however often.
#[tokio::test]
async fn who_asks_without_waiting_does_not_stop() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                outside.journal.note("start");
                let mut came = Vec::new();
                for _ in 0..4 {
                    came.push(cx.receive::<u32>("number").within(Duration::ZERO).await);
                    came.push(cx.receive("number").until(UNIX_EPOCH).await);
                }
                let or = cx.receive("number").within(Duration::ZERO).or(7).await;
                let _: bool = cx.receive("go").await;
                let now: Option<u32> = cx.receive("number").within(Duration::ZERO).await;
                let past: Option<u32> = cx.receive("number").until(UNIX_EPOCH).await;
                let or = or + cx.receive("number").until(UNIX_EPOCH).or(100).await;
                assert_eq!(came, [None; 8]);
                Ok(format!("{now:?} {past:?} {or}"))
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(waits(&run), [("go", None)]);
        assert_eq!(lab.outside.journal.take(), ["start"], "it stops once");
        for number in [1, 2] {
            engine.signal("run", "number", &number).await.unwrap();
        }
        engine.signal("run", "go", &true).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["Some(1) Some(2) 107"]);
        assert_eq!(lab.outside.journal.take(), ["start"]);
        engine.replay("run").await.unwrap();
    }
}

#[tokio::test]
async fn a_term_without_end_is_no_limit() {
    for place in stores() {
        let lab = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let word = cx.receive("word").within(Duration::MAX);
                Ok(word.or("nothing".to_owned()).await)
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(waits(&run), [("word", None)]);
        engine.signal("run", "word", "came").await.unwrap();
        assert_eq!(seen(&engine.resume("run").await.unwrap()), ["came"]);
    }
}

/// Only as many as the engine was told, whether or not anybody waits for them.
#[tokio::test]
async fn a_run_takes_so_many_signals() {
    for place in stores() {
        let lab = two_words();
        let engine = lab.builder(&place.store).max_signals(2).build().unwrap();
        engine.run("run", one()).await.unwrap();
        for word in ["one", "two"] {
            engine.signal("run", "other", word).id(word).await.unwrap();
        }
        let error = engine.signal("run", "word", "three").await.unwrap_err();
        assert!(
            matches!(error, Error::MailboxFull { most: 2, .. }),
            "{error}"
        );
        engine.signal("run", "word", "two").id("two").await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(names(&run), ["word"], "a refused one has not come");
        lab.engine(&place)
            .signal("run", "word", "three")
            .await
            .unwrap();

        let none = lab.builder(&place.store).max_signals(0).build().unwrap();
        let error = none.signal("run", "word", "four").await.unwrap_err();
        assert!(
            matches!(error, Error::MailboxFull { most: 0, .. }),
            "{error}"
        );
    }
}

/// Time passes only when the test says so.
#[tokio::test]
async fn a_signal_after_the_deadline_is_for_whoever_asks_next() {
    let (place, clock) = superstep_tests::clocked();
    let lab = Lab::new(|cx, _, _| {
        Box::pin(async move {
            let first: Option<u32> = cx.receive("number").within(HOUR).await;
            let second: u32 = cx.receive("number").await;
            Ok(format!("{first:?} {second}"))
        })
    });
    let engine = lab.engine(&place);
    let start = clock.now();
    for (id, late, wanted) in [
        ("in time", Duration::ZERO, "Some(1) 2"),
        ("late", Duration::from_millis(1), "None 1"),
    ] {
        clock.set(start);
        let run = engine.run(id, one()).await.unwrap();
        assert_eq!(waits(&run), [("number", Some(start + HOUR))]);
        clock.set(start + HOUR + late);
        engine.signal(id, "number", &1).await.unwrap();
        engine.signal(id, "number", &2).await.unwrap();
        let run = lab.engine(&place).resume(id).await.unwrap();
        assert_eq!(seen(&run), [wanted], "{id}");
        engine.replay(id).await.unwrap();
    }
}

/// A unit test of a node gives it what it receives.
#[tokio::test]
async fn a_test_context_has_the_signals_that_it_was_given() {
    let lab = two_words();
    let place: Place = memory();
    assert!(
        lab.engine(&place).get("run").await.is_err(),
        "no run is needed"
    );
    let cx = Cx::test()
        .with_signal("word", "one")
        .with_signal("other", &7)
        .with_signal("word", "two");
    assert_eq!(cx.receive::<String>("word").await, "one");
    assert_eq!(
        cx.receive::<String>("word").within(HOUR).await.as_deref(),
        Some("two")
    );
    assert_eq!(
        cx.receive::<u32>("word").within(HOUR).await,
        None,
        "no time passes"
    );
    assert_eq!(cx.receive("word").within(HOUR).or(9).await, 9);
    cx.sleep(HOUR).await;
    cx.sleep_until(SystemTime::now() + HOUR).await;
    assert_eq!(cx.receive::<u32>("other").await, 7);
}

#[tokio::test]
#[should_panic(expected = "with_signal(\"word\", &value)")]
async fn a_test_context_says_which_signal_is_missing() {
    let _: String = Cx::test().receive("word").await;
}
