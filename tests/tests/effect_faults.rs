//! An effect that cannot be recorded, or that is not what was recorded, stops
//! the run, and the node sees no value that is not on disk.

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;
use superstep::store::{Claim, EffectKind, StoreError};
use superstep_tests::lab::{Findings, Lab, SHORT, fetch, fetching, one, seen};
use superstep_tests::{Moment, effects, kind, kinds, only_nth, stores, well};

#[tokio::test]
async fn another_request_under_the_same_identity_stops_the_run() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                outside
                    .journal
                    .note(format_args!("attempt {}", cx.attempt()));
                let what = if outside.is_broken() { 0 } else { cx.attempt() };
                let page = cx.effect("fetch", &("page", what));
                let page = page.run(|| outside.call("fetch")).await;
                if cx.attempt() == 1 && !outside.is_broken() {
                    return Err(NodeError::transient("not yet"));
                }
                // Whatever the node does about the error.
                Ok(format!("{:?}", page.is_ok()))
            })
        });
        let engine = lab.engine(&place);
        let error = engine.run("run", one()).await.unwrap_err();
        let Error::EffectChanged {
            step,
            node,
            effect,
            n,
            recorded,
            requested,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((*step, *node, &**effect, *n), (2, "work", "fetch", 0));
        assert_eq!(&**recorded, r#"["page",1]"#);
        assert_eq!(&**requested, r#"["page",2]"#);
        let message = error.to_string();
        assert!(message.contains(&**recorded) && message.contains(&**requested));
        let lines = lab.outside.journal.take();
        assert_eq!(lines, ["attempt 1", "called fetch", "attempt 2"]);
        let run = engine.get("run").await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Failed, 1));

        lab.outside.set_broken(true);
        let error = engine.resume("run").await.unwrap_err();
        assert!(matches!(error, Error::EffectChanged { .. }), "{error}");
        assert_eq!(lab.outside.calls(), 1);
    }
}

#[tokio::test]
async fn a_response_that_no_longer_decodes_stops_the_run() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let effect = cx.effect("fetch", &());
                if outside.is_broken() {
                    let page = effect.run(|| async { ok(outside.call("text").await?.to_string()) });
                    page.await?;
                    return Err(NodeError::permanent("something is broken"));
                }
                let page = effect.run(|| outside.call("number")).await;
                Ok(format!("{:?}", page.is_ok()))
            })
        });
        lab.outside.set_broken(true);
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap_err();
        lab.outside.set_broken(false);
        let error = engine.resume("run").await.unwrap_err();
        let Error::Undecodable {
            place: at, help, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert!(help.starts_with("a response does not go through `migrate`: "));
        assert!(at.contains("`fetch`") && at.contains("`work`") && at.contains("step 2"));
        assert_eq!(lab.outside.calls(), 1);
        assert_eq!(
            kinds(&place, "run").await,
            [kind("fetch", 0, EffectKind::Done)]
        );
    }
}

#[tokio::test]
async fn what_json_cannot_hold_stops_the_run() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let request = if item == 0 { 0.5 } else { f64::NAN };
                let effect = cx.effect("measure", &request);
                let response = effect.run(|| async {
                    outside.call("measure").await?;
                    ok(f64::INFINITY)
                });
                Ok(format!("{:?}", response.await.is_ok()))
            })
        });
        let engine = lab.engine(&place);
        let error = engine.run("run", Findings::of(1, 1)).await.unwrap_err();
        let is_of = |error: &Error, of: &str| {
            let Error::NotRoundTrip { step: 2, what, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(
                **what,
                format!("the {of} of effect `measure` (call 0) of node `work`")
            );
        };
        is_of(&error, "response");
        assert_eq!(lab.outside.journal.take(), ["called measure"]);
        let error = engine.run("other", Findings::of(1, 2)).await.unwrap_err();
        is_of(&error, "response");
        let lines = lab.outside.journal.take();
        assert_eq!(
            lines,
            ["called measure"],
            "not for a request without a text"
        );
        assert_eq!(kinds(&place, "run").await, []);
        assert_eq!(kinds(&place, "other").await, []);
    }
}

/// A number that is read as text, and refuses to be read as a number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Text(String),
    Number(u64),
    #[serde(skip_deserializing)]
    Nothing,
}

