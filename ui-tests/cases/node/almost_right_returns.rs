#![allow(unused)]

use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Order {
    paid: bool,
}

enum Bare {
    On,
    Off,
}

#[derive(Route)]
enum Next {
    On,
    Off,
}

#[node]
fn swapped(_: &Order) -> (Next, OrderUpdate) {
    (Next::On, Order::update())
}

#[node]
async fn optional(_: &Order) -> Result<Option<Next>, NodeError> {
    Ok(None)
}

#[node]
async fn perhaps(_: &Order) -> Option<OrderUpdate> {
    None
}

#[node]
fn underived(_: &Order) -> Result<(OrderUpdate, Bare), NodeError> {
    Ok((Order::update(), Bare::On))
}

#[node]
fn text(_: &Order) -> Result<OrderUpdate, NodeError> {
    Err("the card was declined".into())
}

#[node]
fn formatted(order: &Order) -> Result<OrderUpdate, NodeError> {
    Err(format!("{} was declined", order.paid).into())
}

// Said at each function, and not again where a graph mentions it.
#[graph(
    state = Order,
    start -> swapped,
    swapped -> match { Next::On => optional, Next::Off => end },
    optional -> match { Some(Next::On) => perhaps, _ => end },
    perhaps -> underived,
    underived -> match { Bare::On => text, Bare::Off => end },
    text -> formatted -> end,
)]
struct Shop;

fn main() {
    let engine = Engine::builder(Shop).build();
}
