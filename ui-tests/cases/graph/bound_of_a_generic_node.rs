use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    paid: bool,
}

trait Bank: Send + Sync + 'static {
    fn pay(&self);
}

trait Till: 'static {}

#[node]
fn charge<B: Bank>(_: &Order, bank: &B) {
    bank.pay();
}

#[graph(state = Order, start -> charge<B> -> end)]
struct Shop<B: Till> {
    bank: B,
}

fn main() {}