#[tokio::test]
async fn a_response_that_comes_back_otherwise_stops_the_run() {
    for place in stores() {
        let lab = Lab::new(|cx, _, item| {
            Box::pin(async move {
                let loose = || async move {
                    ok(match item {
                        0 => Loose::Text("7".into()),
                        1 => Loose::Number(7),
                        _ => Loose::Nothing,
                    })
                };
                let response = cx.effect("guess", &item).run(loose).await;
                Ok(format!("{response:?}"))
            })
        });
        let engine = lab.builder(&place.store).check_round_trip(true);
        let engine = engine.build().unwrap();
        let run = engine.run("run", Findings::of(1, 2)).await.unwrap();
        assert_eq!(seen(&run), [r#"Ok(Text("7"))"#, "Ok(Number(7))"]);
        let error = engine.run("other", Findings::of(1, 3)).await.unwrap_err();
        assert!(matches!(error, Error::NotRoundTrip { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_fails_while_journaling_stops_the_run() {
    for place in stores() {
        for (moment, id) in [(Moment::Before, "before"), (Moment::After, "after")] {
            let lab = fetching();
            let store = place.hooked(only_nth(1, moment, "journal"));
            let engine = lab.builder(&store).build().unwrap();
            let error = engine.run(id, one()).await.unwrap_err();
            assert!(matches!(error, Error::Store { .. }), "{error}");
            assert_eq!(lab.outside.journal.lines(), ["called fetch"], "not seen");
            // It is known to have happened, and that was kept with the open step.
            let run = lab.engine(&place).resume(id).await.unwrap();
            assert_eq!(seen(&run), ["1"]);
            assert_eq!(lab.outside.calls(), 1);
        }
    }
}

#[tokio::test]
async fn who_lost_the_lease_while_journaling_is_told_so_and_sees_nothing() {
    for place in stores() {
        let lab = fetching();
        let inner = Arc::clone(&place.store);
        let store = place.hooked(move |moment, call| {
            if (moment, call) != (Moment::Before, "journal") {
                return well();
            }
            let inner = Arc::clone(&inner);
            Box::pin(async move {
                let owner = inner.head("run").await?.unwrap().lease.unwrap().owner;
                let lease = inner
                    .acquire("run", Claim::new(&owner, Duration::from_secs(60)))
                    .await?;
                inner.release("run", lease.epoch).await
            })
        });
        let engine = lab.builder(&store).build().unwrap();
        let error = engine.run("run", one()).await.unwrap_err();
        assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
        assert_eq!(lab.outside.journal.lines(), ["called fetch"], "not seen");
        assert_eq!(kinds(&place, "run").await, []);
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["2"]);
    }
}

/// The attempt was over before the store had answered: nobody knows whether the
/// record is there, so the next attempt writes it before it sees it.
#[tokio::test]
async fn a_retry_sees_no_record_that_is_not_written() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let now = cx.now();
                let page = fetch(cx, outside, item).await?;
                let next = cx.effect("next", &now).run(|| outside.call("next"));
                Ok(format!("{page} {}", next.await?))
            })
        });
        let journal = lab.outside.journal.clone();
        let is_first = AtomicBool::new(true);
        let store = place.hooked(move |moment, call| {
            if call != "journal" {
                return well();
            }
            match moment {
                Moment::Before if is_first.swap(false, Ordering::Relaxed) => Box::pin(pending()),
                Moment::Before => well(),
                Moment::After => {
                    journal.note("journaled");
                    well()
                }
            }
        });
        let engine = lab.builder(&store).default_timeout(SHORT).build().unwrap();
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["1 2"]);
        let lines = lab.outside.journal.lines();
        let expected = [
            "called fetch",
            "journaled",
            "saw 1",
            "called next",
            "journaled",
        ];
        assert_eq!(lines, expected, "{place:?}");
        assert_eq!(effects(&place, "run").await.len(), 3);
    }
}

