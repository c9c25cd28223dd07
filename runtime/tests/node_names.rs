//! A node's name is its identity in stored runs, so a graph has each name once.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Paper {
    #[reduce(append)]
    notes: Vec<String>,
}

#[node(name = "check")]
fn legal(_state: &Paper) -> PaperUpdate {
    Paper::update().notes(["legal"])
}

#[node(name = "check")]
fn finance(_state: &Paper) -> PaperUpdate {
    Paper::update().notes(["finance"])
}

#[graph(state = Paper, start -> legal -> finance -> end)]
struct Twice;

#[graph(state = Paper, money = finance, start -> legal -> money -> end)]
struct Renamed;

#[test]
fn two_nodes_of_one_name_are_refused_with_the_name() {
    let error = Engine::builder(Twice).build().unwrap_err();
    assert!(
        matches!(
            error,
            Error::DuplicateNode {
                graph: "Twice",
                node: "check"
            }
        ),
        "{error}"
    );
    assert!(Engine::builder(Renamed).build().is_ok());
}
