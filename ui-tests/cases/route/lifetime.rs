#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    sku: String,
}

#[derive(Route)]
enum Next<'a> {
    Go(&'a str),
    Stop,
}

#[node]
fn plan<'a>(order: &'a Order) -> Next<'a> {
    Next::Go(&order.sku)
}

#[graph(state = Order, start -> plan, plan -> match { Next::Go(_) => plan, Next::Stop => end })]
struct Shop;

fn main() {}
