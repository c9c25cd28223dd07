#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

trait Web {}

#[node]
fn search(state: &Research, web: &impl Web) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn plan(state: &Research) -> Result<ResearchUpdate, impl std::error::Error> {
    "x".parse::<u8>().map(|_| ResearchUpdate::default())
}

#[node]
fn write(state: &Research) -> impl Future<Output = ResearchUpdate> + Send {
    async { ResearchUpdate::default() }
}

#[graph(state = Research, start -> write -> end)]
struct Agent;

fn main() {}
