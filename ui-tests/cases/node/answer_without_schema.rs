#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    is_approved: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Approval {
    granted: bool,
}

#[node]
async fn approve(_: &Order, cx: &Cx) -> OrderUpdate {
    let approval: Approval = cx.interrupt("approve", "May this be paid?").await;
    Order::update().is_approved(approval.granted)
}

fn main() {}
