//! An at-most-once effect is never repeated: if nobody knows
//! whether it happened, the run asks, and continues with the answer.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{Claim, EffectKind, StoreExt};
use superstep::{Interrupt, Outcome};
use superstep_tests::lab::{Findings, Lab, Outside, SHORT, one, seen, take_over};
use superstep_tests::{Dice, Journal, Moment, Place, only_nth, poll_times, stores, well};
use tokio::sync::oneshot;

/// Pays once, as `how` says, and notes that it saw the receipt.
async fn pay<F>(
    cx: &Cx,
    outside: &Outside,
    item: u32,
    how: impl FnOnce(u64) -> F,
) -> Result<String, NodeError>
where
    F: Future<Output = Result<u64, NodeError>>,
{
    let pay = cx.effect("pay", &("item", item)).at_most_once();
    let receipt = pay.run(|| async {
        let receipt = outside.call(item).await?;
        how(receipt).await
    });
    let receipt = receipt.await?;
    outside.journal.note(format_args!("saw {receipt}"));
    Ok(receipt.to_string())
}

/// The payment itself stays as long as the world is holding; while the world is
/// broken it ends with an error that says nothing of whether it happened.
fn paying() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(pay(cx, outside, item, move |receipt| async move {
            outside.pass().await;
            if outside.is_broken() {
                return Err(NodeError::permanent("the line went dead"));
            }
            Ok(receipt)
        }))
    })
}

/// The only question of a run that waits.
fn question(run: &Run<Findings>) -> &Interrupt {
    assert_eq!(run.status(), Status::Interrupted);
    let [question] = run.interrupts() else {
        panic!("{:?}", run.interrupts())
    };
    question
}

/// The same, and checks that nothing moved but the question is known everywhere.
async fn asked(engine: &Engine<Lab>, place: &Place, run: &Run<Findings>) -> Interrupt {
    let asked = question(run).clone();
    assert_eq!((asked.name.as_str(), asked.node.as_str()), ("pay", "work"));
    assert_eq!(question(&engine.get(run.id()).await.unwrap()), &asked);
    assert_eq!(question(&engine.resume(run.id()).await.unwrap()), &asked);
    assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0]);
    asked
}

fn happened(receipt: u64) -> Outcome<u64> {
    Outcome::Happened(receipt)
}

const DID_NOT_HAPPEN: Outcome<u64> = Outcome::DidNotHappen;

async fn kinds(place: &Place, run: &str) -> Vec<EffectKind> {
    let effects = place.store.all_effects(run, 0, 100).await.unwrap();
    effects.into_iter().map(|record| record.kind).collect()
}

#[tokio::test]
async fn the_intent_is_on_record_before_the_call() {
    for place in stores() {
        let store = Arc::clone(&place.store);
        let lab = Lab::new(move |cx, outside, item| {
            let store = Arc::clone(&store);
            Box::pin(pay(cx, outside, item, move |receipt| async move {
                let begun = store.all_effects("run", 0, 100).await?;
                let begun: Vec<_> = begun.iter().map(|record| record.kind).collect();
                assert_eq!(begun, [EffectKind::Intent]);
                Ok(receipt)
            }))
        });
        let journal = lab.outside.journal.clone();
        let store = place.hooked(move |moment, call| {
            if (moment, call) == (Moment::After, "journal") {
                journal.note("journaled");
            }
            well()
        });
        let engine = lab.builder(&store).build().unwrap();
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["1"]);
        let lines = lab.outside.journal.lines();
        assert_eq!(lines, ["journaled", "called 0", "journaled", "saw 1"]);
        assert_eq!(kinds(&place, "run").await, [EffectKind::Done]);
    }
}

