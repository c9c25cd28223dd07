// A task's input is taken by value. By reference a node takes what the graph has a field for,
// and that there is none is not said on top.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Item {
    name: String,
}

#[derive(Route)]
enum Plan {
    Pack(Vec<Item>),
    Nothing,
}

#[node]
fn plan(_: &Order) -> Plan {
    Plan::Nothing
}

#[node]
fn pack(_: &Order, item: &Item) {
    let _ = &item.name;
}

#[graph(
    state = Order,
    pack -> end,
    start -> plan -> match {
        Plan::Pack(items) => each pack(items) else end,
        Plan::Nothing => end,
    },
)]
struct Shop;

fn main() {}
