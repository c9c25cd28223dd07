//! While a variant is being typed the enum stays a route: the parser's errors are the only ones.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    total: u32,
}

#[derive(Route)]
enum Plan {
    Ask { who: },
    Out,
}

#[derive(Route)]
enum Way {
    Walk(u32) Ride,
    Rest,
}

#[node]
fn plan(_: &Order) -> Plan {
    Plan::Out
}

#[node]
fn go(_: &Order) -> Result<(OrderUpdate, Way), NodeError> {
    Ok((Order::update().total(1), Way::Rest))
}

#[graph(
    state = Order,
    start -> plan,
    plan -> match { Plan::Ask { .. } => go, Plan::Out => end },
    go -> match { _ => end },
)]
struct Orders;

fn main() {}
