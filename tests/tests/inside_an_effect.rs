//! The closure of an effect is not called once its effect is recorded, and what
//! it asks of the context makes no difference to the rest of the node.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use rand_core::Rng as _;
use superstep::prelude::*;
use superstep::store::EffectKind;
use superstep_tests::lab::{Lab, one, seen};
use superstep_tests::{kind, kinds, stores};

/// Draws and reads the clock inside two effects and between them, and tells
/// what it drew between them; fails at first if something is broken.
fn drawing() -> Lab {
    Lab::new(|cx, outside, _| {
        Box::pin(async move {
            let draw = || format!("{} {}", cx.rng().next_u64(), cx.uuid());
            let inside = |name: &'static str| {
                cx.effect(name, &()).run(move || async move {
                    outside.call(name).await?;
                    let drawn = (draw(), draw());
                    tokio::task::yield_now().await;
                    Ok::<_, NodeError>(format!("{drawn:?} {} {:?}", draw(), cx.now()))
                })
            };
            let before = draw();
            let (first, second) = tokio::join!(inside("first"), inside("second"));
            let (first, second) = (first?, second?);
            assert_ne!(first, second);
            let after = draw();
            let now = cx.now();
            let third = inside("third").await?;
            if outside.is_broken() && cx.attempt() == 1 {
                return Err(NodeError::transient("something is broken"));
            }
            let mut drawn = vec![before, after, first, second, third];
            drawn.sort();
            drawn.dedup();
            assert_eq!(drawn.len(), 5, "every stream is another");
            Ok(format!("{drawn:?} {now:?}"))
        })
    })
}

#[tokio::test]
async fn what_a_closure_draws_and_reads_is_its_own() {
    for place in stores() {
        let lab = drawing();
        let engine = lab.engine(&place);
        for broken in [false, true] {
            lab.outside.set_broken(broken);
            let id = format!("broken: {broken}");
            let run = engine.run(&id, one()).await.unwrap();
            let replayed = engine.replay(&id).await.unwrap();
            assert_eq!(seen(&replayed), seen(&run));
            let clocks = kinds(&place, &id).await.into_iter();
            let clocks = clocks.filter(|(_, _, kind)| *kind == EffectKind::Clock);
            assert_eq!(clocks.count(), 1, "the one outside");
        }
        assert_eq!(lab.outside.calls(), 6);
    }
}

/// The same numbers whether a closure was called in this attempt or not.
#[tokio::test]
async fn streams_do_not_depend_on_whether_a_closure_was_called() {
    let lab = Lab::new(|cx, outside, _| {
        Box::pin(async move {
            let drawn = cx.effect("draw", &()).run(|| async {
                outside.call("draw").await?;
                Ok::<_, NodeError>(cx.rng().next_u64().to_string())
            });
            drawn.await?;
            let after = format!("{} {}", cx.rng().next_u64(), cx.uuid());
            outside.journal.note(&after);
            if cx.attempt() == 1 {
                return Err(NodeError::transient("not yet"));
            }
            Ok(after)
        })
    });
    for place in stores() {
        lab.engine(&place).run("run", one()).await.unwrap();
        let [_, first, second] = &lab.outside.journal.take()[..] else {
            panic!("one call, two attempts")
        };
        assert_eq!(first, second);
    }
}

