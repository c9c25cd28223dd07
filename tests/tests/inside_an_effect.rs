//! The closure of an effect is not called once its effect is recorded, and what
//! it asks of the context makes no difference to the rest of the node.

use rand_core::Rng as _;
use superstep::prelude::*;
use superstep::store::EffectKind;
use superstep_tests::lab::{Lab, one, seen};
use superstep_tests::{kind, kinds, stores};

/// Draws and reads the clock inside of two effects and between them, and tells
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
