use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    paid: bool,
}

#[node]
fn price(_: &Order, currency: &str) {
    let _ = currency;
}

#[graph(state = Order, start -> price -> end)]
struct Shop<'a> {
    currency: &'a str,
}

fn main() {
    let engine = Engine::builder(Shop { currency: "EUR" }).build();
    let _ = engine.map(|engine| engine.run("order-1", Order::default()));
}
