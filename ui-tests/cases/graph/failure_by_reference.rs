use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    sku: String,
}

#[node]
fn plan(_: &Order) {}

#[node]
fn pick(_: &Order, _: u32) {}

#[node]
fn lost(_: &Order, _: &Failure) {}

#[node]
fn again(_: &Order, _: &Failed<u32>) {}

#[graph(
    state = Order,
    start -> plan -> pick(1),
    pick -> end,
    plan on error -> lost,
    pick on error -> again,
    [lost, again] -> end,
)]
struct Shop;

fn main() {}
