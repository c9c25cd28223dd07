//! No wake-up is lost: whatever comes at whatever moment, a run that stopped for it is awake, and
//! nothing else wakes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use superstep::prelude::*;
use superstep::store::{NewSignal, StoreExt};
use superstep::{Outcome, WaitKind};
use superstep_tests::lab::{Findings, Lab, Outside, one, seen, take_over};
use superstep_tests::{Moment, Place, clocked, stores, well};

const HOUR: Duration = Duration::from_secs(3_600);

fn receiver() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            outside.journal.note(format_args!("{item} starts"));
            Ok(cx.receive::<String>("word").await)
        })
    })
}

/// A store that gets a signal at the first `moment` of `call`.
fn struck(place: &Place, moment: Moment, call: &'static str) -> Arc<dyn Store> {
    let (store, is_over) = (Arc::clone(&place.store), Arc::new(AtomicBool::new(false)));
    place.hooked(move |now, name| {
        if (now, name) != (moment, call) || is_over.swap(true, Ordering::Relaxed) {
            return well();
        }
        let store = Arc::clone(&store);
        Box::pin(async move {
            let signal = NewSignal::new("run", "1", "word", "\"struck\"");
            store.signal(signal).await
        })
    })
}

#[tokio::test]
async fn a_signal_at_any_moment_is_received() {
    for (moment, call, is_driven) in [
        (Moment::Before, "register", true),
        (Moment::After, "register", true),
        (Moment::Before, "park", true),
        (Moment::After, "park", false),
    ] {
        for place in stores() {
            let lab = receiver();
            let store = struck(&place, moment, call);
            let run = lab.builder(&store).build().unwrap().run("run", one()).await;
            let run = run.unwrap();
            if !is_driven {
                assert_eq!(run.status(), Status::Interrupted, "it had stopped");
            }
            let run = match is_driven {
                true => run,
                false => {
                    let head = place.store.head("run").await.unwrap().unwrap();
                    assert!(head.wakes.unwrap() <= SystemTime::now(), "it is awake");
                    lab.engine(&place).resume("run").await.unwrap()
                }
            };
            assert_eq!(seen(&run), ["struck"], "{moment:?} {call} of {place:?}");
            assert!(place.store.all_stuck().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn a_resume_for_which_nothing_came_starts_nothing() {
    for place in stores() {
        let lab = receiver();
        let engine = lab.engine(&place);
        engine.run("run", Findings::of(1, 2)).await.unwrap();
        assert_eq!(lab.outside.journal.take(), ["0 starts", "1 starts"]);
        let before = place.store.load("run").await.unwrap().unwrap();
        for _ in 0..3 {
            let run = lab.engine(&place).resume("run").await.unwrap();
            assert_eq!((run.status(), run.waits().len()), (Status::Interrupted, 2));
            let again = engine.run("run", Findings::of(1, 2)).await.unwrap();
            assert_eq!(again.status(), Status::Interrupted);
        }
        engine.signal("run", "other", "no").await.unwrap();
        engine.resume("run").await.unwrap();
        let after = place.store.load("run").await.unwrap().unwrap();
        assert_eq!((after.waits, after.head.wakes), (before.waits, None));
        assert_eq!(lab.outside.journal.take(), [""; 0]);
    }
}

/// Who corrects the state of a run that waits wakes it: it may now wait for something else.
#[tokio::test]
async fn a_correction_starts_what_waits() {
    let (place, clock) = clocked();
    let lab = Lab::new(|cx, outside, _| {
        Box::pin(async move {
            outside.journal.note("starts");
            let word: Option<String> = cx.receive("word").within(HOUR).await;
            Ok(format!("{word:?}"))
        })
    });
    let engine = lab.engine(&place);
    let start = clock.now();
    engine.run("run", one()).await.unwrap();
    lab.outside.journal.take();
    clock.pass(HOUR / 2);
    let noted = engine.update("run", Findings::update().note("hurry"));
    noted.await.unwrap();
    let run = engine.get("run").await.unwrap();
    assert_eq!(run.status(), Status::Interrupted, "its status stays");
    let head = place.store.head("run").await.unwrap().unwrap();
    assert_eq!(head.wakes, Some(clock.now()), "it is due");
    let run = lab.engine(&place).resume("run").await.unwrap();
    assert_eq!(lab.outside.journal.take(), ["starts"], "once");
    assert_eq!(
        run.waits()[0].due,
        Some(start + HOUR),
        "the deadline goes on"
    );
    lab.engine(&place).resume("run").await.unwrap();
    assert_eq!(lab.outside.journal.take(), [""; 0], "and not again");

    engine.signal("run", "word", "now").await.unwrap();
    let run = engine.resume("run").await.unwrap();
    assert_eq!(
        (seen(&run)[0].as_str(), &*run.state().note),
        ("Some(\"now\")", "hurry")
    );
    engine.replay("run").await.unwrap();
}

/// What was received was received for the state that it met.
#[tokio::test]
async fn a_correction_of_what_was_received_is_refused() {
    for place in stores() {
        let lab = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let first: u32 = cx.receive("first").await;
                let second: u32 = cx.receive("second").await;
                Ok(format!("{first} {second}"))
            })
        });
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap();
        engine.signal("run", "first", &1).await.unwrap();
        engine.resume("run").await.unwrap();
        let error = engine.update("run", Findings::update().note("late")).await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::StepOpen { .. }), "{error}");
        engine.signal("run", "second", &2).await.unwrap();
        assert_eq!(seen(&engine.resume("run").await.unwrap()), ["1 2"]);
    }
}

