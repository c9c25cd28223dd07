//! An effect is recorded before its node sees it, and not made again once it is
//! recorded: a retry, a resume and another engine get the record.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use superstep::prelude::*;
use superstep::store::{EffectKind, EffectRecord, StoreExt};
use superstep::{Digest, ok};
use superstep_tests::lab::{
    Findings, FindingsUpdate, Lab, Outside, SHORT, fetch, fetching, one, seen, take_over,
};
use superstep_tests::{Moment, Place, effects, kind, kinds, stores, well};

/// Fails, or stays, if it is told to, after it saw its page.
fn wavering() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let page = fetch(cx, outside, item).await?;
            outside.pass().await;
            if outside.is_broken() {
                return Err(NodeError::permanent("something is broken"));
            }
            Ok(page)
        })
    })
}

/// A store that notes every call of `journal` once it is done.
fn noting(place: &Place, outside: &Outside) -> Arc<dyn Store> {
    let journal = outside.journal.clone();
    place.hooked(move |moment, call| {
        if (moment, call) == (Moment::After, "journal") {
            journal.note("journaled");
        }
        well()
    })
}

#[tokio::test]
async fn a_success_is_recorded_before_the_node_sees_it() {
    for place in stores() {
        let lab = fetching();
        let store = noting(&place, &lab.outside);
        let engine = lab.builder(&store).build().unwrap();
        engine.run("run", one()).await.unwrap();
        let lines = lab.outside.journal.lines();
        assert_eq!(lines, ["called fetch", "journaled", "saw 1"]);

        let [record] = &effects(&place, "run").await[..] else {
            panic!("one effect, one record")
        };
        let name = record.name.as_str();
        assert_eq!((record.step, name, record.n), (2, "fetch", 0));
        assert_eq!((record.kind, record.attempt), (EffectKind::Done, 1));
        assert_eq!((record.call, record.excerpt.as_str()), (Some(0), "0"));
        assert_eq!(record.response.as_deref(), Some("1"));
        assert_eq!(record.error, None);
    }
}

#[tokio::test]
async fn a_retry_gets_the_record() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let page = fetch(cx, outside, item).await?;
                if cx.attempt() < 3 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(page)
            })
        });
        let run = lab.engine(&place).run("run", one()).await;
        assert_eq!(seen(&run.unwrap()), ["1"]);
        let lines = lab.outside.journal.lines();
        assert_eq!(lines, ["called fetch", "saw 1", "saw 1", "saw 1"]);
        assert_eq!(effects(&place, "run").await[0].attempt, 1);
    }
}

#[tokio::test]
async fn a_resume_gets_the_record_in_this_engine_and_in_another() {
    for place in stores() {
        let lab = wavering();
        lab.outside.set_broken(true);
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap_err();
        engine.resume("run").await.unwrap_err();
        lab.engine(&place).resume("run").await.unwrap_err();
        lab.outside.set_broken(false);
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["1"]);
        let lines = lab.outside.journal.lines();
        assert_eq!(lines, ["called fetch", "saw 1", "saw 1", "saw 1", "saw 1"]);
    }
}

#[tokio::test]
async fn a_crash_between_an_effect_and_its_step_does_not_repeat_it() {
    for place in stores() {
        let lab = wavering();
        let engine = lab.engine(&place);
        lab.outside.crash(engine.run("run", one())).await;
        let run = take_over(&lab.engine(&place), "run").await.unwrap();
        assert_eq!(seen(&run), ["1"]);
        assert_eq!(lab.outside.calls(), 1, "{place:?}");
    }
}

#[tokio::test]
async fn a_crash_in_the_commit_does_not_repeat_it() {
    for place in stores() {
        let lab = fetching();
        let outside = lab.outside.clone();
        let store = place.hooked(move |moment, call| {
            // The first commits are those of the input and of `plan`.
            let comes = (moment, call) == (Moment::Before, "commit") && outside.calls() > 0;
            let outside = outside.clone();
            Box::pin(async move {
                if comes {
                    outside.pass().await;
                }
                Ok(())
            })
        });
        let engine = lab.builder(&store).build().unwrap();
        lab.outside.crash(engine.run("run", one())).await;
        let run = take_over(&lab.engine(&place), "run").await.unwrap();
        assert_eq!(seen(&run), ["1"]);
        assert_eq!(lab.outside.calls(), 1, "{place:?}");
    }
}

