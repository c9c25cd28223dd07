//! What each kind of row does when it runs.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Place, stores};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Trail {
    /// What the test asks for.
    plan: Vec<u32>,
    rounds: u32,
    /// `node@step`, or `node(input)@step`.
    #[reduce(append)]
    visits: Vec<String>,
}

fn planned(plan: &[u32]) -> Trail {
    Trail {
        plan: plan.to_vec(),
        ..Trail::default()
    }
}

fn visit(cx: &Cx) -> TrailUpdate {
    Trail::update().visits([format!("{}@{}", cx.node(), cx.step())])
}

fn visit_with(cx: &Cx, input: impl std::fmt::Display) -> TrailUpdate {
    Trail::update().visits([format!("{}({input})@{}", cx.node(), cx.step())])
}

/// Any node without an input or a route.
#[node]
fn stop(_: &Trail, cx: &Cx) -> TrailUpdate {
    visit(cx)
}

#[node]
fn take(_: &Trail, number: u32, cx: &Cx) -> TrailUpdate {
    visit_with(cx, number)
}

/// The graph's visits on every store, and without one; they are the same.
async fn visits<G: Graph<State = Trail>>(graph: impl Fn() -> G, input: Trail) -> String {
    let places = stores();
    let mut all = Vec::new();
    for place in places.iter().map(Some).chain([None]) {
        for concurrency in [1, 8] {
            let builder = Engine::builder(graph()).max_concurrency(concurrency);
            let builder = match place {
                Some(Place { store, .. }) => builder.store(store.clone()),
                None => builder.no_store(),
            };
            let engine = builder.build().expect("the settings make sense");
            let run = engine
                .run(format!("run-{concurrency}"), input.clone())
                .await;
            let run = run.expect("it finishes");
            assert_eq!(run.status(), Status::Completed);
            all.push(run.state().visits.join(" "));
        }
    }
    all.dedup();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

// Routes and loops

#[derive(Route)]
enum Next {
    Each(Vec<u32>),
    One { number: u32, deep: bool },
    Again,
    Nowhere,
}

#[node]
fn decide(state: &Trail, cx: &Cx) -> (TrailUpdate, Next) {
    let next = match state.plan.as_slice() {
        [0] => Next::Nowhere,
        [9] if state.rounds < 3 => Next::Again,
        [9] => Next::Nowhere,
        [number] => Next::One {
            number: *number,
            deep: *number > 10,
        },
        many => Next::Each(many.to_vec()),
    };
    (visit(cx).rounds(state.rounds + 1), next)
}

#[graph(
    state = Trail,
    none = stop, last = stop,
    start -> decide,
    decide -> match {
        Next::Each(numbers) => each take(numbers) else none,
        Next::One { number, deep: true } => [take(number), take(number + 1), last],
        Next::One { number, .. } if number == 7 => end,
        Next::One { number, deep: false } => take(number),
        Next::Again => decide,
        Next::Nowhere => end,
    },
    take -> last,
    none -> end,
    last -> end,
)]
struct Routes;

#[tokio::test]
async fn a_route_decides_where_to_go() {
    let routes = |plan: &'static [u32]| visits(|| Routes, planned(plan));
    assert_eq!(routes(&[0]).await, "decide@1");
    assert_eq!(routes(&[5]).await, "decide@1 take(5)@2 last@3");
    assert_eq!(routes(&[7]).await, "decide@1", "the guard");
    assert_eq!(
        routes(&[20]).await,
        "decide@1 take(20)@2 take(21)@2 last@2 last@3",
        "reached in two steps it runs in both, reached twice in one step it runs once"
    );
}

#[tokio::test]
async fn each_runs_one_task_per_item_and_else_runs_without_items() {
    let routes = |plan: &'static [u32]| visits(|| Routes, planned(plan));
    assert_eq!(
        routes(&[3, 1, 3]).await,
        "decide@1 take(3)@2 take(1)@2 take(3)@2 last@3",
        "tasks with an input never fold, not even equal ones; their target does"
    );
    assert_eq!(routes(&[]).await, "decide@1 none@2");
}

#[tokio::test]
async fn a_loop_runs_a_node_again() {
    assert_eq!(
        visits(|| Routes, planned(&[9])).await,
        "decide@1 decide@2 decide@3 decide@4"
    );
}

#[derive(Route)]
enum Many {
    Of(Vec<u32>),
}

