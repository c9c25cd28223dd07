//! What decides at compile time which fields there are is read too late, or moves the others.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    total: u32,
}

#[node]
fn read(_: &Order, limit: &u32) -> OrderUpdate {
    Order::update().total(*limit)
}

#[graph(state = Order, start -> read -> end)]
struct Numbered(#[cfg(unix)] u8, u32, #[graph(skip)] u32);

#[graph(state = Order, start -> read -> end)]
struct Skipped {
    limit: u32,
    #[cfg_attr(unix, graph(skip))]
    other: u16,
}

#[graph(state = Order, start -> read -> end)]
struct Left {
    #[cfg_attr(all(), cfg(unix))]
    limit: u32,
}

fn main() {}