#[tokio::test]
async fn after_a_crash_in_the_call_the_run_asks_and_goes_on_with_the_answer() {
    for place in stores() {
        let lab = paying();
        for (id, answer, receipt) in [
            ("happened", happened(7), "7"),
            ("did not", DID_NOT_HAPPEN, "3"),
        ] {
            let engine = lab.engine(&place);
            lab.outside.crash(engine.run(id, one())).await;
            let calls = lab.outside.calls();
            let engine = lab.engine(&place);
            let run = take_over(&engine, id).await.unwrap();
            assert_eq!(run.steps(), 1);
            let asked = asked(&engine, &place, &run).await;
            let text: serde_json::Value = serde_json::from_str(asked.question.get()).unwrap();
            assert_eq!(text["effect"], "pay");
            assert_eq!(text["request"], r#"["item",0]"#);
            assert!(text["reason"].as_str().unwrap().contains("not recorded"));
            // Nobody has called it in this process, so nobody knows what it returns.
            assert_eq!(text.get("expects"), None);

            engine.answer(id, &asked.id, answer).await.unwrap();
            assert_eq!(engine.get(id).await.unwrap().interrupts(), []);
            assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0]);
            assert_eq!(lab.outside.calls(), calls, "never called by itself");
            let run = engine.resume(id).await.unwrap();
            assert_eq!(seen(&run), [receipt]);
        }
        assert_eq!(lab.outside.calls(), 3);
        assert_eq!(kinds(&place, "happened").await, [EffectKind::Answered]);
        assert_eq!(kinds(&place, "did not").await, [EffectKind::Done]);
    }
}

/// The driving call is dropped at its first wait, at its second, and so on;
/// whoever answers knows whether the payment was made.
#[tokio::test]
async fn a_call_dropped_at_any_wait_pays_once() {
    for place in stores() {
        let slow = place.hooked(|_, _| {
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        });
        let mut asked = 0;
        for polls in 1.. {
            let lab = Lab::new(|cx, outside, item| {
                Box::pin(pay(cx, outside, item, |receipt| async move {
                    tokio::task::yield_now().await;
                    Ok(receipt)
                }))
            });
            let engine = lab.builder(&slow).build().unwrap();
            let id = format!("run {polls}");
            let input = Findings::of(2, 1);
            let mut call = engine.run(&id, input.clone()).into_future();
            let finished = poll_times(&mut call, polls).await;
            drop(call);
            let is_over = finished.is_some();
            let mut run = match finished {
                Some(run) => run.unwrap(),
                None => engine.run(&id, input).await.unwrap(),
            };
            if run.status() == Status::Interrupted {
                asked += 1;
                let answer = match lab.outside.calls() - run.state().seen.len() as u64 {
                    0 => DID_NOT_HAPPEN,
                    _ => happened(lab.outside.calls()),
                };
                let question = &question(&run).id;
                engine.answer(&id, question, answer).await.unwrap();
                run = engine.resume(&id).await.unwrap();
            }
            assert_eq!(seen(&run), ["1", "2"], "{place:?} after {polls} polls");
            assert_eq!(lab.outside.calls(), 2, "{place:?} after {polls} polls");
            assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0]);
            if is_over {
                break;
            }
        }
        assert!(asked > 2, "only {asked} calls were dropped in a payment");
    }
}

#[tokio::test]
async fn an_answered_record_outlives_a_crash_and_a_retry() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let receipt = pay(cx, outside, item, |_| async {
                    Err(NodeError::transient("the line went dead"))
                });
                let receipt = receipt.await?;
                outside.pass().await;
                if cx.attempt() == 1 {
                    return Err(NodeError::transient("not yet"));
                }
                Ok(receipt)
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let asked = asked(&engine, &place, &run).await;
        engine.answer("run", &asked.id, happened(7)).await.unwrap();
        lab.outside.crash(engine.resume("run")).await;
        let run = take_over(&lab.engine(&place), "run").await.unwrap();
        assert_eq!(seen(&run), ["7"]);
        let lines = lab.outside.journal.lines();
        assert_eq!(lines, ["called 0", "saw 7", "saw 7", "saw 7"]);
    }
}