#[node]
fn list(state: &Trail) -> Many {
    Many::Of(state.plan.clone())
}

#[graph(
    state = Trail,
    start -> list,
    list -> match { Many::Of(numbers) => each take(numbers) else end },
    take -> end,
)]
struct ElseEnd;

#[tokio::test]
async fn else_end_ends_the_branch_when_there_are_no_items() {
    assert_eq!(visits(|| ElseEnd, planned(&[4])).await, "take(4)@2");
    assert_eq!(visits(|| ElseEnd, planned(&[])).await, "");
}

// Fan-out and join

#[graph(
    state = Trail,
    a = stop, b = stop, c = stop, b2 = stop, b3 = stop, meet = stop, after = stop,
    start -> [c, a, b],
    b -> b2 -> b3,
    [a, b3, c] -> meet -> after -> end,
)]
struct Uneven;

#[tokio::test]
async fn a_join_waits_for_the_longest_branch() {
    assert_eq!(
        visits(|| Uneven, planned(&[])).await,
        "c@1 a@1 b@1 b2@2 b3@3 meet@4 after@5"
    );
}

#[graph(
    state = Trail,
    left = stop, right = stop, both = stop, own = stop,
    start -> [left, right] -> both -> end,
    left -> own -> end,
)]
struct OwnRow;

#[tokio::test]
async fn a_nodes_own_row_expands_before_the_joins_it_stands_in() {
    assert_eq!(
        visits(|| OwnRow, planned(&[])).await,
        "left@1 right@1 own@2 both@2"
    );
}

/// Goes round until the plan is used up.
#[node]
fn spin(state: &Trail, cx: &Cx) -> (TrailUpdate, bool) {
    let again = state.rounds < state.plan.len() as u32;
    (visit(cx).rounds(state.rounds + 1), again)
}

#[graph(
    state = Trail,
    slow = stop, slow2 = stop, slow3 = stop, slow4 = stop, meet = stop,
    start -> [spin, slow],
    spin -> match { true => spin, false => end },
    slow -> slow2 -> slow3 -> slow4,
    [spin, slow4] -> meet -> end,
)]
struct Absorbing;

#[tokio::test]
async fn arrivals_before_a_join_fires_are_absorbed_and_firing_clears() {
    // `spin` arrives in steps 1, 2 and 3; `slow4` in step 4; once together.
    assert_eq!(
        visits(|| Absorbing, planned(&[1, 2])).await,
        "spin@1 slow@1 spin@2 slow2@2 spin@3 slow3@3 slow4@4 meet@5"
    );
}

#[graph(
    state = Trail,
    side = stop, meet = stop,
    start -> [list, side],
    list -> match { Many::Of(numbers) => [each take(numbers.clone()) else end, each fussy(numbers) else end] },
    take -> end,
    fussy -> end,
    fussy on error -> end,
    [take, fussy, side] -> meet,
    meet -> end,
)]
struct ManyToOne;

/// Takes even numbers only.
#[node]
fn fussy(_: &Trail, number: u32, cx: &Cx) -> Result<TrailUpdate, NodeError> {
    if number % 2 == 1 {
        return Err(NodeError::permanent("odd"));
    }
    Ok(visit_with(cx, number))
}

#[tokio::test]
async fn all_tasks_of_one_source_are_one_arrival_if_one_succeeded() {
    assert_eq!(
        visits(|| ManyToOne, planned(&[1, 2, 3])).await,
        "side@1 take(1)@2 take(2)@2 take(3)@2 fussy(2)@2 meet@3"
    );
    // None of `fussy` succeeded, so it never arrived.
    let engine = Engine::builder(ManyToOne).build().unwrap();
    let error = engine.run("run", planned(&[1, 3])).await.unwrap_err();
    assert!(matches!(error, Error::NoProgress { .. }), "{error}");
}

// Folding

#[graph(
    state = Trail,
    a = stop, b = stop, c = stop, shared = stop, own = stop,
    start -> [a, b, c],
    a -> [own, shared],
    b -> [shared, take(1), take(1)],
    c -> [take(1), own],
    own -> end,
    take -> end,
    shared -> end,
)]
struct Folding;

#[tokio::test]
async fn a_node_reached_twice_runs_once_at_its_first_place() {
    assert_eq!(
        visits(|| Folding, planned(&[])).await,
        "a@1 b@1 c@1 own@2 shared@2 take(1)@2 take(1)@2 take(1)@2"
    );
}

