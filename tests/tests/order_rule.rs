//! The order rule: order key = SHA-256(parent_path, node_id, edge_index),
//! parts length-prefixed; tasks start and merge in frontier order.
//!
//! The keys are computed here by hand, from the words of the design alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use superstep::prelude::*;
use superstep_tests::Journal;

type Key = [u8; 32];

/// SHA-256 over parts, each prefixed with its length as `u64` little-endian.
fn sha256(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn order_key(parent: Key, node: &str, edge: u64, item: u64) -> Key {
    let edge_index = [edge.to_le_bytes(), item.to_le_bytes()].concat();
    sha256(&[&parent, node.as_bytes(), &edge_index])
}

fn turn(number: u64) -> Key {
    sha256(&[b"turn", &number.to_le_bytes()])
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trail {
    #[reduce(append)]
    visits: Vec<String>,
}

fn visit(journal: &Journal, cx: &Cx, input: &str) -> TrailUpdate {
    let name = format!("{}{input}", cx.node());
    journal.note(format_args!("{name} {}", cx.order_key()));
    Trail::update().visits([name])
}

#[node]
fn plan(_: &Trail, journal: &Journal, cx: &Cx) -> TrailUpdate {
    visit(journal, cx, "")
}

#[node]
fn work(_: &Trail, number: u32, journal: &Journal, cx: &Cx) -> TrailUpdate {
    visit(journal, cx, &format!("({number})"))
}

#[node]
fn side(_: &Trail, journal: &Journal, cx: &Cx) -> TrailUpdate {
    visit(journal, cx, "")
}

#[node]
fn risky(_: &Trail, journal: &Journal, cx: &Cx) -> Result<TrailUpdate, NodeError> {
    let _ = visit(journal, cx, "");
    Err(NodeError::permanent("no"))
}

#[node]
fn repair(_: &Trail, failure: Failure, journal: &Journal, cx: &Cx) -> TrailUpdate {
    visit(journal, cx, &format!("({})", failure.node))
}

// One row per line: the edges are numbered in the order in which they are written.
#[graph(
    state = Trail,
    gather = side, extra = side, meet = side, last = side,
    start -> plan,                                     // 0
    plan -> [each work([10, 20]) else end,             // 1, 2
             work(30), work(40), side, risky, defer last], // 3 to 7
    work -> gather,                                    // 8
    side -> extra,                                     // 9
    risky -> end,                                      // 10
    risky on error -> repair,                          // 11
    repair -> end,                                     // 12
    [gather, extra] -> meet,                           // 13, 14
    meet -> end,                                       // 15
    last -> end,                                       // 16
)]
struct Rows {
    journal: Journal,
}

/// The key of every task of one turn, by hand.
fn keys_of_turn(number: u64) -> BTreeMap<String, Key> {
    let plan = order_key(turn(number), "plan", 0, 0);
    let first_work = order_key(plan, "work", 1, 0);
    let side = order_key(plan, "side", 5, 0);
    let risky = order_key(plan, "risky", 6, 0);
    // Reached by four tasks, it folds at its first arrival.
    let gather = order_key(first_work, "gather", 8, 0);
    let extra = order_key(side, "extra", 9, 0);
    let meet = order_key(sha256(&[&gather, &extra]), "meet", 13, 0);
    let keys = [
        ("plan", plan),
        ("work(10)", first_work),
        ("work(20)", order_key(plan, "work", 1, 1)),
        ("work(30)", order_key(plan, "work", 3, 0)),
        ("work(40)", order_key(plan, "work", 4, 0)),
        ("side", side),
        ("risky", risky),
        ("gather", gather),
        ("extra", extra),
        ("repair(risky)", order_key(risky, "repair", 11, 0)),
        ("meet", meet),
        ("last", order_key(plan, "last", 7, 0)),
    ];
    keys.map(|(name, key)| (name.to_owned(), key)).into()
}

fn seen(journal: &Journal) -> BTreeMap<String, Key> {
    let lines = journal.take();
    let pair = |line: &String| {
        let (name, key) = line.split_once(' ').expect("name and key");
        let key = superstep::Digest::parse(key).expect("a key");
        (name.to_owned(), *key.as_bytes())
    };
    lines.iter().map(pair).collect()
}

#[tokio::test]
async fn order_keys_are_the_hash_of_parent_node_and_edge() {
    for concurrency in [1, 8] {
        let journal = Journal::new();
        let engine = Engine::builder(Rows {
            journal: journal.clone(),
        })
        .max_concurrency(concurrency)
        .build()
        .unwrap();
        engine.run("run", Trail::default()).await.unwrap();
        assert_eq!(seen(&journal), keys_of_turn(0));

        engine.turn("run", Trail::update()).await.unwrap();
        assert_eq!(seen(&journal), keys_of_turn(1));
    }
}

#[tokio::test]
async fn order_keys_are_the_same_without_a_store() {
    let journal = Journal::new();
    let engine = Engine::builder(Rows {
        journal: journal.clone(),
    })
    .no_store()
    .build()
    .unwrap();
    engine.run("run", Trail::default()).await.unwrap();
    assert_eq!(seen(&journal), keys_of_turn(0));
}

#[tokio::test]
async fn tasks_start_and_merge_in_frontier_order() {
    let journal = Journal::new();
    let engine = Engine::builder(Rows {
        journal: journal.clone(),
    })
    .max_concurrency(1)
    .build()
    .unwrap();
    let run = engine.run("run", Trail::default()).await.unwrap();
    let frontiers = [
        "plan",
        "work(10) work(20) work(30) work(40) side risky",
        "gather extra repair(risky)",
        "meet",
        "last",
    ];
    let order: Vec<&str> = frontiers.iter().flat_map(|step| step.split(' ')).collect();
    let started: Vec<String> = journal.lines();
    let started: Vec<&str> = (started.iter().filter_map(|line| line.split(' ').next())).collect();
    assert_eq!(started, order);

    let merged: Vec<&str> = order.into_iter().filter(|name| *name != "risky").collect();
    assert_eq!(run.state().visits, merged);
}
