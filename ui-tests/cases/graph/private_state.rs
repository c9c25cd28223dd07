#![allow(unused)]

use superstep::prelude::*;

// Rustc leaves no way for either: a graph's state and a node's input are associated types.
// Make them `pub(crate)` like the graph and the function, or these `pub(crate)`.
#[derive(State, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Order {
    paid: bool,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Item;

#[node]
pub fn ship(_: &Order, item: Item) {}

#[graph(state = Order, start -> ship(Item), ship -> end)]
pub struct Shop;

fn main() {}