#[tokio::test]
async fn whatever_ends_the_call_without_a_word_makes_the_run_ask() {
    for place in stores() {
        for (way, word) in [
            ("error", "the line went dead"),
            ("permanent", "the line went dead"),
            ("timeout", "longer than"),
            ("panic", "a bug"),
            ("given up", "nobody answers"),
        ] {
            let lab = Lab::new(move |cx, outside, item| {
                Box::pin(async move {
                    let (called, is_called) = oneshot::channel();
                    let paid = pay(cx, outside, item, |_| async move {
                        called.send(()).unwrap();
                        match way {
                            "error" => Err(NodeError::transient("the line went dead")),
                            "permanent" => Err(NodeError::permanent("the line went dead")),
                            "panic" => panic!("a bug"),
                            _ => pending().await,
                        }
                    });
                    if way != "given up" {
                        return paid.await;
                    }
                    tokio::select! {
                        biased;
                        paid = paid => paid,
                        _ = is_called => Err(NodeError::transient("nobody answers")),
                    }
                })
            });
            let engine = lab.builder(&place.store).default_timeout(SHORT);
            let engine = engine.build().unwrap();
            let run = engine.run(way, one()).await.unwrap();
            let asked = asked(&engine, &place, &run).await;
            let said = asked.question.get();
            assert!(said.contains(word), "{way}: {said}");
            assert_eq!(lab.outside.journal.lines(), ["called 0"], "{way}");
            engine.answer(way, &asked.id, happened(7)).await.unwrap();
            let run = engine.resume(way).await.unwrap();
            assert_eq!(seen(&run), ["7"]);
            assert_eq!(lab.outside.calls(), 1, "{way}");
        }
    }
}

#[tokio::test]
async fn a_budget_that_ends_in_the_call_leaves_a_question() {
    for place in stores() {
        let lab = paying();
        lab.outside.set_holding(true);
        let engine = lab.builder(&place.store).run_budget(SHORT).build().unwrap();
        let error = engine.run("run", one()).await.unwrap_err();
        assert!(matches!(error, Error::BudgetExceeded { .. }), "{error}");
        let run = engine.resume("run").await.unwrap();
        asked(&engine, &place, &run).await;
        assert_eq!(lab.outside.calls(), 1);
    }
}

#[tokio::test]
async fn what_was_not_sent_is_tried_again() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(pay(cx, outside, item, move |receipt| async move {
                if receipt == 5 {
                    return Ok(receipt);
                }
                // A boxed one, too.
                let error: Box<dyn std::error::Error + Send + Sync> =
                    NodeError::not_sent("no connection").into();
                Err(NodeError::transient(error))
            }))
        });
        let engine = lab.engine(&place);
        let error = engine.run("run", one()).await.unwrap_err();
        let Error::NodeFailed { attempts, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((*attempts, lab.outside.calls()), (3, 3));
        assert_eq!(engine.get("run").await.unwrap().interrupts(), []);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["5"]);
        assert_eq!(place.store.questions("run").await.unwrap(), []);
        assert_eq!(kinds(&place, "run").await, [EffectKind::Done]);
    }
}

/// A call whose intent could not be recorded was not made: nobody is asked.
#[tokio::test]
async fn what_was_not_begun_is_tried_again() {
    for place in stores() {
        for moment in [Moment::Before, Moment::After] {
            let lab = paying();
            let store = place.hooked(only_nth(1, moment, "journal"));
            let engine = lab.builder(&store).build().unwrap();
            let id = format!("{moment:?}");
            let error = engine.run(&id, one()).await.unwrap_err();
            assert!(matches!(error, Error::Store { .. }), "{error}");
            assert_eq!(lab.outside.calls(), 0);
            let run = lab.engine(&place).resume(&id).await.unwrap();
            assert_eq!(seen(&run), ["1"]);
        }

        let lab = paying();
        let is_first = AtomicBool::new(true);
        let store = place.hooked(move |_, call| {
            if call == "journal" && is_first.swap(false, Ordering::Relaxed) {
                return Box::pin(pending());
            }
            well()
        });
        let engine = lab.builder(&store).default_timeout(SHORT).build().unwrap();
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["1"]);
        assert_eq!(kinds(&place, "run").await, [EffectKind::Done]);
    }
}

