#![allow(unused)]

use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Order {
    paid: bool,
}

#[derive(Clone, Debug)]
struct Item;

// One error at each function that takes it, none where a graph mentions the function.
#[node]
async fn pack(_: &Order, item: Item, cx: &Cx) -> bool {
    true
}

#[node]
fn repair(_: &Order, failed: Failed<Item>) {}

#[graph(
    state = Order,
    start -> each pack([Item, Item]) else end,
    pack -> match { true => pack(Item), false => end },
    pack on error -> repair,
    repair -> each pack(vec![Item]) else end,
)]
struct Shop;

fn main() {
    let engine = Engine::builder(Shop).build();
}