// Defer

#[graph(
    state = Trail,
    first = stop, late = stop, later = stop, chain = stop, chain2 = stop, wrap = stop,
    start -> [first, chain],
    first -> [defer later, defer late],
    chain -> [defer late, chain2],
    chain2 -> [defer later, spin],
    spin -> match { true => spin, false => end },
    late -> wrap,
    later -> wrap -> end,
)]
struct Deferring;

#[tokio::test]
async fn deferred_nodes_run_when_nothing_else_is_left_in_order_of_first_arrival() {
    assert_eq!(
        visits(|| Deferring, planned(&[1])).await,
        "first@1 chain@1 chain2@2 spin@3 spin@4 later@5 late@5 wrap@6"
    );
}

#[graph(
    state = Trail,
    a = stop, b = stop, tail = stop, close = stop,
    start -> [a, b] -> [defer close, tail],
    tail -> end,
    close -> end,
)]
struct DeferredJoin;

#[tokio::test]
async fn a_join_can_lead_to_a_deferred_node() {
    assert_eq!(
        visits(|| DeferredJoin, planned(&[])).await,
        "a@1 b@1 tail@2 close@3"
    );
}

// Error rows

#[node]
fn fails(_: &Trail) -> Result<TrailUpdate, String> {
    Err("it broke".to_owned())
}

#[node]
fn panics(state: &Trail) -> TrailUpdate {
    let none: Option<u32> = state.plan.first().copied();
    Trail::update().rounds(none.expect("the plan has an entry"))
}

#[node(timeout = "5ms")]
async fn hangs(_: &Trail) -> TrailUpdate {
    std::future::pending().await
}

#[node]
fn heal(_: &Trail, failure: Failure, cx: &Cx) -> TrailUpdate {
    visit_with(cx, format_args!("{}: {}", failure.node, failure.message))
}

#[graph(
    state = Trail,
    well = stop, note = stop, plain = stop,
    start -> [fails, well, panics, hangs],
    fails -> end,
    panics -> end,
    hangs -> end,
    fails on error -> [heal, plain],
    panics on error -> heal,
    hangs on error -> end,
    heal -> note,
    plain -> note,
    well -> end,
    note -> end,
)]
struct Errors;

#[tokio::test]
async fn error_rows_take_errors_timeouts_and_panics_and_the_run_goes_on() {
    assert_eq!(
        visits(|| Errors, planned(&[])).await,
        "well@1 heal(fails: it broke)@2 plain@2 heal(panics: panicked: the plan has an entry)@2 note@3"
    );
}

// Names

mod deep {
    pub(super) mod down {
        use superstep::prelude::*;

        use crate::{Trail, TrailUpdate};

        #[node]
        pub(crate) fn stop(_: &Trail, cx: &Cx) -> TrailUpdate {
            crate::visit(cx)
        }
    }
}

#[node(name = "by its own name")]
fn named(_: &Trail, cx: &Cx) -> TrailUpdate {
    visit(cx)
}

#[graph(
    state = Trail,
    legal = deep::down::stop, finance = deep::down::stop,
    start -> [legal, finance],
    legal -> deep::down::stop,
    finance -> named -> end,
    deep::down::stop -> end,
)]
struct Named;

#[tokio::test]
async fn one_function_stands_in_a_graph_under_several_names() {
    assert_eq!(
        visits(|| Named, planned(&[])).await,
        "legal@1 finance@1 stop@2 by its own name@2"
    );
}

// What `start` leads to

fn none() -> Vec<u32> {
    Vec::new()
}

#[graph(state = Trail, start -> each take(none()) else end, take -> end)]
struct NothingToStart;

#[graph(state = Trail, late = stop, start -> each take(none()) else late, take -> end, late -> end)]
struct NothingToStartElse;

#[graph(state = Trail, late = stop, later = stop, start -> [defer later, defer late], late -> end, later -> end)]
struct StartDeferred;

#[tokio::test]
async fn start_expands_like_any_other_row() {
    assert_eq!(visits(|| NothingToStart, planned(&[])).await, "");
    assert_eq!(visits(|| NothingToStartElse, planned(&[])).await, "late@1");
    assert_eq!(
        visits(|| StartDeferred, planned(&[])).await,
        "later@1 late@1"
    );
}