#[tokio::test]
async fn who_lost_the_lease_makes_no_call() {
    for place in stores() {
        let lab = paying();
        let inner = Arc::clone(&place.store);
        let store = place.hooked(move |moment, call| {
            if (moment, call) != (Moment::Before, "journal") {
                return well();
            }
            let inner = Arc::clone(&inner);
            Box::pin(async move {
                let head = inner.head("run").await?.expect("it is under way");
                let owner = head.lease.expect("it is held").owner;
                let lease = inner.acquire("run", Claim::new(&owner, SHORT)).await?;
                inner.release("run", lease.epoch).await
            })
        });
        let engine = lab.builder(&store).build().unwrap();
        let error = engine.run("run", one()).await.unwrap_err();
        assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
        assert_eq!(lab.outside.calls(), 0);
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["1"]);
    }
}

#[tokio::test]
async fn a_question_is_answered_once_and_in_its_shape() {
    for place in stores() {
        let lab = paying();
        lab.outside.set_broken(true);
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let asked = asked(&engine, &place, &run).await;

        let error = engine.answer("run", "nobody", happened(7)).await;
        assert!(
            matches!(error, Err(Error::QuestionNotFound { .. })),
            "{error:?}"
        );
        let error = engine.answer("no run", &asked.id, happened(7)).await;
        assert!(matches!(error, Err(Error::RunNotFound { .. })), "{error:?}");
        for wrong in ["7", "yes"] {
            let error = engine.answer("run", &asked.id, wrong).await;
            assert!(
                matches!(error, Err(Error::AnswerRefused { .. })),
                "{error:?}"
            );
        }
        let error = engine.answer("run", &asked.id, 7).await;
        assert!(
            matches!(error, Err(Error::AnswerRefused { .. })),
            "{error:?}"
        );
        let error = engine.answer("run", &asked.id, Outcome::Happened(f64::NAN));
        let error = error.await;
        assert!(
            matches!(error, Err(Error::NotRoundTrip { .. })),
            "{error:?}"
        );
        assert_eq!(question(&engine.resume("run").await.unwrap()), &asked);

        engine.answer("run", &asked.id, happened(7)).await.unwrap();
        // The same call again changes nothing.
        engine.answer("run", &asked.id, happened(7)).await.unwrap();
        for again in [happened(8), DID_NOT_HAPPEN] {
            let error = engine.answer("run", &asked.id, again).await;
            assert!(
                matches!(error, Err(Error::AlreadyAnswered { .. })),
                "{error:?}"
            );
        }
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["7"]);
        let error = engine
            .answer("run", &asked.id, happened(8))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::AlreadyAnswered { .. }), "{error}");
        // Right of a run that has ended, too.
        let what_to_do = "`resume` goes on from it, or returns the run if it has ended";
        assert!(error.to_string().ends_with(what_to_do), "{error}");
        assert_eq!(lab.outside.calls(), 1);
    }
}

