#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone)]
struct Question(String);

#[node]
fn search(state: &Research, question: Question) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}
