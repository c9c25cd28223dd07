//! What cannot be waited for, or sent, is a typed error that says why; the run stays as it was, and
//! goes on when it is put right.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;
use superstep_tests::lab::{Lab, one, seen};
use superstep_tests::stores;

const HOUR: Duration = Duration::from_secs(3_600);

/// Node, call and reason of a refusal.
fn refused(error: Error) -> (String, String) {
    match error {
        Error::WaitRefused {
            run,
            node,
            wait,
            reason,
            ..
        } => {
            assert_eq!(run, "run");
            (format!("{node}: {wait}"), reason.to_string())
        }
        other => panic!("{other:?}"),
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Tea {
    #[reduce(sum)]
    cups: u32,
}

/// Has nobody who would wake it.
#[node(blocking)]
fn brew(_: &Tea, cx: &Cx) -> TeaUpdate {
    tokio::runtime::Handle::current().block_on(cx.sleep(HOUR));
    Tea::update().cups(1)
}

#[node(blocking)]
fn pour(_: &Tea, cx: &Cx) -> TeaUpdate {
    let cups = tokio::runtime::Handle::current().block_on(cx.receive("cups"));
    Tea::update().cups(cups)
}

#[graph(state = Tea, start -> brew -> end)]
struct Brewing;

#[graph(state = Tea, start -> pour -> end)]
struct Pouring;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_node_does_not_wait_and_does_not_hang() {
    for place in stores() {
        let engine = Engine::builder(Brewing)
            .store(place.store.clone())
            .build()
            .unwrap();
        let error = engine.run("run", Tea::default()).await.unwrap_err();
        let (what, reason) = refused(error);
        assert_eq!(what, "brew: `sleep`");
        assert!(reason.contains("`async`"), "{reason}");
    }
    for place in stores() {
        let engine = Engine::builder(Pouring)
            .store(place.store.clone())
            .build()
            .unwrap();
        let error = engine.run("run", Tea::default()).await.unwrap_err();
        assert_eq!(refused(error).0, "pour: `receive(\"cups\")`");
    }
}

#[tokio::test]
async fn nobody_waits_where_a_record_would_hide_it_or_time_would_count_it() {
    for place in stores() {
        let inside = Lab::new(|cx, _, item| {
            Box::pin(async move {
                let call = cx.effect("call", &item).run(|| async {
                    let word: String = cx.receive("word").await;
                    ok(word)
                });
                call.await
            })
        });
        // Called in the node, and awaited inside.
        let moved_in = Lab::new(|cx, _, item| {
            Box::pin(async move {
                let word = cx.receive::<String>("word");
                let call = cx.effect("call", &item).at_most_once();
                call.run(|| async { ok(word.await) }).await
            })
        });
        for lab in [inside, moved_in] {
            let fresh = stores().into_iter().find(|fresh| fresh.kind == place.kind);
            let place = fresh.unwrap();
            let begun = Instant::now();
            let error = lab.engine(&place).run("run", one()).await.unwrap_err();
            let (what, reason) = refused(error);
            assert_eq!(what, "work: `receive(\"word\")`");
            assert!(reason.contains("closure"), "{reason}");
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "it waits for no timeout"
            );
            assert_eq!(
                lab.engine(&place).get("run").await.unwrap().status(),
                Status::Failed
            );
        }
    }
    for place in stores() {
        let elsewhere = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let sleep = std::thread::scope(|scope| scope.spawn(|| cx.sleep(HOUR)).join());
                sleep.unwrap().await;
                Ok("slept".to_owned())
            })
        });
        let error = elsewhere
            .engine(&place)
            .run("run", one())
            .await
            .unwrap_err();
        let (what, reason) = refused(error);
        assert_eq!(what, "work: `sleep`");
        assert!(reason.contains("thread"), "{reason}");
    }
}

#[tokio::test]
async fn a_signal_has_a_name_of_some_length() {
    let names = [
        (String::new(), "needs a name"),
        ("x".repeat(1_025), "1,024 bytes"),
        ("a\0b".to_owned(), "NUL"),
    ];
    for place in stores() {
        for (name, why) in &names {
            let asked = name.clone();
            let lab = Lab::new(move |cx, _, _| {
                let name = asked.clone();
                Box::pin(async move { Ok(cx.receive::<String>(&name).await) })
            });
            let engine = lab.engine(&place);
            let error = engine.run("run", one()).await.unwrap_err();
            let (_, reason) = refused(error);
            assert!(reason.contains(why), "{reason}");
            // And nobody sends one.
            let error = engine.signal("run", name, "word").await.unwrap_err();
            assert!(
                matches!(error, Error::SignalRefused { what: "name", .. }),
                "{error}"
            );
            let error = engine
                .signal("run", "word", "word")
                .id(name)
                .await
                .unwrap_err();
            assert!(
                matches!(error, Error::SignalRefused { what: "id", .. }),
                "{error}"
            );
        }
        let longest = "ü".repeat(512);
        let asked = longest.clone();
        let lab = Lab::new(move |cx, _, _| {
            let name = asked.clone();
            Box::pin(async move { Ok(cx.receive::<String>(&name).await) })
        });
        let engine = lab.engine(&place);
        engine.run("longest", one()).await.unwrap();
        let sent = engine.signal("longest", &longest, "came").id(&longest);
        sent.await.unwrap();
        assert_eq!(seen(&engine.resume("longest").await.unwrap()), ["came"]);
    }
}

