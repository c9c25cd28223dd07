//! An order as a graph.

use std::io;

use superstep::prelude::*;

use crate::order::{Line, Order, OrderUpdate};
use crate::world::{Answer, Bank, Call, Carrier, Warehouse};

/// The lines of an order.
#[derive(Route)]
pub enum Lines {
    Reserve(Vec<Line>),
}

/// What goes back to the warehouse.
#[derive(Route)]
pub enum Held {
    Release(Vec<String>),
}

/// What the answer of a service means: a no is an answer, a call that did not get through did
/// not happen, and after any other error nobody knows.
fn settled(answer: io::Result<Answer>) -> Result<String, NodeError> {
    match answer {
        Ok(Answer::Yes(paper)) => Ok(paper),
        Ok(Answer::No(why)) => Err(NodeError::refused(why)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err(NodeError::not_sent(error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Every line is a task of its own.
#[node]
pub fn split(order: &Order) -> Lines {
    Lines::Reserve(order.lines.clone())
}

/// The lines of an order are reserved at once. The warehouse recognises a repeated call
/// by its key, so a lost answer does no harm.
#[node(retry(attempts = 4, base = "50ms", max = "1s"))]
pub async fn reserve(
    _: &Order,
    line: Line,
    warehouse: &Warehouse,
    cx: &Cx,
) -> Result<OrderUpdate, NodeError> {
    let reserve = cx.effect(Call::Reserve.as_str(), &line);
    let key = reserve.key().to_string();
    let held = reserve
        .run(|| async { settled(warehouse.reserve(cx.run_id(), &line, &key).await) })
        .await?;
    let story = format!("{held} put aside");
    Ok(Order::update().held([held]).story([story]))
}

/// A line that is not available; the others are still being reserved.
#[node]
pub fn missing(_: &Order, failure: Failure) -> OrderUpdate {
    let why = failure.message;
    Order::update().story([why.clone()]).missing([why])
}

/// Runs when every line is settled, whichever way.
#[node]
pub fn check(order: &Order) -> bool {
    order.missing.is_empty()
}

/// This bank knows no keys, so it is called at most once. If it does not answer, the run asks
/// somebody who can look into the bank's books.
#[node(timeout = "2s")]
pub async fn pay(order: &Order, bank: &Bank, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let cents = order.cents();
    let charge = cx.effect(Call::Charge.as_str(), &cents).at_most_once();
    let receipt = charge
        .run(|| async { settled(bank.charge(cx.run_id(), &order.card, cents).await) })
        .await?;
    Ok(Order::update().story([receipt]))
}

/// Either the bank said no, or it could not be reached; in both cases it has no money of ours.
#[node]
pub fn declined(_: &Order, failure: Failure) -> OrderUpdate {
    Order::update().story([match failure.kind {
        FailureKind::Refused => format!("declined: {}", failure.message),
        _ => format!("not paid: {}", failure.message),
    }])
}

/// The carrier's line is often busy, and it is tried again.
#[node(retry(attempts = 4, base = "50ms", max = "1s"))]
pub async fn ship(order: &Order, carrier: &Carrier, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let ship = cx.effect(Call::Ship.as_str(), &order.address);
    let key = ship.key().to_string();
    let parcel = ship
        .run(|| async { settled(carrier.ship(cx.run_id(), &order.address, &key).await) })
        .await?;
    Ok(Order::update().story([parcel]))
}

/// What was paid for is refunded if the carrier says no, or is never reached. A carrier that could
/// leave a call without an answer would have to be called at most once, or this would refund
/// what was shipped after all. If nothing can be refunded now, the run fails, and `resume`
/// tries again.
#[node(retry(attempts = 4, base = "50ms", max = "1s"))]
pub async fn refund(
    order: &Order,
    failure: Failure,
    bank: &Bank,
    cx: &Cx,
) -> Result<OrderUpdate, NodeError> {
    let cents = order.cents();
    let refund = cx.effect(Call::Refund.as_str(), &cents);
    let key = refund.key().to_string();
    let paid = refund
        .run(|| async { settled(bank.refund(cx.run_id(), cents, &key).await) })
        .await?;
    let story = [
        format!("not shipped: {}", failure.message),
        format!("{paid} paid back"),
    ];
    Ok(Order::update().story(story))
}

/// What was put aside for an order that falls through.
#[node]
pub fn give_back(order: &Order) -> Held {
    Held::Release(order.held.clone())
}

#[node(retry(attempts = 4, base = "50ms", max = "1s"))]
pub async fn release(
    _: &Order,
    held: String,
    warehouse: &Warehouse,
    cx: &Cx,
) -> Result<OrderUpdate, NodeError> {
    let release = cx.effect(Call::Release.as_str(), &held);
    let key = release.key().to_string();
    let back = release
        .run(|| async { settled(warehouse.release(cx.run_id(), &held, &key).await) })
        .await?;
    Ok(Order::update().story([format!("{back} given back")]))
}

/// Reserve, pay, ship; and if one of them says no, undo what was done before it.
#[graph(
    state = Order,
    start -> split,
    split -> match { Lines::Reserve(lines) => each reserve(lines) else end },
    reserve -> defer check,
    reserve on error -> missing,
    missing -> defer check,
    check -> match { true => pay, false => give_back },
    pay -> ship -> end,
    pay on error -> declined,
    declined -> give_back,
    ship on error -> refund,
    refund -> give_back,
    give_back -> match { Held::Release(held) => each release(held) else end },
    release -> end,
)]
pub struct Shop {
    pub warehouse: Warehouse,
    pub bank: Bank,
    pub carrier: Carrier,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use superstep::Graph;
    use superstep::testing::crash_everywhere;

    use super::*;
    use crate::order::{TODAY, find};
    use crate::world::World;

    fn shop(world: &Arc<World>) -> Shop {
        Shop {
            warehouse: Warehouse(world.clone()),
            bank: Bank(world.clone()),
            carrier: Carrier(world.clone()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_crash_anywhere_changes_nothing() {
        for name in TODAY {
            let folder = tempfile::tempdir().unwrap();
            let world = World::open(&folder.path().join("books.txt"), None).unwrap();
            let engine = |store| {
                let engine = Engine::builder(shop(&world)).store(store);
                engine.build().unwrap()
            };
            let order = || find(name).unwrap();
            let report = crash_everywhere(engine, order).await.unwrap();
            let asks = report.status == Status::Interrupted;
            assert_eq!(asks, name == "clock", "{name}: {report}");
        }
    }

    /// `UPDATE_EXPECT=1` redraws it.
    #[test]
    fn the_picture_is_the_graph() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/orders/graph.svg");
        let drawn = Shop::INFO.svg();
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, &drawn).unwrap();
        }
        let shown = std::fs::read_to_string(path).unwrap();
        assert!(shown == drawn, "run this test with UPDATE_EXPECT=1");
    }
}
