#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

trait Web {}

#[node]
fn search(state: &Research, web: &impl Web) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn plan(state: &Research) -> Result<ResearchUpdate, impl std::error::Error> {
    "x".parse::<u8>().map(|_| ResearchUpdate::default())
}

fn main() {}