#[tokio::test]
async fn an_effect_inside_another_is_refused() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, _| {
            Box::pin(async move {
                let outer = cx.effect("outer", &()).run(|| async {
                    let inner = cx.effect("inner", &()).run(|| outside.call("inner"));
                    inner.await
                });
                let refused = outer.await.unwrap_err();
                assert!(refused.is_permanent());
                // One after the other is fine.
                let inner = cx.effect("inner", &()).run(|| outside.call("inner"));
                Ok(format!("{}, {refused}", inner.await?))
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let [told] = seen(&run) else {
            panic!("one task")
        };
        assert!(
            told.starts_with("1, effect `inner` is made inside"),
            "{told}"
        );
        let expected = [
            kind("inner", 0, EffectKind::Done),
            kind("outer", 0, EffectKind::Failed),
        ];
        assert_eq!(kinds(&place, "run").await, expected);
        engine.replay("run").await.unwrap();
    }
}

/// As it would be with a store.
#[tokio::test]
async fn an_effect_inside_another_is_refused_without_a_store() {
    let cx = Cx::test();
    let outer = cx.effect("outer", &()).at_most_once().run(|| async {
        let inner = cx.effect("inner", &()).run(|| async { superstep::ok(1) });
        inner.await
    });
    let refused = outer.await.unwrap_err();
    assert!(refused.to_string().contains("effect `inner`"), "{refused}");
}

/// It is called in one replay and not in the other, so it may not run inside.
#[tokio::test]
async fn an_effect_that_was_made_outside_is_refused_inside_too() {
    for place in stores() {
        for polled_before in [false, true] {
            let lab = Lab::new(move |cx, outside, _| {
                Box::pin(async move {
                    let mut inner = Box::pin(cx.effect("inner", &()).run(|| async {
                        tokio::task::yield_now().await;
                        outside.call("inner").await
                    }));
                    if polled_before {
                        poll_fn(|task| {
                            assert!(inner.as_mut().poll(task).is_pending() || outside.is_broken());
                            Poll::Ready(())
                        })
                        .await;
                    }
                    let outer = cx.effect("outer", &()).run(|| inner);
                    let refused = outer.await.unwrap_err();
                    Ok(refused.to_string())
                })
            });
            let engine = lab.engine(&place);
            let id = format!("polled before: {polled_before}");
            let run = engine.run(&id, one()).await.unwrap();
            let [told] = seen(&run) else {
                panic!("one task")
            };
            assert!(told.starts_with("effect `inner` is made inside"), "{told}");
            assert_eq!(lab.outside.calls(), 0);
            let expected = [kind("outer", 0, EffectKind::Failed)];
            assert_eq!(kinds(&place, &id).await, expected);
            engine.replay(&id).await.unwrap();
        }
    }
}

/// Waits for `call`, and ignores it if it panics.
async fn whatever_comes<T>(call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    poll_fn(|task| {
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(task)));
        match polled {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// A replay calls no closure, so it would not see the panic.
#[tokio::test]
async fn a_panic_in_a_closure_is_the_nodes_even_if_it_is_caught() {
    for place in stores() {
        for way in ["at once", "later", "then an error"] {
            let lab = Lab::new(move |cx, _, _| {
                Box::pin(async move {
                    let made = cx.effect("make", &()).run(|| {
                        assert_ne!(way, "at once", "a bug");
                        async {
                            tokio::task::yield_now().await;
                            panic!("a bug");
                            #[expect(unreachable_code, reason = "the type of the response")]
                            superstep::ok(1)
                        }
                    });
                    let made = whatever_comes(made).await;
                    match way {
                        "then an error" => Err(NodeError::transient("it came to nothing")),
                        _ => Ok(format!("{}", made.is_some())),
                    }
                })
            });
            let kept = lab.engine(&place);
            let unkept = Engine::builder(lab.clone()).no_store().build().unwrap();
            for engine in [kept, unkept] {
                let error = engine.run(way, one()).await.unwrap_err();
                let Error::NodePanicked { message, .. } = &error else {
                    panic!("{error}")
                };
                assert!(message.contains("a bug"), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_caught_panic_in_a_payment_makes_the_run_ask() {
    for place in stores() {
        let lab = Lab::new(|cx, _, _| {
            Box::pin(async move {
                let paid = cx.effect("pay", &()).at_most_once().run(|| async {
                    panic!("a bug");
                    #[expect(unreachable_code, reason = "the type of the response")]
                    superstep::ok(7)
                });
                Ok(format!("{}", whatever_comes(paid).await.is_some()))
            })
        });
        let engine = lab.engine(&place);
        let run = engine.run("run", one()).await.unwrap();
        let [asked] = run.interrupts() else {
            panic!("{:?}", run.status())
        };
        let said = asked.question.get();
        assert!(said.contains("a bug"), "{said}");
        let answer = Outcome::Happened(7);
        engine.answer("run", &asked.id, answer).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(seen(&run), ["true"]);
        engine.replay("run").await.unwrap();
    }
}
