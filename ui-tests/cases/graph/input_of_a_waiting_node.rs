use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    paid: bool,
}

#[node]
fn price(_: &Order) {}

#[node]
fn tax(_: &Order) {}

#[node]
fn charge(_: &Order, cents: u64) {
    let _ = cents;
}

#[graph(state = Order, start -> [price, tax] -> charge -> end)]
struct Joined;

#[graph(state = Order, start -> price -> defer charge, charge -> end)]
struct Deferred;

fn main() {}