#[tokio::test]
async fn several_questions_are_answered_in_any_order_and_in_part() {
    let dice = Dice::from_env();
    for place in stores() {
        for round in 0..10 {
            let lab = paying();
            lab.outside.set_broken(true);
            let id = format!("run {round}");
            let engine = lab.builder(&place.store).max_concurrency(1 + round % 4);
            let engine = engine.build().unwrap();
            let mut run = engine.run(&id, Findings::of(1, 4)).await.unwrap();
            let mut open = run.interrupts().to_vec();
            assert_eq!(open.len(), 4);
            let listed = engine.get(&id).await.unwrap();
            assert_eq!(listed.interrupts(), open, "in one order everywhere");
            dice.shuffle(&mut open);
            while let Some(asked) = open.pop() {
                assert_eq!(run.status(), Status::Interrupted);
                let text: serde_json::Value = serde_json::from_str(asked.question.get()).unwrap();
                let item = text["request"].as_str().unwrap().to_owned();
                let item: (String, u64) = serde_json::from_str(&item).unwrap();
                let by = if dice.below(2) == 0 {
                    engine.clone()
                } else {
                    lab.engine(&place)
                };
                by.answer(&id, &asked.id, happened(10 + item.1))
                    .await
                    .unwrap();
                // Now and then two answers before a resume.
                if open.is_empty() || dice.below(2) == 0 {
                    run = by.resume(&id).await.unwrap();
                    let left: Vec<_> = run.interrupts().iter().map(|asked| &asked.id).collect();
                    assert_eq!(left.len(), open.len());
                    assert!(open.iter().all(|asked| left.contains(&&asked.id)));
                }
                assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0]);
            }
            assert_eq!(seen(&run), ["10", "11", "12", "13"]);
            assert_eq!(lab.outside.calls(), 4);
        }
    }
}

/// Only the first task pays.
fn one_of_many() -> Lab {
    Lab::new(|cx, outside, item| {
        Box::pin(async move {
            if item > 0 {
                outside.journal.note(format_args!("worked {item}"));
                if item == 2 && outside.is_broken() {
                    return Err(NodeError::permanent("item 2 fails"));
                }
                return Ok(item.to_string());
            }
            pay(cx, outside, item, |_| async {
                Err(NodeError::transient("the line went dead"))
            })
            .await
        })
    })
}

#[tokio::test]
async fn the_others_run_to_their_end_and_not_again() {
    for place in stores() {
        let lab = one_of_many();
        let engine = lab.engine(&place);
        let run = engine.run("run", Findings::of(1, 4)).await.unwrap();
        let asked = asked(&engine, &place, &run).await;
        let mut lines = lab.outside.journal.take();
        lines.sort();
        assert_eq!(lines, ["called 0", "worked 1", "worked 2", "worked 3"]);
        engine.answer("run", &asked.id, happened(7)).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["7", "1", "2", "3"]);
        assert_eq!(lab.outside.journal.lines(), ["saw 7"]);
    }
}

#[tokio::test]
async fn a_failure_beside_an_open_question_is_the_error_and_the_question_stays() {
    for place in stores() {
        for answered_first in [true, false] {
            let lab = one_of_many();
            lab.outside.set_broken(true);
            let engine = lab.engine(&place);
            let id = format!("run {answered_first}");
            let error = engine.run(&id, Findings::of(1, 4)).await.unwrap_err();
            assert!(error.to_string().contains("item 2 fails"), "{error}");
            let run = engine.get(&id).await.unwrap();
            assert_eq!(run.status(), Status::Failed);
            let [asked] = run.interrupts() else {
                panic!("{:?}", run.interrupts())
            };
            assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0]);
            let mut lines = lab.outside.journal.take();
            lines.sort();
            assert_eq!(lines, ["called 0", "worked 1", "worked 2", "worked 3"]);

            let answer = || engine.answer(&id, &asked.id, happened(7));
            if answered_first {
                answer().await.unwrap();
                engine.resume(&id).await.unwrap_err();
                lab.outside.set_broken(false);
            } else {
                lab.outside.set_broken(false);
                let run = engine.resume(&id).await.unwrap();
                assert_eq!(question(&run), asked);
                answer().await.unwrap();
            }
            let run = engine.resume(&id).await.unwrap();
            assert_eq!(seen(&run), ["7", "1", "2", "3"]);
            let lines = lab.outside.journal.lines();
            assert!(!lines.contains(&"called 0".to_owned()), "{lines:?}");
        }
    }
}