/// One task asks what became of a payment, another waits for a word.
#[tokio::test]
async fn an_answer_wakes_beside_what_is_still_waited_for() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                outside.journal.note(format_args!("{item} starts"));
                if item == 0 {
                    return Ok(cx.receive::<String>("word").await);
                }
                let pay = cx.effect("pay", &item).at_most_once();
                let broken = || async { Err::<u64, _>(NodeError::transient("the line is dead")) };
                Ok(pay.run(broken).await?.to_string())
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", Findings::of(1, 2)).await.unwrap();
        let kinds: Vec<WaitKind> = run.waits().iter().map(|wait| wait.kind).collect();
        assert_eq!(run.status(), Status::Interrupted);
        assert!(kinds.contains(&WaitKind::Outcome) && kinds.contains(&WaitKind::Signal));
        assert_eq!(run.wakes(), None);
        lab.outside.journal.take();
        let asked = run.interrupts()[0].id.clone();
        engine
            .answer("run", &asked, Outcome::Happened(7_u64))
            .await
            .unwrap();
        let head = place.store.head("run").await.unwrap().unwrap();
        assert!(head.wakes.is_some(), "the answer is there");
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        assert_eq!(lab.outside.journal.take(), ["1 starts"], "the other rests");
        engine.signal("run", "word", "go").await.unwrap();
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["go", "7"]);
    }
}

/// It begins with an empty mailbox, and registers its waits itself.
#[tokio::test]
async fn a_fork_inherits_no_wait_and_no_signal() {
    for place in stores() {
        let lab = receiver();
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap();
        engine.signal("run", "word", "own").id("1").await.unwrap();
        let fork = engine.fork("run", 1, "fork", |_| {}).await.unwrap();
        assert!(fork.waits().is_empty());
        let fork = engine.resume("fork").await.unwrap();
        assert_eq!(
            (fork.status(), fork.waits().len()),
            (Status::Interrupted, 1)
        );
        engine
            .signal("fork", "word", "its own")
            .id("1")
            .await
            .unwrap();
        assert_eq!(seen(&engine.resume("fork").await.unwrap()), ["its own"]);
        assert_eq!(seen(&engine.resume("run").await.unwrap()), ["own"]);
        for id in ["run", "fork"] {
            engine.replay(id).await.unwrap();
        }
    }
}

