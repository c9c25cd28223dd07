#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node(timeout = 30)]
fn plan(state: &Research) {}

#[node(timeout = "30 seconds")]
fn search(state: &Research) {}

#[node(timeout = "0s")]
fn read(state: &Research) {}

#[node(timeout("30s"), name = "", writes = topic)]
fn write(state: &Research) {}

fn main() {}
