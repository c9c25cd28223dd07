#![allow(unused)]

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    sku: String,
}

struct Bank;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line;

#[node]
fn ask(who: String, _: &Order) -> OrderUpdate {
    Order::update().sku(who)
}

#[node]
async fn pay(bank: &Bank, order: &Order) -> Result<OrderUpdate, NodeError> {
    Ok(Order::update())
}

#[node]
fn plan(order: Arc<Order>) -> OrderUpdate {
    Order::update()
}

#[node]
fn pick(_: &Order, line: &mut Line) -> (OrderUpdate, bool) {
    (Order::update(), true)
}

#[node]
fn pack(cx: &Cx, order: &Order) -> OrderUpdate {
    Order::update()
}

#[node]
fn ship() -> OrderUpdate {
    Order::update()
}

// What is wrong with a node is said there.
#[graph(
    state = Order,
    start -> ask("who".to_owned()),
    ask -> pay -> plan -> pick(Line),
    pick -> match { true => pack, false => end },
    pack -> ship -> end,
    pay on error -> ship,
)]
struct Shop {
    bank: Bank,
}

fn main() {
    let _ = Engine::builder(Shop { bank: Bank });
}