#[tokio::test]
async fn an_effect_is_one_call_of_the_store_whatever_was_buffered_before_it() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let before = cx.now();
                let broken = || async { Err::<u64, _>(NodeError::transient("no luck")) };
                cx.effect("break", &()).run(broken).await.unwrap_err();
                let page = fetch(cx, outside, item).await?;
                assert!(cx.now() >= before);
                Ok(page)
            })
        });
        let store = noting(&place, &lab.outside);
        let engine = lab.builder(&store).build().unwrap();
        engine.run("run", one()).await.unwrap();
        let lines = lab.outside.journal.lines();
        assert_eq!(lines, ["called fetch", "journaled", "saw 1"]);
        let expected = [
            kind("", 0, EffectKind::Clock),
            kind("", 1, EffectKind::Clock),
            kind("break", 0, EffectKind::Failed),
            kind("fetch", 0, EffectKind::Done),
        ];
        assert_eq!(kinds(&place, "run").await, expected);
        let calls: Vec<_> = effects(&place, "run").await;
        let calls: Vec<_> = calls.iter().map(|record| record.call.unwrap()).collect();
        assert_eq!(calls, [0, 3, 1, 2], "in the order of calling");
    }
}

#[tokio::test]
async fn a_failure_is_kept_with_an_attempt_that_succeeds() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let lose = || async {
                    outside.call("lose").await?;
                    Err::<u64, _>(NodeError::permanent("it is gone"))
                };
                let lost = cx.effect("lose", &7).run(lose).await;
                Ok(lost.unwrap_err().to_string())
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["it is gone"]);
        let [record] = &effects(&place, "run").await[..] else {
            panic!("one failure, one record")
        };
        assert_eq!((record.kind, record.call), (EffectKind::Failed, Some(0)));
        assert_eq!((record.attempt, record.excerpt.as_str()), (1, "7"));
        let error = record.error.as_deref().unwrap();
        assert_eq!(error, r#"{"kind":"permanent","message":"it is gone"}"#);
        assert_eq!(record.response, None);
    }
}

#[tokio::test]
async fn a_failure_is_dropped_with_an_attempt_that_is_retried() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                if cx.attempt() == 1 {
                    let lose = || async {
                        outside.call("lose").await?;
                        Err::<u64, _>(NodeError::transient("no luck"))
                    };
                    cx.effect("lose", &()).run(lose).await?;
                }
                fetch(cx, outside, item).await
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["2"]);
        let expected = [kind("fetch", 0, EffectKind::Done)];
        assert_eq!(kinds(&place, "run").await, expected);
    }
}

/// What failed in the first attempt is tried again in the second, although its
/// failure was written together with a success.
#[tokio::test]
async fn a_retry_tries_again_what_failed() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let first = || async {
                    let calls = outside.call("first").await?;
                    if calls == 1 {
                        return Err(NodeError::transient("no luck"));
                    }
                    Ok(calls)
                };
                let first = cx.effect("first", &()).run(first).await;
                let page = fetch(cx, outside, item).await?;
                Ok(format!("{} {page}", first?))
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["3 2"]);
        let expected = [
            kind("fetch", 0, EffectKind::Done),
            kind("first", 0, EffectKind::Done),
        ];
        assert_eq!(kinds(&place, "run").await, expected);
    }
}

/// What an attempt no longer called is not among the calls of its task.
#[tokio::test]
async fn an_effect_of_an_earlier_attempt_is_marked() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                if cx.attempt() == 1 {
                    let once = cx.effect("once", &()).run(|| outside.call("once"));
                    once.await?;
                    return Err(NodeError::transient("not yet"));
                }
                fetch(cx, outside, item).await
            })
        });
        lab.engine(&place).run("run", one()).await.unwrap();
        let records = effects(&place, "run").await.into_iter();
        let places: Vec<_> = records.map(|record| (record.name, record.call)).collect();
        assert_eq!(places, [("fetch".into(), Some(0)), ("once".into(), None)]);
    }
}

