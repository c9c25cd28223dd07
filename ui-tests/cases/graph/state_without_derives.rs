#![allow(unused)]

use superstep::prelude::*;

// Without `derive(State)`. Rustc itself reports the missing `OrderUpdate` where it is
// mentioned, and `Order::update`; ours is the one at `state = Order`.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Order {
    paid: bool,
}

#[derive(Route)]
enum Next {
    Ship,
    Refund,
}

#[node]
fn pay(_: &Order) -> OrderUpdate {
    Order::update().paid(true)
}

#[node]
async fn check(_: &Order) -> Result<(OrderUpdate, Next), NodeError> {
    Ok((Order::update(), Next::Ship))
}

#[node]
fn ship(_: &Order) {}

#[graph(
    state = Order,
    start -> pay -> check,
    check -> match { Next::Ship => ship, Next::Refund => end },
    ship -> end,
)]
struct Shop;

async fn drive(engine: Engine<Shop>) -> Result<(), Error> {
    let run = engine.run("order", Order::default()).await?;
    println!("{:?}", run.state().paid);
    Ok(())
}

fn main() {}
