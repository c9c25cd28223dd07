#![allow(unused)]
#[path = "/work/wt/node/runtime/tests/node_support/mod.rs"]
mod support;
use support::*;
use superstep::prelude::*;
use serde::{Deserialize, Serialize};

#[node(retry(attempts = 0))]
fn plan(state: &Research) {}

#[node(retry(base = "1s"))]
fn search(state: &Research) {}

#[node(retry(attempts = 3, base = "5s", max = "1s"))]
fn read(state: &Research) {}

#[node(retry = 3)]
fn write(state: &Research) {}

fn main() {}
