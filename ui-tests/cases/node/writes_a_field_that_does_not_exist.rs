#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

#[node(writes(topc))]
fn plan(state: &Research) -> ResearchUpdate {
    ResearchUpdate::default()
}

#[node(writes(topic, page, r#type))]
fn search(state: &Research) {}

#[node(writes(topix))]
fn write<T: Send + Sync + 'static>(state: &Research, _: &T) {}

#[graph(state = Research, start -> plan -> search -> write::<u8> -> end)]
struct Agent {
    pages: u8,
}

trait Source: Send + Sync {}

#[node(writes(topc))]
fn ask<T: Source>(_: &Research, _: &T) {}

fn main() {}
