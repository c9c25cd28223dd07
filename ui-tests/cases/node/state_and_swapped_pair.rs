use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[derive(Route)]
enum Plan {
    Search,
}

#[node]
fn plan(_: &Research) -> (Plan, ResearchUpdate) {
    (Plan::Search, Research::update())
}

#[node]
fn search(state: &Research) -> Research {
    state.clone()
}

#[graph(
    state = Research,
    start -> plan -> match { Plan::Search => search },
    search -> end,
)]
struct Agent;

fn main() {}
