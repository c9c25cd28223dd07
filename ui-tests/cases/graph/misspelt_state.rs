use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    paid: bool,
}

#[node]
fn price(_: &Order) {}

#[graph(stat = Order, start -> price -> end)]
struct Short;

#[graph(State = Order, start -> price -> end)]
struct Capital;

#[graph(state = &Order, start -> price -> end)]
struct Reference;

#[graph(state = &'static mut Vec<Order>, start -> price -> end)]
struct Mutable;

// A node that is used is no misspelt setting.
#[graph(stats = price, start -> stats -> end)]
struct NotGiven;

fn main() {
    let _ = Engine::builder(Short).build();
    let _ = Engine::builder(Reference).build();
}
