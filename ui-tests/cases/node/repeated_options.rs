#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node(timeout = "30s", timeout = "1m", writes(topic, topic))]
fn plan(state: &Research) {}

fn main() {}
