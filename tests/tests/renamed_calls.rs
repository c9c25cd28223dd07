//! A call that is made at most once is not made again because the program has another
//! name for it by now.

use superstep::prelude::*;
use superstep_tests::lab::{Findings, Lab, Outside, one, seen, take_over};
use superstep_tests::stores;

async fn charge(
    cx: &Cx,
    outside: &Outside,
    item: u32,
    name: &'static str,
) -> Result<String, NodeError> {
    let charge = cx.effect(name, &item).at_most_once();
    let receipt = charge.run(|| async {
        let receipt = outside.call(item).await?;
        outside.pass().await;
        Ok::<_, NodeError>(receipt)
    });
    let receipt = receipt.await?;
    // While the world is broken the task fails behind the charge.
    match outside.is_broken() {
        true => Err(NodeError::permanent("broken")),
        false => Ok(receipt.to_string()),
    }
}

/// A program that charges under that name.
fn charging_as(name: &'static str) -> Lab {
    Lab::new(move |cx, outside, item| Box::pin(charge(cx, outside, item, name)))
}

fn is_passed_over(run: Result<Run<Findings>, Error>) {
    let error = run.unwrap_err();
    let Error::EffectPassedOver {
        node: "work",
        effect,
        passed_over,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((&**effect, &**passed_over), ("charge card", "charge"));
}

#[tokio::test]
async fn a_call_that_somebody_answered_for_is_not_made_under_another_name() {
    for place in stores() {
        let (before, now) = (charging_as("charge"), charging_as("charge card"));
        before
            .outside
            .crash(before.engine(&place).run("run", one()))
            .await;
        let engine = before.engine(&place);
        let asked = take_over(&engine, "run").await.unwrap();
        let [question] = asked.interrupts() else {
            panic!("{:?}", asked.interrupts());
        };
        let answer = Outcome::Happened(7);
        engine.answer("run", &question.id, answer).await.unwrap();

        is_passed_over(now.engine(&place).resume("run").await);
        assert_eq!(now.outside.calls(), 0);
        // The program that made it goes on.
        let run = before.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["7"]);
    }
}

#[tokio::test]
async fn neither_is_one_that_was_made() {
    for place in stores() {
        let (before, now) = (charging_as("charge"), charging_as("charge card"));
        before.outside.set_broken(true);
        let failed = before.engine(&place).run("run", one()).await.unwrap_err();
        assert!(matches!(failed, Error::NodeFailed { .. }), "{failed}");

        is_passed_over(now.engine(&place).resume("run").await);
        assert_eq!(now.outside.calls(), 0);
        before.outside.set_broken(false);
        let run = before.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["1"]);
        assert_eq!(before.outside.calls(), 1);
    }
}

/// Its own record is found, whatever is called in front of it.
#[tokio::test]
async fn a_program_may_call_more_than_before() {
    for place in stores() {
        let before = charging_as("charge");
        before.outside.set_broken(true);
        let failed = before.engine(&place).run("run", one()).await.unwrap_err();
        assert!(matches!(failed, Error::NodeFailed { .. }), "{failed}");

        let now = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let rate = cx.effect("rate", &item).run(|| async { superstep::ok(()) });
                rate.await?;
                charge(cx, outside, item, "charge").await
            })
        });
        let run = now.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["1"]);
        assert_eq!(now.outside.calls(), 0);
    }
}

/// What a node does at the same time is asked for in whatever order: nothing is passed
/// over that another branch of it is about to ask for.
#[tokio::test]
async fn branches_of_a_node_do_not_stop_each_other() {
    for place in stores() {
        let lab = Lab::new(|cx, outside, item| {
            Box::pin(async move {
                let charged = async {
                    let model = cx.effect("model", &item);
                    model.run(|| async { superstep::ok(()) }).await?;
                    if outside.is_broken() {
                        return Err(NodeError::permanent("broken"));
                    }
                    charge(cx, outside, item, "charge").await
                };
                let fetched = async {
                    let fetch = cx.effect("fetch", &item);
                    fetch.run(|| async { superstep::ok(()) }).await
                };
                let (charged, fetched) = tokio::join!(charged, fetched);
                fetched?;
                charged
            })
        });
        lab.outside.set_broken(true);
        lab.engine(&place).run("run", one()).await.unwrap_err();
        lab.outside.set_broken(false);
        let run = lab.engine(&place).resume("run").await.unwrap();
        assert_eq!(seen(&run), ["1"]);
    }
}
