//! Merge order equals edge order, whatever the order in which tasks finish.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Dice, Journal};
use tokio::sync::Barrier;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    #[reduce(append)]
    merged: Vec<String>,
    #[reduce(last)]
    last: String,
    #[reduce(first)]
    first: String,
}

fn wrote(name: String) -> OrderUpdate {
    Order::update().last(&name).first(&name).merged([name])
}

#[node]
async fn parent(_: &Order, dice: &Dice, cx: &Cx) -> OrderUpdate {
    dice.dawdle().await;
    wrote(cx.node().to_owned())
}

#[node]
async fn leaf(_: &Order, item: String, dice: &Dice, journal: &Journal) -> OrderUpdate {
    dice.dawdle().await;
    journal.note(&item);
    wrote(item)
}

#[node]
async fn once(_: &Order, dice: &Dice, cx: &Cx) -> OrderUpdate {
    dice.dawdle().await;
    wrote(cx.node().to_owned())
}

fn items(parent: &str, count: usize) -> Vec<String> {
    (0..count).map(|item| format!("{parent}.{item}")).collect()
}

#[graph(
    state = Order,
    b = parent, a = parent, c = parent,
    after_c = once, before = once,
    start -> [b, a, c],
    b -> [each leaf(items("b", 4)) else end, before, leaf("b.end".to_owned())],
    a -> [before, each leaf(items("a", 3)) else end],
    c -> [after_c, leaf("c".to_owned()), before],
    leaf -> end,
    before -> end,
    after_c -> end,
)]
struct Family {
    dice: Dice,
    journal: Journal,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merge_order_is_edge_order_whatever_finishes_first() {
    let expected: Vec<&str> = "b a c b.0 b.1 b.2 b.3 before b.end a.0 a.1 a.2 after_c c"
        .split(' ')
        .collect();
    let (dice, journal) = (Dice::from_env(), Journal::new());
    let mut finished_otherwise = 0;
    for run in 0..100 {
        let engine = Engine::builder(Family {
            dice: dice.clone(),
            journal: journal.clone(),
        })
        .max_concurrency([1, 3, 8][run % 3])
        .build()
        .unwrap();
        let run = engine.run("run", Order::default()).await.unwrap();
        assert_eq!(run.state().merged, expected);
        assert_eq!(
            (run.state().first.as_str(), run.state().last.as_str()),
            ("b.0", "c")
        );
        let finished = journal.take();
        let in_order = "b.0 b.1 b.2 b.3 b.end a.0 a.1 a.2 c".split(' ');
        finished_otherwise += u32::from(!finished.iter().eq(in_order));
    }
    assert!(
        finished_otherwise > 10,
        "tasks hardly ever finished in another order, so this showed nothing: {finished_otherwise}"
    );
}

/// Lets tasks finish in exactly the reverse of their order.
#[derive(Debug)]
struct Backwards {
    turnstiles: Vec<Barrier>,
    journal: Journal,
}

#[node]
async fn backwards(_: &Order, position: usize, gate: &Backwards) -> OrderUpdate {
    // Each waits for the one after it.
    if let Some(next) = gate.turnstiles.get(position) {
        next.wait().await;
    }
    gate.journal.note(position);
    if let Some(own) = position.checked_sub(1) {
        gate.turnstiles[own].wait().await;
    }
    wrote(position.to_string())
}

#[graph(state = Order, start -> each backwards(0..6) else end, backwards -> end)]
struct Reversed {
    gate: Backwards,
}

#[tokio::test]
async fn merge_order_is_edge_order_when_tasks_finish_backwards() {
    let journal = Journal::new();
    let gate = Backwards {
        turnstiles: (0..5).map(|_| Barrier::new(2)).collect(),
        journal: journal.clone(),
    };
    let engine = Engine::builder(Reversed { gate }).build().unwrap();
    let run = engine.run("run", Order::default()).await.unwrap();
    assert_eq!(journal.lines(), ["5", "4", "3", "2", "1", "0"]);
    assert_eq!(run.state().merged, ["0", "1", "2", "3", "4", "5"]);
}