/// A refusal is of that moment: put right, the run goes on from where it was.
#[tokio::test]
async fn what_was_refused_goes_on_when_it_is_put_right() {
    for place in stores() {
        let script = |name: &'static str| {
            Lab::new(move |cx, outside, item| {
                Box::pin(async move {
                    let call = cx
                        .effect("call", &item)
                        .run(|| outside.call("call"))
                        .await?;
                    let word: String = cx.receive(name).await;
                    Ok(format!("{call} {word}"))
                })
            })
        };
        let error = script("").engine(&place).run("run", one()).await;
        refused(error.unwrap_err());
        let run = script("word").engine(&place).get("run").await.unwrap();
        assert_eq!(run.status(), Status::Failed);
        assert_eq!(run.error().unwrap().code, "wait_refused");
        let right = script("word");
        let engine = right.engine(&place);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(
            (run.status(), right.outside.calls()),
            (Status::Interrupted, 0)
        );
        engine.signal("run", "word", "right").await.unwrap();
        assert_eq!(seen(&engine.resume("run").await.unwrap()), ["1 right"]);
    }
}

#[tokio::test]
async fn without_a_store_nothing_comes() {
    let lab = Lab::new(|cx, _, _| {
        Box::pin(async move {
            cx.sleep(HOUR).await;
            Ok("slept".to_owned())
        })
    });
    let engine = Engine::builder(lab).no_store().build().unwrap();
    let error = engine.run("run", one()).await.unwrap_err();
    assert!(matches!(error, Error::NoStore { .. }), "{error}");
    let error = engine.signal("run", "word", "lost").await.unwrap_err();
    assert!(
        matches!(error, Error::NoStore { call: "signal" }),
        "{error}"
    );
}

#[tokio::test]
async fn what_does_not_decode_stays_first() {
    for place in stores() {
        let numbers = Lab::new(|cx, _, _| {
            Box::pin(async move { Ok(cx.receive::<u32>("word").await.to_string()) })
        });
        let engine = numbers.engine(&place);
        engine.run("run", one()).await.unwrap();
        engine.signal("run", "word", "text").await.unwrap();
        engine.signal("run", "word", &7).await.unwrap();
        for _ in 0..2 {
            let error = numbers.engine(&place).resume("run").await.unwrap_err();
            let Error::Undecodable { place, .. } = &error else {
                panic!("{error:?}")
            };
            assert!(place.contains("signal `word`"), "{place}");
        }
        let words = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let first: String = cx.receive("word").await;
                let second: u32 = cx.receive("word").await;
                Ok(format!("{first} {second}"))
            })
        });
        let run = words.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["text 7"]);
        words.engine(&place).replay("run").await.unwrap();
    }
}

#[tokio::test]
async fn a_signal_goes_to_a_run_that_is_there_and_open() {
    for place in stores() {
        let lab =
            Lab::new(|cx, _, _| Box::pin(async move { Ok(cx.receive::<String>("word").await) }));
        let engine = lab.engine(&place);
        let error = engine.signal("nobody", "word", "lost").await.unwrap_err();
        assert!(matches!(error, Error::RunNotFound { .. }), "{error}");
        engine.run("run", one()).await.unwrap();
        let unsound: BTreeMap<(u8, u8), u8> = BTreeMap::from([((1, 2), 3)]);
        let error = engine.signal("run", "word", &unsound).await.unwrap_err();
        assert!(matches!(error, Error::NotRoundTrip { .. }), "{error}");
        let error = engine.signal("run", "word", &f64::NAN).await.unwrap_err();
        assert!(matches!(error, Error::NotRoundTrip { .. }), "{error}");
        assert!(error.to_string().contains("signal `word`"), "{error}");
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Interrupted, "nothing has come");
        engine.signal("run", "word", "came").await.unwrap();
        assert_eq!(seen(&engine.resume("run").await.unwrap()), ["came"]);
        let error = engine.signal("run", "word", "late").await.unwrap_err();
        assert!(matches!(error, Error::RunFinished { .. }), "{error}");
    }
}

/// By a graph of another name.
#[tokio::test]
async fn a_signal_of_another_graph_is_refused() {
    for place in stores() {
        let lab =
            Lab::new(|cx, _, _| Box::pin(async move { Ok(cx.receive::<String>("word").await) }));
        lab.engine(&place).run("run", one()).await.unwrap();
        let other = Engine::builder(Pouring)
            .store(place.store.clone())
            .build()
            .unwrap();
        let error = other.signal("run", "word", "lost").await.unwrap_err();
        assert!(matches!(error, Error::WrongGraph { .. }), "{error}");
        assert!(place.store.mail("run", 0).await.unwrap().signals.is_empty());
    }
}
