#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node]
fn plan(state: &Research) -> String {
    state.topic.clone()
}

#[node]
async fn search(state: &Research) -> Result<(ResearchUpdate, u8), NodeError> {
    Ok((ResearchUpdate::default(), 1))
}

fn main() {}
