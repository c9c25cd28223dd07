//! The macros fit wherever what they stand on fits: inside `macro_rules!`, under `cfg`.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Visits {
    #[reduce(append)]
    seen: Vec<String>,
}

fn saw(what: impl ToString) -> VisitsUpdate {
    Visits::update().seen([what.to_string()])
}

#[node]
fn left(_: &Visits) -> VisitsUpdate {
    saw("left")
}

#[node]
fn right(_: &Visits) -> VisitsUpdate {
    saw("right")
}

#[node]
fn after(_: &Visits) -> VisitsUpdate {
    saw("after")
}

async fn seen<G: Graph<State = Visits>>(graph: G) -> Vec<String> {
    let engine = Engine::builder(graph).no_store().build().unwrap();
    let run = engine.run("run", Visits::default()).await.unwrap();
    run.state().seen.clone()
}

/// What a list names comes from the caller, the rest from the macro.
macro_rules! fan {
    ($graph:ident, [$($node:ident),*], $last:ident) => {
        #[graph(state = Visits, start -> [$($node),*], [$($node),*] -> $last -> end)]
        struct $graph;
    };
}

fan!(Fan, [left, right], after);

#[tokio::test]
async fn a_list_of_nodes_comes_through_a_macro() {
    assert_eq!(seen(Fan).await, ["left", "right", "after"]);
}

#[node]
fn number(_: &Visits, number: &u32) -> VisitsUpdate {
    saw(number)
}

/// A dependency that is not there, and one that is, with one of two alternatives.
#[graph(state = Visits, start -> number -> end)]
struct Platform {
    #[cfg(any())]
    _missing: NowhereToBeFound,
    #[cfg(any())]
    number: u32,
    #[cfg(not(any()))]
    other: u32,
}

/// A type that is there twice, once as itself and once inside another.
#[graph(state = Visits, start -> number -> end)]
struct Shared {
    own: u32,
    #[cfg(not(any()))]
    _shared: std::sync::Arc<u32>,
}

#[tokio::test]
async fn fields_of_a_graph_may_be_under_cfg() {
    assert_eq!(seen(Platform { other: 7 }).await, ["7"]);
    let shared = Shared {
        own: 8,
        _shared: std::sync::Arc::new(9),
    };
    assert_eq!(seen(shared).await, ["8"]);
}

/// What is deprecated can be written, and used by who says so, without a warning.
#[deny(warnings)]
mod deprecations {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[deprecated]
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Count {
        #[deprecated]
        pub n: u64,
    }

    #[deprecated]
    #[derive(Route)]
    pub enum Way {
        On(u64),
        Out,
    }

    #[allow(deprecated)]
    #[deprecated]
    #[node]
    pub fn count(count: &Count) -> (CountUpdate, Way) {
        match count.n {
            0 => (Count::update().n(1), Way::On(2)),
            _ => (Count::update(), Way::Out),
        }
    }

    #[allow(deprecated)]
    #[deprecated(note = "count instead")]
    #[node]
    pub async fn add(count: &Count, more: u64) -> Result<CountUpdate, NodeError> {
        Ok(Count::update().n(count.n + more))
    }

    #[allow(deprecated)]
    #[deprecated]
    #[graph(
        state = Count,
        start -> count -> match { Way::On(more) => add(more), Way::Out => end },
        add -> count,
    )]
    pub struct Counting;
}

#[tokio::test]
#[allow(deprecated)]
async fn deprecated_parts_can_be_used() {
    let engine = Engine::builder(deprecations::Counting).no_store();
    let engine = engine.build().unwrap();
    let run = engine.run("run", deprecations::Count::default()).await;
    assert_eq!(run.unwrap().state().n, 3);
}
