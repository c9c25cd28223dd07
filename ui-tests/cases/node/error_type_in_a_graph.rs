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

struct Oops;

#[node]
fn plan(_: &Research) -> Result<(ResearchUpdate, Plan), Oops> {
    Err(Oops)
}

#[node]
async fn search(_: &Research) -> Result<ResearchUpdate, Oops> {
    Err(Oops)
}

#[graph(
    state = Research,
    start -> plan -> match { Plan::Search => search },
    search -> end,
)]
struct Agent;

fn main() {}
