#![allow(unused)]

use std::error::Error as StdError;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    sku: String,
}

#[node]
fn plan(_: &Order) -> Result<OrderUpdate, Box<dyn std::error::Error>> {
    Ok("1".parse::<u8>().map(|_| Order::update())?)
}

#[node]
async fn pick(_: &Order) -> Result<(OrderUpdate, bool), Box<dyn StdError + Send>> {
    Ok((Order::update(), true))
}

#[node]
fn pack(_: &Order) -> Result<OrderUpdate, Box<dyn StdError + Send + Sync>> {
    Ok(Order::update())
}

#[graph(
    state = Order,
    start -> plan -> pick,
    pick -> match { true => pack, false => end },
    pack -> end,
)]
struct Shop;

fn main() {}