#[tokio::test]
async fn calls_of_one_name_are_counted_when_called_and_not_when_polled() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let ask = |what: &'static str| cx.effect("ask", what);
                let (a, b, c) = (ask("a"), ask("b"), ask("c"));
                let a = a.run(|| outside.call("a"));
                let b = b.run(|| outside.call("b"));
                let c = c.run(|| outside.call("c"));
                // The order of polling differs from attempt to attempt, and
                // `b` is dropped before it was polled.
                let (c, a) = if cx.attempt() == 1 {
                    tokio::join!(c, a)
                } else {
                    let (a, c) = tokio::join!(a, c);
                    (c, a)
                };
                drop(b);
                let (a, c) = (a?, c?);
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(format!("a {a}, c {c}"))
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["a 2, c 1"]);
        assert_eq!(lab.outside.calls(), 2);
        let expected = [
            kind("ask", 0, EffectKind::Done),
            kind("ask", 2, EffectKind::Done),
        ];
        assert_eq!(kinds(&place, "run").await, expected);
    }
}

#[tokio::test]
async fn the_loser_of_a_select_is_counted_and_leaves_no_record() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let slow = cx.effect("ask", "slow").run(|| async {
                    outside.call("slow").await?;
                    pending::<Result<u64, NodeError>>().await
                });
                let fast = cx.effect("ask", "fast").run(|| outside.call("fast"));
                let answer = tokio::select! {
                    biased;
                    slow = slow => slow?,
                    fast = fast => fast?,
                };
                let last = cx.effect("ask", "last").run(|| outside.call("last"));
                Ok(format!("{answer} {}", last.await?))
            })
        });
        let run = lab.engine(&place).run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["2 3"]);
        let expected = [
            kind("ask", 1, EffectKind::Done),
            kind("ask", 2, EffectKind::Done),
        ];
        assert_eq!(kinds(&place, "run").await, expected);
    }
}

#[tokio::test]
async fn an_effect_that_was_in_flight_at_a_timeout_is_made_again() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let page = cx.effect("fetch", &()).run(|| async {
                    let page = outside.call("fetch").await?;
                    if page == 1 {
                        pending::<()>().await;
                    }
                    ok(page)
                });
                Ok(page.await?.to_string())
            })
        });
        let engine = lab.builder(&place.store).default_timeout(SHORT);
        let engine = engine.build().unwrap();
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["2"]);
        assert_eq!(effects(&place, "run").await[0].attempt, 2);
    }
}

#[tokio::test]
async fn two_effects_of_a_task_at_once_are_recorded_both() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let a = cx.effect("a", &()).run(|| outside.call("a"));
                let b = cx.effect("b", &()).run(|| outside.call("b"));
                let (a, b) = tokio::join!(a, b);
                let (a, b) = (a?, b?);
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(format!("{a} {b}"))
            })
        });
        let store = noting(&place, &lab.outside);
        let engine = lab.builder(&store).build().unwrap();
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["1 2"]);
        let mut lines = lab.outside.journal.lines();
        lines.sort();
        assert_eq!(lines, ["called a", "called b", "journaled", "journaled"]);
        let expected = [
            kind("a", 0, EffectKind::Done),
            kind("b", 0, EffectKind::Done),
        ];
        assert_eq!(kinds(&place, "run").await, expected);
    }
}

fn key(run: &str, task: Digest, name: &str, n: u64) -> Digest {
    let mut hash = Sha256::new();
    for part in [
        run.as_bytes(),
        task.as_bytes(),
        name.as_bytes(),
        &n.to_le_bytes(),
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Digest::from_bytes(hash.finalize().into())
}

#[tokio::test]
async fn keys_are_the_hash_of_run_task_name_and_number() {
    let mut all = BTreeSet::new();
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let [first, second] = [(); 2].map(|()| cx.effect("a", &()).key());
                let once = cx.effect("b", &()).at_most_once().key();
                let keys = [("a", 0, first), ("a", 1, second), ("b", 0, once)];
                for (name, n, found) in keys {
                    assert_eq!(found, key(cx.run_id(), cx.order_key(), name, n));
                    outside.journal.note(found);
                }
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(String::new())
            })
        });
        let engine = lab.engine(&place);
        for id in ["one", "other"] {
            // One seed: it is the run's id that tells them apart.
            let call = engine.run(id, Findings::of(2, 2)).seed(1);
            call.await.unwrap();
        }
        let lines = lab.outside.journal.lines();
        assert_eq!(lines.len(), 2 * 4 * 2 * 3, "runs, tasks, attempts, calls");
        let keys: BTreeSet<_> = lines.into_iter().collect();
        assert_eq!(keys.len(), 2 * 4 * 3, "the same at every attempt");
        all.extend(keys);
    }
    assert_eq!(all.len(), 2 * 4 * 3, "the same in every store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_out_makes_every_effect_once() {
    for place in stores() {
        for concurrency in [1, 8] {
            let lab = Lab::new(|cx, outside, item| {
                Box::pin(async move {
                    let page = cx.effect("fetch", &item);
                    let page = page.run(|| outside.call(item));
                    page.await?;
                    if outside.is_broken() && item % 2 == 0 {
                        return Err(NodeError::permanent("something is broken"));
                    }
                    Ok(item.to_string())
                })
            });
            let builder = lab.builder(&place.store).max_concurrency(concurrency);
            let engine = builder.build().unwrap();
            let id = format!("run {concurrency}");
            lab.outside.set_broken(true);
            engine.run(&id, Findings::of(2, 6)).await.unwrap_err();
            assert_eq!(lab.outside.calls(), 6);
            lab.outside.set_broken(false);
            let run = engine.resume(&id).await.unwrap();
            let round = ["0", "1", "2", "3", "4", "5"];
            assert_eq!(seen(&run), [round, round].concat());
            let mut lines = lab.outside.journal.lines();
            lines[..6].sort();
            lines[6..].sort();
            let round = round.map(|item| format!("called {item}"));
            assert_eq!(lines, [round.clone(), round].concat(), "each round again");
            assert_eq!(effects(&place, &id).await.len(), 12);
        }
    }
}

