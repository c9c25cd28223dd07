#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node]
const fn plan(state: &Research) {}

#[node]
unsafe fn search(state: &Research) {}

#[node]
extern "C" fn write(state: &Research) {}

fn main() {}
