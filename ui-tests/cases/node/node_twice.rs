use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    sku: String,
}

#[node]
#[node(timeout = "1s")]
fn plan(_: &Order) {}

#[node]
#[superstep::node]
async fn pick(_: &Order) -> OrderUpdate {
    Order::update()
}

#[graph(state = Order, start -> plan -> pick -> end)]
struct Shop;

fn main() {}