/// No node calls anything in a replay, and every wait has what it had.
#[tokio::test]
async fn a_replay_of_waits_calls_nothing() {
    let (place, clock) = clocked();
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let late: Option<u32> = cx.receive("number").within(HOUR).await;
            let fetched = cx
                .effect("fetch", &item)
                .run(|| outside.call("fetch"))
                .await?;
            let (one, two) = tokio::join!(cx.receive::<u32>("number"), cx.receive::<u32>("other"));
            tokio::select! {
                biased;
                () = cx.sleep(HOUR) => {}
                _ = cx.receive::<()>("never") => {}
            }
            Ok(format!("{late:?} {fetched} {one} {two}"))
        })
    });
    let engine = lab.engine(&place);
    engine.run("run", Findings::of(2, 2)).await.unwrap();
    let mut run = engine.resume("run").await.unwrap();
    let mut number = 0;
    while run.status() != Status::Completed {
        clock.pass(2 * HOUR);
        run = engine.resume("run").await.unwrap();
        if run.status() == Status::Interrupted {
            for name in ["other", "number"] {
                engine.signal("run", name, &number).await.unwrap();
                number += 1;
            }
            run = lab.engine(&place).resume("run").await.unwrap();
        }
        assert!(number < 100, "it comes to an end");
    }
    let elsewhere: Lab = lab.elsewhere();
    let outside: &Outside = &elsewhere.outside;
    outside.set_broken(true);
    let replayed = elsewhere.engine(&place).replay("run").await.unwrap();
    assert_eq!(replayed.fingerprint(), run.fingerprint());
    assert_eq!(replayed.state(), run.state());
    assert_eq!(outside.calls(), 0);
}

/// What is on record of a signal is what came: another value is noticed.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_was_received_cannot_be_altered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let lab = receiver();
    let store = superstep_tests::sqlite_at(&path);
    let engine = lab.builder(&store).build().unwrap();
    engine.run("run", one()).await.unwrap();
    engine.signal("run", "word", "true").await.unwrap();
    engine.resume("run").await.unwrap();
    engine.replay("run").await.unwrap();
    for change in [
        "UPDATE effects SET response = '\"false\"' WHERE class = 'signal'",
        "UPDATE effects SET response = '\"true\"', signal = 2 WHERE class = 'signal'",
        "UPDATE effects SET signal = 1, seen = 1 WHERE class = 'signal'",
    ] {
        let conn = rusqlite::Connection::open(&path).unwrap();
        assert_eq!(conn.execute(change, []).unwrap(), 1);
        let error = engine.replay("run").await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{change}: {error}");
    }
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute("UPDATE effects SET seen = 0 WHERE class = 'signal'", [])
        .unwrap();
    engine.replay("run").await.unwrap();
}

/// Whoever received it had it on record, and died before it had told the store that it waits no
/// more: what comes next starts the task, which has it.
#[tokio::test]
async fn what_was_received_before_a_crash_is_not_waited_for() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("once"));
                }
                outside.journal.note(format_args!("{item} starts"));
                let word: String = cx.receive("word").await;
                let call = cx.effect("call", &item).run(|| async {
                    outside.pass().await;
                    outside.call("call").await
                });
                Ok(format!("{word} {} {}", call.await?, cx.attempt()))
            })
        });
        let engine = lab.engine(&place);
        engine.run("run", Findings::of(1, 2)).await.unwrap();
        engine.signal("run", "word", "one").await.unwrap();
        lab.outside.crash(engine.resume("run")).await;
        let loaded = place.store.load("run").await.unwrap().unwrap();
        assert_eq!(
            (loaded.waits.len(), loaded.effects.len()),
            (2, 1),
            "both are there"
        );
        lab.outside.journal.take();

        let run = take_over(&lab.engine(&place), "run").await.unwrap();
        assert_eq!((run.status(), run.waits().len()), (Status::Interrupted, 1));
        assert_eq!(
            lab.outside.journal.take(),
            ["0 starts", "called call"],
            "{place:?}"
        );
        engine.signal("run", "word", "two").await.unwrap();
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(
            seen(&run),
            ["one 1 2", "two 2 2"],
            "in the attempt that waited"
        );
        engine.replay("run").await.unwrap();
    }
}