#[tokio::test]
async fn without_a_store_an_effect_just_runs() {
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let page = fetch(cx, outside, item).await?;
            // Nothing is encoded either.
            let paid = cx.effect("pay", &f64::NAN).at_most_once();
            let paid = paid.run(|| outside.call("pay")).await?;
            if cx.attempt() == 1 {
                return Err(NodeError::transient("not yet"));
            }
            Ok(format!("{page} {paid}"))
        })
    });
    let engine = Engine::builder(lab.clone()).no_store().build().unwrap();
    let run = engine.run("run", one()).await.unwrap();
    assert_eq!(seen(&run), ["3 4"]);
}

#[tokio::test]
async fn of_a_huge_request_the_beginning_is_kept() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                // With the quote before it, a bound after whole kilobytes falls
                // into a letter.
                let mut text = "é".repeat(50_000);
                if cx.attempt() > 1 && item == 1 {
                    text.push('!');
                }
                let page = cx.effect("fetch", &text).run(|| outside.call("fetch"));
                page.await?;
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(String::new())
            })
        });
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap();
        let excerpt = &effects(&place, "run").await[0].excerpt;
        let (text, mark) = excerpt.split_at(excerpt.len() - '…'.len_utf8());
        assert_eq!(mark, "…");
        assert!((1_000..=1_024).contains(&text.len()), "{}", text.len());
        let letters = text.strip_prefix('"').unwrap();
        assert!(letters.chars().all(|letter| letter == 'é'));

        // Differences after the beginning count.
        let error = engine.run("other", Findings::of(1, 2)).await.unwrap_err();
        assert!(matches!(error, Error::EffectChanged { .. }), "{error}");
    }
}

#[derive(Serialize, Deserialize)]
struct Page {
    text: String,
    #[serde(skip)]
    fresh: bool,
}

/// The node sees what the record holds, even when it was made just now.
#[tokio::test]
async fn the_first_look_is_at_the_record_too() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let page = cx.effect("fetch", &()).run(|| async {
                    ok(Page {
                        text: outside.call("fetch").await?.to_string(),
                        fresh: true,
                    })
                });
                let Page { text, fresh } = page.await?;
                outside.journal.note(format_args!("{text} {fresh}"));
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(String::new())
            })
        });
        lab.engine(&place).run("run", one()).await.unwrap();
        let looks = &lab.outside.journal.lines()[1..];
        let look = "1 false";
        assert_eq!(looks, [look, look], "{place:?}");
    }
}

fn note() -> FindingsUpdate {
    Findings::update().note("!")
}

#[tokio::test]
async fn an_update_is_refused_while_an_unfinished_task_has_effects() {
    for place in stores() {
        let lab = wavering();
        lab.outside.set_broken(true);
        let engine = lab.engine(&place);
        engine.run("run", one()).await.unwrap_err();
        let error = engine.update("run", note()).await.unwrap_err();
        assert!(matches!(error, Error::StepOpen { step: 2, .. }), "{error}");
        lab.outside.set_broken(false);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(
            (seen(&run), lab.outside.calls()),
            (&["1".to_owned()][..], 1)
        );
        let run = engine.update("run", note()).await.unwrap();
        assert_eq!(run.state().note, "!");
    }
}

