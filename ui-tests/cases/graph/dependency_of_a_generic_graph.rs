#![allow(unused)]

use std::rc::Rc;

use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Order {
    paid: bool,
}

trait Bank: Send + Sync + 'static {}

impl Bank for u8 {}

#[node]
fn pay<B: Bank>(_: &Order, bank: &B) {}

#[graph(state = Order, start -> pay<B> -> end)]
struct Shop<B: Bank> {
    bank: B,
    #[graph(skip)]
    cache: Rc<u8>,
}

// Also where the table has faults.
#[graph(state = Order, start -> pay<u8>)]
struct Till {
    bank: u8,
    cache: Rc<u8>,
}

fn main() {
    let bank = 1_u8;
    let engine = Engine::builder(Shop { bank, cache: Rc::new(1) }).build();
    let engine = Engine::builder(Till { bank, cache: Rc::new(1) }).build();
}
