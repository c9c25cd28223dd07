use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
    #[reduce(append)]
    notes: Vec<String>,
}

#[node]
fn write(_: &Trip) {}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    items: u32,
}

#[node]
fn pack(_: &Order) -> OrderUpdate {
    Order::update().items(1)
}

#[node]
async fn route(_: &Order, times: u32) -> Result<(OrderUpdate, bool), NodeError> {
    Ok((Order::update().items(times), true))
}

#[graph(
    state = Trip,
    start -> pack -> write -> route(3),
    route -> match { true => end, false => pack },
)]
struct Journey;

fn main() {}