/// Another engine answers while this one drives the open step, which has seen
/// the question open.
#[tokio::test]
async fn an_answer_is_not_undone_by_who_had_not_seen_it() {
    for place in stores() {
        let lab = one_of_many();
        let engine = lab.engine(&place);
        let run = engine.run("run", Findings::of(1, 3)).await.unwrap();
        let asked = asked(&engine, &place, &run).await;
        let clerk = lab.engine(&place);
        let id = asked.id.clone();
        let store = place.hooked(move |moment, call| {
            if (moment, call) != (Moment::After, "load") {
                return well();
            }
            let (clerk, id) = (clerk.clone(), id.clone());
            Box::pin(async move {
                let _ = clerk.answer("run", &id, happened(7)).await;
                Ok(())
            })
        });
        let late = lab.builder(&store).build().unwrap();
        let run = late.resume("run").await.unwrap();
        assert_eq!(
            run.status(),
            Status::Interrupted,
            "it had not seen the answer"
        );
        assert_eq!(place.store.all_stuck().await.unwrap(), [""; 0]);
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["7", "1", "2"]);
        assert_eq!(lab.outside.calls(), 1);
    }
}

/// A node that stops waiting and succeeds accepts the doubt:
/// nothing is asked, and the record says that nobody knows.
#[tokio::test]
async fn a_node_that_goes_on_without_the_outcome_is_not_asked_for() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let (called, is_called) = oneshot::channel();
                let paid = pay(cx, outside, item, |_| {
                    called.send(()).unwrap();
                    pending()
                });
                tokio::select! {
                    biased;
                    paid = paid => paid,
                    _ = is_called => Ok("who knows".into()),
                }
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        assert_eq!(seen(&run), ["who knows"]);
        assert_eq!(kinds(&place, "run").await, [EffectKind::Intent]);
        assert_eq!(place.store.questions("run").await.unwrap(), []);
    }
}

/// A task that had an open question and finished is not asked about when a sibling
/// keeps the step open.
#[tokio::test]
async fn a_finished_task_asks_nothing() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let (called, is_called) = oneshot::channel();
                let paid = pay(cx, outside, item, |_| async {
                    called.send(()).unwrap();
                    Err(NodeError::transient("the line went dead"))
                });
                if item == 1 {
                    return paid.await;
                }
                tokio::select! {
                    biased;
                    paid = paid => paid,
                    _ = is_called => Ok("went on".into()),
                }
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", Findings::of(1, 2)).await.unwrap();
        let asked = question(&run).clone();
        engine.answer("run", &asked.id, happened(7)).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["went on", "7"]);
    }
}

/// A node that waits for an answer is dropped when its other effects have
/// finished, so that none of them is made in vain.
#[tokio::test]
async fn effects_in_flight_beside_a_question_are_finished_first() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let (called, is_called) = oneshot::channel();
                let paid = pay(cx, outside, item, |_| async {
                    called.send(()).unwrap();
                    Err(NodeError::transient("the line went dead"))
                });
                let other = cx.effect("other", &()).run(|| async {
                    is_called.await?;
                    for _ in 0..10 {
                        tokio::task::yield_now().await;
                    }
                    outside.call("other").await
                });
                let (paid, other) = tokio::join!(paid, other);
                Ok(format!("{} {}", paid?, other?))
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let asked = asked(&engine, &place, &run).await;
        let kinds = kinds(&place, "run").await;
        assert_eq!(kinds, [EffectKind::Done, EffectKind::Intent], "by name");
        engine.answer("run", &asked.id, happened(7)).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["7 2"]);
        assert_eq!(lab.outside.calls(), 2);
    }
}

