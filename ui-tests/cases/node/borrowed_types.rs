#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

use std::borrow::Cow;

#[node]
fn search(state: &Research, question: Cow<'_, str>) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn pick(state: &Research, names: &Vec<&str>) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node]
fn plan<'a>(state: &'a Research) -> ResearchUpdate {
    ResearchUpdate::default()
}

fn main() {}
