use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    lost: Vec<String>,
}

#[node]
fn reserve(_: &Order) {}

#[node]
fn lost(_: &Order, _: Failure) {}

#[node]
fn tell(_: &Order) {}

#[graph(
    state = Order,
    start -> reserve -> end,
    reserve on error -> lost -> end,
    lost on error -> tell -> [lost, reserve] -> end,
    tell on error -> [lost, reserve] -> tell,
)]
struct GoesOn;

#[graph(
    state = Order,
    start -> reserve -> tell -> end,
    reserve on error -> lost(item),
    tell on error -> [defer lost, each reserve(items) else end],
    lost -> end,
    lost on error -> match { x => tell },
)]
struct Targets;

fn main() {}
