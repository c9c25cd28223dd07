//! The engine's own promises are checked: with each mistake one is found broken.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::process::Process;
use super::stage::{RUN, Stage};
use super::{CrashDifference, CrashPoint, CrashReport, Deviation, crash_everywhere};
use crate::cx::{Call, Line, Rehearsal as _, Request};
use crate::mistakes::{Mistake, make};
use crate::{Cx, Engine, Graph, NodeError, State, Store, graph, node, ok};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    #[reduce(append)]
    lines: Vec<u64>,
}

#[node]
async fn fetch(_: &Order, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let page = cx.effect("fetch", &1).run(|| async { ok(10) }).await?;
    Ok(Order::update().lines([page]))
}

#[node]
async fn pay(_: &Order, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let pay = cx.effect("pay", &2).at_most_once();
    Ok(Order::update().lines([pay.run(|| async { ok(20) }).await?]))
}

#[node]
fn refuse(_: &Order) -> Result<(), NodeError> {
    Err(NodeError::permanent("closed"))
}

#[node]
fn pass(_: &Order) {}

#[graph(state = Order, start -> [fetch, again] -> end, again = fetch)]
struct Fetching;

#[graph(state = Order, start -> pay -> end)]
struct Paying;

#[graph(state = Order, start -> [fetch, refuse] -> end)]
struct Refusing;

#[graph(
    state = Order,
    start -> [fetch, pass],
    pass -> detour,
    [fetch, detour] -> meet,
    meet -> end,
    detour = pass,
    meet = pass,
)]
struct Meeting;

#[graph(state = Order, start -> [fetch, defer last], fetch -> pass -> end, last -> end, last = fetch)]
struct Deferring;

fn crash<G: Graph<State = Order>>(
    graph: fn() -> G,
    mistake: Option<Mistake>,
) -> Result<CrashReport, CrashDifference> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let engine = |store: Arc<dyn Store>| {
        let engine = Engine::builder(graph()).store(store);
        engine.build().unwrap()
    };
    make(mistake);
    let crashed = runtime.block_on(crash_everywhere(engine, Order::default));
    make(None);
    crashed
}

/// The graph is right, and with `mistake` the given deviation is found; returns at which node.
fn is_found<G: Graph<State = Order>>(
    graph: fn() -> G,
    mistake: Mistake,
    deviation: Deviation,
    node: Option<&str>,
) {
    let report = crash(graph, None).unwrap();
    assert_eq!(report.skipped, [], "{report}");
    let found = crash(graph, Some(mistake)).unwrap_err();
    assert_eq!(found.deviation(), deviation, "{mistake:?}: {found}");
    assert_eq!(found.node(), node, "{mistake:?}: {found}");
}

#[test]
fn a_recorded_effect_that_is_called_again() {
    for mistake in [Mistake::EffectCalledAgain, Mistake::EffectsForgotten] {
        is_found(|| Fetching, mistake, Deviation::CalledAgain, Some("fetch"));
    }
}

#[test]
fn a_call_at_most_once_that_is_made_twice() {
    for mistake in [Mistake::UnknownCalledAgain, Mistake::IntentNotWritten] {
        is_found(|| Paying, mistake, Deviation::MadeTwice, Some("pay"));
    }
}

#[test]
fn an_answer_that_is_not_taken() {
    is_found(|| Paying, Mistake::AnswerForgotten, Deviation::NoEnd, None);
}

#[test]
fn a_task_with_a_kept_result_that_begins_again() {
    let mistake = Mistake::KeptResultsForgotten;
    is_found(|| Refusing, mistake, Deviation::StartedAgain, Some("fetch"));
}

#[test]
fn what_is_loaded_otherwise_than_it_was_stored() {
    is_found(
        || Meeting,
        Mistake::JoinArrivalLost,
        Deviation::OtherEnd,
        None,
    );
    let mistake = Mistake::DeferredTaskLost;
    is_found(|| Deferring, mistake, Deviation::OtherEnd, None);
}

#[tokio::test]
async fn a_task_of_a_committed_step_that_begins_again() {
    let stage = Stage::new(CrashPoint::SecondRun, &Arc::default());
    let process = Process::enter(&stage);
    let engine = Engine::builder(Fetching).store(stage.store().clone());
    engine
        .build()
        .unwrap()
        .run(RUN, Order::default())
        .await
        .unwrap();
    stage.look().await.unwrap();
    // Of step 1, which is committed.
    process.starts(&Cx::test());
    let found = stage.found().unwrap();
    assert_eq!(found.deviation(), Deviation::StartedAgain);
    assert_eq!((found.step(), found.node()), (Some(1), Some("test")));
    assert!(process.store.is_dead());
}

#[tokio::test]
async fn whoever_is_dead_and_buried_finds_nothing() {
    let stage = Stage::new(CrashPoint::SecondRun, &Arc::default());
    let process = Process::enter(&stage);
    process.bury().await.unwrap();
    let (cx, request) = (Cx::test(), Request::of("1".into()));
    let call = Call {
        task: cx.order_key(),
        class: crate::store::EffectClass::Effect,
        name: "fetch".into(),
        n: 0,
    };
    let line = process.calls(&cx, call, &request, true).await;
    assert!(matches!(line, Line::Never));
    assert!(stage.found().is_none());
}
