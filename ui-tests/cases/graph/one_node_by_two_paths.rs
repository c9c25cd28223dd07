#![deny(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    paid: bool,
}

mod nodes {
    use super::Order;

    #[superstep::node]
    pub fn price(_: &Order) {}

    #[superstep::node]
    pub fn fetch<const N: usize>(_: &Order) {}
}

use nodes::{fetch, price};

#[graph(state = Order, start -> nodes::price, price -> end)]
struct Shop;

#[graph(state = Order, start -> nodes::fetch<3>, nodes::fetch -> end)]
struct Fetching;

#[graph(state = Order, start -> fetch<3>, fetch -> end)]
struct Bare;

// Used by the rows alone.
#[graph(state = Order, start -> fetch<4> -> end)]
struct Right;

fn main() {
    let _ = (Shop, Fetching, Bare, Right);
}