#[tokio::test]
async fn a_retry_that_cannot_write_what_it_found_sees_nothing() {
    for place in stores() {
        let lab = fetching();
        let writes = AtomicU64::new(0);
        let store = place.hooked(move |moment, call| {
            if (moment, call) != (Moment::Before, "journal") {
                return well();
            }
            match writes.fetch_add(1, Ordering::Relaxed) {
                0 => Box::pin(pending()),
                _ => Box::pin(ready(Err(StoreError::Backend {
                    message: "no luck".into(),
                    source: None,
                }))),
            }
        });
        let engine = lab.builder(&store).default_timeout(SHORT).build().unwrap();
        let error = engine.run("run", one()).await.unwrap_err();
        assert!(matches!(error, Error::Store { .. }), "{error}");
        assert_eq!(lab.outside.journal.lines(), ["called fetch"], "not seen");
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!((seen(&run).len(), lab.outside.calls()), (1, 1));
    }
}

/// No name is longer than every store takes.
#[tokio::test]
async fn the_name_of_an_effect_has_a_limit() {
    for place in stores() {
        for (bytes, calls) in [(1_024, 1), (1_025, 0)] {
            let lab = Lab::new(move |cx, outside, _| {
                let name = "n".repeat(bytes);
                Box::pin(async move {
                    let page = cx.effect(&name, &()).run(|| outside.call("somebody")).await;
                    page.map(|page| page.to_string())
                })
            });
            let ended = lab.engine(&place).run(format!("run-{bytes}"), one()).await;
            assert_eq!(lab.outside.calls(), calls, "{bytes} bytes");
            let said = ended.err().map(|error| error.to_string());
            let refused = said.is_some_and(|said| said.contains("at most 1,024 bytes"));
            assert_eq!(refused, calls == 0, "{bytes} bytes");
        }
    }
}

#[tokio::test]
async fn an_effect_needs_a_name() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let now = cx.now();
                let page = cx.effect("", &()).run(|| outside.call("nobody")).await;
                let page = page.map(|page| page.to_string());
                assert!(cx.now() >= now);
                Ok(page.unwrap_or_else(|error| error.to_string()))
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["an effect needs a name"]);
        assert_eq!(lab.outside.calls(), 0);
        let clocks = kinds(&place, "run").await.into_iter();
        let clocks: Vec<_> = clocks.map(|(name, _, kind)| (name, kind)).collect();
        assert_eq!(clocks, [(); 2].map(|()| (String::new(), EffectKind::Clock)));
    }
}

/// Once an effect stops the run, its task asks nothing more of the outside
/// world, whatever it does about the error.
#[tokio::test]
async fn a_task_that_stops_the_run_makes_no_further_effect() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let measured = cx.effect("measure", &f64::NAN);
                let measured = measured.run(|| outside.call("measure")).await;
                let paid = cx.effect("pay", &1).at_most_once();
                let paid = paid.run(|| outside.call("pay")).await;
                let told = cx.effect("tell", &1).run(|| outside.call("tell")).await;
                Ok(format!("{measured:?} {paid:?} {told:?}"))
            })
        });
        let error = lab.engine(&place).run("run", one()).await.unwrap_err();
        assert!(matches!(error, Error::NotRoundTrip { .. }), "{error}");
        assert_eq!(lab.outside.calls(), 0);
        assert_eq!(kinds(&place, "run").await, []);
    }
}

#[tokio::test]
async fn effects_at_once_in_many_tasks_survive_a_store_that_fails_now_and_then() {
    for place in stores() {
        for nth in 1..=8 {
            let lab = Lab::new(|cx, outside, item| {
                Box::pin(async move {
                    let call = || outside.call(item);
                    let one = cx.effect("one", &item).run(call).await?;
                    let two = cx.effect("two", &one).run(call).await?;
                    outside.journal.note(format_args!("saw {item} {one} {two}"));
                    Ok(item.to_string())
                })
            });
            let store = place.hooked(only_nth(nth, Moment::Before, "journal"));
            let engine = lab.builder(&store).build().unwrap();
            let id = format!("run {nth}");
            let error = engine.run(&id, Findings::of(1, 4)).await.unwrap_err();
            assert!(matches!(error, Error::Store { .. }), "{error}");
            let run = engine.resume(&id).await.unwrap();
            assert_eq!(seen(&run), ["0", "1", "2", "3"]);
            assert_eq!(lab.outside.calls(), 8, "the {nth}th write failed");
        }
    }
}