/// Tasks with odd numbers have effects; the last one fails, if it is told to,
/// before it does anything.
fn lopsided() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            if item == 4 && outside.is_broken() {
                return Err(NodeError::permanent("something is broken"));
            }
            let now = cx.now();
            if item % 2 == 0 {
                return Ok(item.to_string());
            }
            let page = cx.effect("fetch", &item).run(|| outside.call(item)).await;
            assert!(cx.now() >= now && page.is_ok());
            Ok(item.to_string())
        })
    })
}

#[tokio::test]
async fn an_update_is_taken_if_only_finished_tasks_have_effects() {
    for place in stores() {
        let lab = lopsided();
        lab.outside.set_broken(true);
        let engine = lab.engine(&place);
        engine.run("run", Findings::of(1, 5)).await.unwrap_err();
        let before = effects(&place, "run").await;
        let run = engine.update("run", note()).await.unwrap();
        assert_eq!((run.steps(), run.state().note.as_str()), (2, "!"));
        lab.outside.set_broken(false);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["0", "1", "2", "3", "4"]);
        assert_eq!(lab.outside.calls(), 2);
        let after = effects(&place, "run").await;
        assert!(after.iter().all(|record| record.step == 3));
        assert_eq!(after.len(), before.len() + 1, "one reading of the clock");
    }
}

/// Records as a step's digest takes them, except for the time of the clock.
fn timeless(records: Vec<EffectRecord>) -> Vec<EffectRecord> {
    let mut records = records;
    for record in &mut records {
        record.recorded = std::time::UNIX_EPOCH;
        if record.kind == EffectKind::Clock {
            record.response = None;
        }
    }
    records
}

#[tokio::test]
async fn the_effects_of_kept_results_are_complete() {
    for place in stores() {
        let lab = lopsided();
        let engine = lab
            .builder(&place.store)
            .max_concurrency(1)
            .build()
            .unwrap();
        let input = || Findings::of(2, 5);
        // The same order keys, so that the records can be compared.
        engine.run("whole", input()).seed(1).await.unwrap();
        let whole = timeless(effects(&place, "whole").await);
        assert_eq!(whole.len(), 2 * (3 + 2 * 3));
        let lab = lab.elsewhere();
        let engine = lab
            .builder(&place.store)
            .max_concurrency(1)
            .build()
            .unwrap();
        lab.outside.set_broken(true);
        engine.run("mended", input()).seed(1).await.unwrap_err();
        engine.resume("mended").await.unwrap_err();
        lab.outside.set_broken(false);
        let mended = lab.engine(&place).resume("mended").await.unwrap();
        assert_eq!(seen(&mended).len(), 10);
        assert_eq!(timeless(effects(&place, "mended").await), whole);
    }
}

/// Without readings of the clock two runs have the same effects, and the
/// steps' digests of them say so.
#[tokio::test]
async fn the_digest_of_a_steps_effects_is_that_of_an_undisturbed_run() {
    let mut digests = BTreeSet::new();
    for place in stores() {
        for broken in [false, true] {
            let lab = Lab::new(|cx, outside, item| {
                Box::pin(async move {
                    let page = cx.effect("fetch", &item).run(|| async { ok(item) });
                    page.await?;
                    if outside.is_broken() && item == 2 {
                        return Err(NodeError::permanent("something is broken"));
                    }
                    Ok(item.to_string())
                })
            });
            let engine = lab.engine(&place);
            let id = format!("run {broken}");
            lab.outside.set_broken(broken);
            let run = engine.run(&id, Findings::of(1, 4)).seed(1).await;
            assert_eq!(run.is_err(), broken);
            lab.outside.set_broken(false);
            engine.resume(&id).await.unwrap();
            let steps = place.store.all_steps(&id, 0, 9).await.unwrap();
            let found: Vec<_> = steps.into_iter().map(|step| step.journal).collect();
            assert_eq!(found.len(), 4);
            assert!(found[2].is_some() && found[3].is_none(), "{found:?}");
            digests.insert(found);
        }
    }
    assert_eq!(digests.len(), 1, "{digests:#?}");
}
