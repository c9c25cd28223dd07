//! Wherever the process of a run dies, and whichever answer of its store is lost, the run is
//! resumed and gives the same result: `crash_everywhere` over the graphs of these tests.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;
use superstep::testing::{CrashDifference, CrashReport, Deviation, crash_everywhere};
use superstep_tests::Journal;
use superstep_tests::lab::{Findings, Lab, Outside, fetching};
use superstep_tests::survey::{Survey, Surveyor};

async fn in_lab(lab: &Lab, rounds: u32, tasks: u32) -> CrashReport {
    let engine = |store| lab.builder(&store).build().unwrap();
    let report = crash_everywhere(engine, || Findings::of(rounds, tasks)).await;
    report.unwrap()
}

/// Every point that there is was tried.
fn complete(report: &CrashReport) {
    let CrashReport {
        before_calls,
        after_calls,
        lost_answers,
        ..
    } = *report;
    assert_eq!([after_calls, lost_answers], [before_calls; 2], "{report}");
    assert!(before_calls as u64 > report.steps, "{report}");
    assert!(report.after_polls > 0, "{report}");
    assert_eq!(report.skipped, [], "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_graph_with_one_of_everything() {
    let surveyor = Surveyor::new();
    let engine = |store: Arc<dyn Store>| {
        let engine = Engine::builder(surveyor.clone()).store(store);
        engine.build().unwrap()
    };
    let report = crash_everywhere(engine, || Survey::of(2, 3)).await.unwrap();
    assert!(report.steps > 8, "{report}");
    assert!(report.tried() > 80, "{report}");
    // A survey's tasks dawdle for a different time each time.
    assert!(report.skipped.len() < report.tried() / 2, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_with_one_of_everything_on_several_threads() {
    let surveyor = Surveyor::new();
    let engine = |store: Arc<dyn Store>| {
        let engine = Engine::builder(surveyor.clone()).store(store);
        engine.build().unwrap()
    };
    crash_everywhere(engine, || Survey::of(1, 2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn effects_are_called_in_the_first_run_only() {
    let lab = fetching();
    let report = in_lab(&lab, 2, 2).await;
    complete(&report);
    assert_eq!(lab.outside.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn effects_of_a_fan_out_one_at_a_time() {
    let lab = fetching();
    let engine = |store| lab.builder(&store).max_concurrency(1).build().unwrap();
    let report = crash_everywhere(engine, || Findings::of(2, 3)).await;
    complete(&report.unwrap());
}

#[tokio::test(start_paused = true)]
async fn failed_attempts_fail_again() {
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let fetch = cx.effect("fetch", &item).run(|| async {
                match outside.call(item).await? {
                    1..=2 => Err(NodeError::transient("nobody there")),
                    page => Ok(page),
                }
            });
            let page = fetch.await?;
            let now = cx.now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
            Ok(format!("{page} at {now}"))
        })
    });
    let report = in_lab(&lab, 1, 2).await;
    complete(&report);
    assert_eq!((report.steps, lab.outside.calls()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn nodes_that_sleep_take_no_time() {
    let lab = Lab::new(|cx, _, item| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok(format!("{item} in step {}", cx.step()))
        })
    });
    let began = std::time::Instant::now();
    complete(&in_lab(&lab, 5, 2).await);
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// Pays once; `how` says what becomes of it.
async fn pay(
    cx: &Cx,
    outside: &Outside,
    item: u32,
    how: impl FnOnce(u64) -> Result<u64, NodeError>,
) -> Result<String, NodeError> {
    let pay = cx.effect("pay", &item).at_most_once();
    let receipt = pay.run(|| async { how(outside.call(item).await?) });
    Ok(receipt.await?.to_string())
}

#[tokio::test(start_paused = true)]
async fn what_is_made_at_most_once_is_made_once() {
    let lab = Lab::new(|cx, outside, item| Box::pin(pay(cx, outside, item, Ok)));
    complete(&in_lab(&lab, 2, 2).await);
    assert_eq!(lab.outside.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_may_be_sent_again() {
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(pay(cx, outside, item, |call| match call {
            1 => Err(NodeError::not_sent("no line")),
            call => Ok(call),
        }))
    });
    complete(&in_lab(&lab, 1, 1).await);
    assert_eq!(lab.outside.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_waits_again() {
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(pay(cx, outside, item, move |call| match item {
            1 => Err(NodeError::permanent("the line went dead")),
            _ => Ok(call),
        }))
    });
    let report = in_lab(&lab, 1, 2).await;
    complete(&report);
    assert_eq!(report.steps, 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_fails_again_and_its_siblings_do_not_run_again() {
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(async move {
            if item == 1 {
                return Err(NodeError::permanent("out of paper"));
            }
            superstep_tests::lab::fetch(cx, outside, item).await
        })
    });
    let report = in_lab(&lab, 1, 3).await;
    complete(&report);
    assert_eq!(report.steps, 1);
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Till {
    #[reduce(append)]
    receipts: Vec<usize>,
}

#[derive(Route)]
enum Next {
    Customer,
    Closed,
}

/// A till of five customers.
#[node]
async fn serve(till: &Till, paid: &Journal, cx: &Cx) -> Result<(TillUpdate, Next), NodeError> {
    let number = till.receipts.len();
    let pay = cx.effect("pay", &number).at_most_once();
    let receipt = pay.run(|| async {
        tokio::task::yield_now().await;
        paid.note(number);
        ok(number)
    });
    let next = match number {
        0..4 => Next::Customer,
        _ => Next::Closed,
    };
    Ok((Till::update().receipts([receipt.await?]), next))
}

#[graph(
    state = Till,
    start -> serve,
    serve -> match { Next::Customer => serve, Next::Closed => end },
)]
struct Tills {
    paid: Journal,
}

#[tokio::test(start_paused = true)]
async fn a_till_in_a_loop() {
    let paid = Journal::new();
    let engine = |store| {
        let paid = paid.clone();
        let engine = Engine::builder(Tills { paid }).store(store);
        engine.build().unwrap()
    };
    let report = crash_everywhere(engine, Till::default).await.unwrap();
    complete(&report);
    assert_eq!(report.steps, 5);
    assert_eq!(paid.lines(), ["0", "1", "2", "3", "4"]);
    let said = report.to_string();
    assert!(
        said.starts_with("completed after 5 steps: the same after a crash before "),
        "{said}"
    );
    assert!(said.ends_with(" polls"), "{said}");
}

#[node(blocking)]
fn weigh(_: &Till, paid: &Journal, cx: &Cx) -> Result<TillUpdate, NodeError> {
    let now = cx.now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let weigh = cx.effect("weigh", &now).at_most_once().run(|| async {
        paid.note(cx.node());
        ok(1)
    });
    let grams = tokio::runtime::Handle::current().block_on(weigh)?;
    Ok(Till::update().receipts([grams]))
}

#[graph(state = Till, start -> weigh -> again -> end, again = weigh)]
struct Scales {
    paid: Journal,
}

#[tokio::test]
async fn nodes_that_block() {
    nodes_that_block_come_to_the_same().await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_block_under_a_paused_clock() {
    nodes_that_block_come_to_the_same().await;
}

async fn nodes_that_block_come_to_the_same() {
    let paid = Journal::new();
    let engine = |store| {
        let paid = paid.clone();
        let engine = Engine::builder(Scales { paid }).store(store);
        engine.build().unwrap()
    };
    let report = crash_everywhere(engine, Till::default).await.unwrap();
    assert_eq!(report.steps, 2, "{report}");
    assert_eq!(paid.lines(), ["weigh", "again"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_panics_again() {
    let lab = Lab::new(|cx, _, item| {
        Box::pin(async move {
            let jump = cx.effect("jump", &item).at_most_once();
            let jump = jump.run(|| async { (item == 0).then_some(ok(1)).expect("a panic") });
            Ok(jump.await?.to_string())
        })
    });
    let report = in_lab(&lab, 1, 2).await;
    complete(&report);
    assert_eq!(report.steps, 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_encoded_stops_the_run_again() {
    let lab = Lab::new(|cx, _, item| {
        Box::pin(async move {
            let measured = cx.effect("measure", &item).run(|| async { ok(f64::NAN) });
            Ok(measured.await?.to_string())
        })
    });
    let report = in_lab(&lab, 1, 1).await;
    complete(&report);
    assert_eq!(report.steps, 1);
}

#[tokio::test]
async fn it_can_be_spawned() {
    let spawned = tokio::spawn(async {
        let engine = |store| fetching().builder(&store).build().unwrap();
        crash_everywhere(engine, || Findings::of(1, 1)).await
    });
    complete(&spawned.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_a_race_loses_it_again() {
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let slow = cx.effect("slow", &item).at_most_once().run(|| async {
                tokio::time::sleep(Duration::from_secs(60)).await;
                outside.call("slow").await
            });
            let quick = cx.effect("quick", &item).run(|| outside.call("quick"));
            tokio::select! {
                biased;
                page = slow => Ok(format!("slow {}", page?)),
                page = quick => Ok(format!("quick {}", page?)),
            }
        })
    });
    complete(&in_lab(&lab, 1, 1).await);
}

/// Even while an answer of the store is lost, and asked for again.
#[tokio::test(start_paused = true)]
async fn a_close_race_is_decided_as_ever() {
    let lab = Lab::new(|cx, outside, item| {
        Box::pin(async move {
            let after = async |millis, name| {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                outside.call(name).await
            };
            let late = cx.effect("late", &item).run(|| after(3, "late"));
            let early = cx.effect("early", &item).run(|| after(2, "early"));
            tokio::select! {
                biased;
                page = late => Ok(format!("late {}", page?)),
                page = early => Ok(format!("early {}", page?)),
            }
        })
    });
    for _ in 0..5 {
        complete(&in_lab(&lab, 2, 1).await);
    }
}

#[tokio::test]
async fn an_engine_with_a_store_of_its_own_is_told() {
    let engine = |_| {
        fetching()
            .builder(&(Arc::new(MemoryStore::new()) as _))
            .build()
            .unwrap()
    };
    let refused = crash_everywhere(engine, || Findings::of(1, 1)).await;
    let refused: CrashDifference = refused.unwrap_err();
    assert_eq!(refused.deviation(), Deviation::OtherStore);
    let said = refused.to_string();
    assert!(said.ends_with("; build it with `.store(store)`"), "{said}");
}
