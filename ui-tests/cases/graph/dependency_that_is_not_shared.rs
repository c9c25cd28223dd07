#![allow(unused)]

use std::cell::RefCell;

use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Order {
    paid: bool,
}

struct Stock {
    left: RefCell<u32>,
}

#[node]
fn ship(_: &Order, stock: &Stock) {}

#[node]
async fn count(_: &Order, stock: &Stock, cx: &Cx) {}

#[graph(state = Order, start -> ship -> count -> end)]
struct Shop {
    stock: Stock,
}

fn main() {
    let stock = Stock { left: RefCell::new(3) };
    let engine = Engine::builder(Shop { stock }).build();
}