/// A database may say of a payment both that it happened and that nobody knows.
#[tokio::test]
async fn an_answer_does_not_contradict_the_record() {
    for place in stores() {
        let lab = paying();
        lab.outside.set_broken(true);
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let asked = asked(&engine, &place, &run).await;
        let lease = place
            .store
            .acquire("run", Claim::new("somebody", SHORT))
            .await
            .unwrap();
        let mut effects = place.store.all_effects("run", 0, 100).await.unwrap();
        effects[0].kind = EffectKind::Done;
        effects[0].response = Some("7".into());
        let recording = superstep::store::Recording::new("run", lease.epoch, effects);
        place.store.journal(recording).await.unwrap();
        place.store.release("run", lease.epoch).await.unwrap();
        for answer in [DID_NOT_HAPPEN, happened(8)] {
            let refused = engine.answer("run", &asked.id, answer).await.unwrap_err();
            assert!(matches!(refused, Error::AnswerRefused { .. }), "{refused}");
            assert!(refused.to_string().contains("resume the run"), "{refused}");
        }
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["7"]);
        assert_eq!(lab.outside.calls(), 1);
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    #[reduce(append)]
    log: Vec<String>,
}

#[node(retry(attempts = 2, base = "0ms"))]
async fn buy(_: &Order, journal: &Journal, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let paid = cx.effect("pay", &12).at_most_once().run(|| async {
        journal.note("called");
        Err::<u64, _>(NodeError::permanent("the line went dead"))
    });
    Ok(Order::update().log([format!("paid {}", paid.await?)]))
}

#[node]
fn apologize(_: &Order, failure: Failure) -> OrderUpdate {
    Order::update().log([failure.message])
}

#[graph(state = Order, start -> buy -> end, buy on error -> apologize, apologize -> end)]
struct Shop {
    journal: Journal,
}

#[tokio::test]
async fn an_error_row_does_not_take_over_a_payment_that_nobody_knows_of() {
    for place in stores() {
        let journal = Journal::new();
        let shop = Shop {
            journal: journal.clone(),
        };
        let engine = Engine::builder(shop).store(Arc::clone(&place.store));
        let engine = engine.build().unwrap();
        let run = engine.run("run", Order::default()).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        assert!(run.state().log.is_empty());
        let asked = run.interrupts()[0].id.clone();
        engine.answer("run", &asked, happened(7)).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.state().log, ["paid 7"]);
        assert_eq!(journal.lines(), ["called"]);
    }
}

#[cfg(feature = "sqlite")]
mod processes {
    use super::*;
    use superstep_tests::{child, child_folder, sqlite_at};

    fn engine(folder: &std::path::Path) -> (Lab, Engine<Lab>) {
        let lab = paying();
        lab.outside.set_broken(true);
        let store = sqlite_at(&folder.join("runs.db"));
        let engine = lab.builder(&store).build().unwrap();
        (lab, engine)
    }

    #[tokio::test]
    async fn a_clerk() {
        let Some(folder) = child_folder() else { return };
        let (_, engine) = engine(&folder);
        let run = engine.get("run").await.unwrap();
        let asked = question(&run);
        engine.answer("run", &asked.id, happened(7)).await.unwrap();
    }

    #[tokio::test]
    async fn another_process_may_answer() {
        let folder = tempfile::tempdir().unwrap();
        let (lab, engine) = engine(folder.path());
        let run = engine.run("run", one()).await.unwrap();
        let asked = question(&run).clone();
        let clerk = child("processes::a_clerk", folder.path()).status().unwrap();
        assert!(clerk.success());
        let error = engine.answer("run", &asked.id, happened(8)).await;
        assert!(
            matches!(error, Err(Error::AlreadyAnswered { .. })),
            "{error:?}"
        );
        let run = engine.resume("run").await.unwrap();
        assert_eq!(
            (seen(&run), lab.outside.calls()),
            (&["7".to_owned()][..], 1)
        );
    }
}

