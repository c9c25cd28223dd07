//! A run that an older version of its graph began goes on where it stood, although rows
//! that were added have moved the others in the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use superstep::Graph;
use superstep::prelude::*;
use superstep_tests::{Journal, stores};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    #[reduce(append)]
    log: Vec<String>,
}

/// How far the shop gets, and whom it called.
#[derive(Clone, Debug, Default)]
struct World {
    open: Arc<AtomicU64>,
    journal: Journal,
}

impl World {
    fn open_up_to(&self, gate: u64) {
        self.open.store(gate, Ordering::Relaxed);
    }

    fn pass(&self, gate: u64) -> Result<(), NodeError> {
        match self.open.load(Ordering::Relaxed) >= gate {
            true => Ok(()),
            false => Err(NodeError::permanent(format!("gate {gate} is closed"))),
        }
    }
}

#[derive(Route)]
enum Parts {
    Of(Vec<u64>),
}

#[node]
fn pick(_: &Order, world: &World) -> Result<(OrderUpdate, Parts), NodeError> {
    world.pass(1)?;
    world.journal.note("picked");
    Ok((Order::update().log(["picked"]), Parts::Of(vec![1, 2])))
}

#[node]
fn check(_: &Order, world: &World) -> Result<OrderUpdate, NodeError> {
    world.pass(2)?;
    Ok(Order::update().log(["checked"]))
}

#[node]
async fn fetch(_: &Order, part: u64, world: &World, cx: &Cx) -> Result<OrderUpdate, NodeError> {
    let call = cx.effect("fetch", &part).run(|| async {
        world.journal.note(format_args!("fetched {part}"));
        Ok::<_, NodeError>(part)
    });
    let part = call.await?;
    world.pass(3)?;
    Ok(Order::update().log([format!("fetched {part}")]))
}

#[node]
fn stow(_: &Order, world: &World) -> Result<OrderUpdate, NodeError> {
    world.pass(4)?;
    Ok(Order::update().log(["stowed"]))
}

#[node]
fn bill(_: &Order) -> OrderUpdate {
    Order::update().log(["billed"])
}

#[node]
fn greet(_: &Order) {}

mod old {
    use super::*;

    #[graph(
        state = Order,
        start -> [pick, check],
        pick -> match { Parts::Of(parts) => [each fetch(parts) else end, defer bill] },
        check -> end,
        fetch -> stow -> end,
        bill -> end,
    )]
    pub(super) struct Shop {
        pub(super) world: World,
    }
}

mod new {
    use super::*;

    #[graph(
        state = Order,
        version = 2,
        compatible = ["0cfc4fc5d224431fd60f485def524aa83c61e5ef79a24ea254660bb513b5099a"],
        start -> [pick, greet, check],
        greet -> end,
        pick -> match { Parts::Of(parts) => [each fetch(parts) else [greet, bill], defer bill] },
        check -> end,
        fetch -> stow -> end,
        bill -> end,
    )]
    pub(super) struct Shop {
        pub(super) world: World,
    }
}

/// The calls that must not be made twice, and what the order says in the end.
const ONCE: [&str; 3] = ["picked", "fetched 1", "fetched 2"];
const LOG: &str = "picked checked fetched 1 fetched 2 stowed billed";

#[test]
fn the_old_fingerprint_is_the_one_that_is_listed() {
    let old = old::Shop::INFO.fingerprint().to_string();
    assert_eq!(new::Shop::INFO.compatible, [old]);
}

/// With one gate open more at each attempt, the new program from attempt `from` on.
async fn goes_on(from: u64) {
    for place in stores() {
        let world = World::default();
        for open in 0..5 {
            world.open_up_to(open);
            let run = match open < from {
                true => {
                    let shop = old::Shop {
                        world: world.clone(),
                    };
                    let engine = Engine::builder(shop).store(place.store.clone());
                    let engine = engine.build().unwrap();
                    engine.run("order", Order::default()).await
                }
                false => {
                    let shop = new::Shop {
                        world: world.clone(),
                    };
                    let engine = Engine::builder(shop).store(place.store.clone());
                    engine.build().unwrap().resume("order").await
                }
            };
            match run {
                Ok(run) => assert_eq!((open, run.state().log.join(" ")), (4, LOG.to_owned())),
                Err(Error::NodeFailed { .. }) if open < 4 => {}
                Err(error) => panic!("with {open} gates open: {error}"),
            }
        }
        assert_eq!(world.journal.take(), ONCE, "{}", place.kind);
    }
}

/// What `pick` came to is kept by the new program, in a step that the old one began.
#[tokio::test]
async fn a_step_that_the_old_program_began() {
    goes_on(1).await;
}

/// What `pick` came to, with its route, is kept by the old program.
#[tokio::test]
async fn the_kept_results_of_the_old_program() {
    goes_on(2).await;
}

/// Two tasks with inputs and recorded effects, and one that is deferred.
#[tokio::test]
async fn a_frontier_of_the_old_program() {
    goes_on(3).await;
}

/// The old program's last step; the deferred task is in the new one's frontier, too.
#[tokio::test]
async fn the_last_step_of_the_old_program() {
    goes_on(4).await;
}
