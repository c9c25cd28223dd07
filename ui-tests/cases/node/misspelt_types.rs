#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    sku: String,
}

struct Line;

#[node]
async fn plan(_: &Order) -> Result<OrderUpdate, NodeErr> {
    Ok(Order::update())
}

#[node]
async fn pick(_: &Order, lines: Vec<Lime>) -> OrderUpdate {
    Order::update()
}

#[node]
fn pack(_: &Order, line: &Option<Lime>) {}

#[node]
fn send<'a>(order: &'b Order) {}

fn main() {}
