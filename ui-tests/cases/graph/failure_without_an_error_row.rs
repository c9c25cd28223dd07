use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    lost: Vec<String>,
}

#[derive(Route)]
enum Plan {
    Reserve(Vec<u32>),
}

#[node]
fn plan(_: &Order) -> Plan {
    Plan::Reserve(Vec::new())
}

#[node]
fn reserve(_: &Order, _: u32) {}

#[node]
fn lost(_: &Order, _: Failure) {}

#[node]
fn again(_: &Order, _: Failed<u32>) {}

#[graph(
    state = Order,
    start -> plan,
    plan -> match { Plan::Reserve(items) => each reserve(items) else lost },
    reserve -> again -> end,
    lost -> end,
)]
struct Shop;

fn main() {}