/// The program may have changed since: whatever the node does today, nothing
/// continues before the outcome is known.
#[tokio::test]
async fn a_node_that_no_longer_makes_the_call_does_not_run_before_it_is_answered() {
    for place in stores() {
        let then = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let pay = cx.effect("pay", &10).at_most_once();
                pay.run(async || Err::<String, _>(NodeError::transient("unclear")))
                    .await
            })
        });
        let run = then.builder(&place.store).build().unwrap();
        let run = run.run("run", one()).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);

        let now = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let pay = cx.effect("pay again", &10).at_most_once();
                let n: u64 = pay.run(|| outside.call("pay again")).await?;
                Ok(format!("pay again {n}"))
            })
        });
        let engine = now.builder(&place.store).build().unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        let question = &run.interrupts()[0].id;
        engine
            .answer("run", question, Outcome::<()>::DidNotHappen)
            .await
            .unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        assert!(seen(&run)[0].starts_with("pay again"), "{:?}", seen(&run));
    }
}

/// A further turn has to wait for the answer, and then for the resume.
#[tokio::test]
async fn a_turn_says_what_the_run_waits_for() {
    for place in stores() {
        let lab = paying();
        lab.outside.set_broken(true);
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let refused = async || {
            let turn = engine.turn("run", Findings::update().note("next"));
            let error = turn.await.unwrap_err();
            let Error::RunNotFinished { status, asks, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(status, Status::Interrupted);
            (asks, error.to_string())
        };
        let (asks, text) = refused().await;
        assert!(
            asks && text.contains("answer what `run.interrupts()`"),
            "{text}"
        );
        let id = &question(&run).id;
        engine.answer("run", id, happened(7)).await.unwrap();
        let (asks, text) = refused().await;
        assert!(!asks && text.contains("resume it first"), "{text}");
        assert!(!text.contains("answer"), "{text}");
        assert_eq!(seen(&engine.resume("run").await.unwrap()), ["7"]);
    }
}

/// Status and questions are of one moment, whatever the run does while it is read.
#[tokio::test]
async fn who_looks_at_a_run_that_asks_sees_the_question() {
    for (call, remembers) in [
        ("head", false),
        ("load", false),
        ("head", true),
        ("questions", true),
    ] {
        for moment in [Moment::Before, Moment::After] {
            for place in stores() {
                let lab = paying();
                lab.outside.set_broken(true);
                let engine = lab.engine(&place);
                engine.run("origin", Findings::default()).await.unwrap();
                engine
                    .fork("origin", 0, "run", |state| *state = one())
                    .await
                    .unwrap();
                let moves = Arc::new(AtomicBool::new(false));
                let store = place.hooked({
                    let (moves, engine) = (Arc::clone(&moves), engine.clone());
                    move |at, name| {
                        let is_it = (at, name) == (moment, call);
                        if !is_it || !moves.swap(false, Ordering::SeqCst) {
                            return well();
                        }
                        let engine = engine.clone();
                        Box::pin(async move {
                            for asked in engine.get("run").await.unwrap().interrupts() {
                                let paid = Outcome::Happened(7_u64);
                                engine.answer("run", &asked.id, paid).await.unwrap();
                            }
                            engine.resume("run").await.unwrap();
                            Ok(())
                        })
                    }
                });
                // It asks, and ends when it is answered.
                for status in [Status::Running, Status::Interrupted] {
                    let other = lab.builder(&store).build().unwrap();
                    if remembers {
                        assert_eq!(other.get("run").await.unwrap().status(), status);
                    }
                    moves.store(true, Ordering::SeqCst);
                    let run = other.get("run").await.unwrap();
                    let case = format!("{call} {moment:?} {remembers} {place:?}: {run:?}");
                    match run.status() {
                        // Its question may be answered by now.
                        Status::Interrupted if status == Status::Interrupted => {}
                        Status::Interrupted => assert_eq!(run.interrupts().len(), 1, "{case}"),
                        _ => assert_eq!(run.interrupts(), [], "{case}"),
                    }
                    if moves.swap(false, Ordering::SeqCst) {
                        break; // that is not called
                    }
                }
            }
        }
    }
}
