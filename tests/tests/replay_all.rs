//! `replay_all` tells which of yesterday's runs today's program would break,
//! and where; what it may change without breaking any is not a difference.
#![allow(
    dead_code,
    reason = "versions of one program use different parts of it"
)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use superstep::prelude::*;
use superstep::store::Prune;
use superstep::testing::{ReplayReport, replay_all};
use superstep::{Graph, ok};
use superstep_tests::{Place, stores};

/// The parts that all versions of the program share.
macro_rules! program {
    (state: { $($state:tt)* }, item: { $($item:tt)* }, discount from $limit:literal) => {
        use serde::{Deserialize, Serialize};
        use superstep::prelude::*;

        #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct Order {
            pub items: Vec<Item>,
            #[reduce(append)]
            pub log: Vec<String>,
            #[reduce(ephemeral)]
            #[serde(skip)]
            pub word: String,
            $($state)*
        }

        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct Item {
            pub name: String,
            pub count: u64,
            $($item)*
        }

        #[derive(Route)]
        pub enum Check {
            Pick(Vec<Item>),
            Empty,
        }

        #[node]
        pub fn check(state: &Order) -> (OrderUpdate, Check) {
            let items = state.items.clone();
            let update = Order::update().items(items).word("hurry").log(["checked"]);
            match state.items.is_empty() {
                true => (update, Check::Empty),
                false => (update, Check::Pick(state.items.clone())),
            }
        }

        #[node]
        pub async fn pick(state: &Order, item: Item, cx: &Cx) -> Result<OrderUpdate, NodeError> {
            let shelf = cx.effect("find", &item.name).run(|| super::find(cx.rng(), &item.name));
            let picked = format!("{} {}", shelf.await?, state.word);
            Ok(Order::update().log([picked]))
        }

        #[node]
        pub fn weigh(state: &Order, cx: &Cx) -> OrderUpdate {
            let at = cx.now().duration_since(std::time::UNIX_EPOCH);
            let at = at.map_or(0, |at| at.as_millis());
            Order::update().log([format!("{} at {at}: {}", state.items.len(), cx.uuid())])
        }

        #[node]
        pub fn pack(state: &Order) -> OrderUpdate {
            let count: u64 = state.items.iter().map(|item| item.count).sum();
            let price = if count < $limit { count } else { count - count / 10 };
            Order::update().log([format!("{count} for {price}")])
        }

        #[node]
        pub fn report(state: &Order) -> OrderUpdate {
            Order::update().log([format!("{} lines", state.log.len())])
        }
    };
}

/// The world outside: it never returns the same twice.
async fn find(mut rng: impl rand_core::Rng, name: &str) -> Result<String, NodeError> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    static FOUND: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if name.starts_with("lost") && FOUND.lock().unwrap().insert(name.to_owned()) {
        return Err(NodeError::permanent("not on the shelf"));
    }
    ok(format!("{name} {call} {}", rng.next_u32()))
}

mod then {
    program!(state: {}, item: {}, discount from 1_000);

    #[graph(
        state = Order,
        start -> check,
        check -> match {
            Check::Pick(items) => [each pick(items) else end, weigh, defer report],
            Check::Empty => report,
        },
        pick -> end,
        weigh -> end,
        [pick, weigh] -> pack,
        pack -> end,
        report -> end,
    )]
    pub struct Shop;

    #[graph(state = Order, start -> check, check -> match { _ => end })]
    pub struct Other;
}

/// Other orders of everything, and words that mean the same.
mod reordered {
    program!(
        state: { #[serde(default)] pub gift: bool, },
        item: { #[serde(default)] pub color: Option<String>, },
        discount from 1_000
    );

    #[graph(
        state = Order,
        version = 2,
        report -> end,
        [weigh, pick] -> pack,
        pack -> end,
        weigh -> end,
        pick -> end,
        check -> match {
            Check::Empty => report,
            Check::Pick(all) => [each pick(all) else end, weigh, defer report],
        },
        start -> check,
    )]
    pub struct Shop;
}

mod cheaper {
    program!(state: {}, item: {}, discount from 500);

    #[graph(
        state = Order,
        start -> check,
        check -> match {
            Check::Pick(items) => [each pick(items) else end, weigh, defer report],
            Check::Empty => report,
        },
        pick -> end,
        weigh -> end,
        [pick, weigh] -> pack,
        pack -> end,
        report -> end,
    )]
    pub struct Shop;
}

mod renamed {
    program!(state: {}, item: {}, discount from 1_000);

    #[graph(
        state = Order,
        wrap = pack,
        start -> check,
        check -> match {
            Check::Pick(items) => [each pick(items) else end, weigh, defer report],
            Check::Empty => report,
        },
        pick -> end,
        weigh -> end,
        [pick, weigh] -> wrap,
        wrap -> end,
        report -> end,
    )]
    pub struct Shop;
}

mod longer {
    program!(state: {}, item: {}, discount from 1_000);

    #[node]
    pub fn ship(_: &Order) {}

    #[graph(
        state = Order,
        start -> check,
        check -> match {
            Check::Pick(items) => [each pick(items) else end, weigh, defer report],
            Check::Empty => report,
        },
        pick -> end,
        weigh -> end,
        [pick, weigh] -> pack,
        pack -> end,
        report -> ship -> end,
    )]
    pub struct Shop;
}

/// Packs without waiting, and reports at once.
mod hasty {
    program!(state: {}, item: {}, discount from 1_000);

    #[graph(
        state = Order,
        start -> check,
        check -> match {
            Check::Pick(items) => [each pick(items) else end, weigh, report],
            Check::Empty => report,
        },
        pick -> end,
        weigh -> end,
        [pick, weigh] -> pack,
        pack -> end,
        report -> end,
    )]
    pub struct Shop;
}

/// The join waits for more.
mod patient {
    program!(state: {}, item: {}, discount from 1_000);

    #[node]
    pub fn label(_: &Order) {}

    #[graph(
        state = Order,
        start -> check,
        check -> match {
            Check::Pick(items) => [each pick(items) else end, weigh, defer report],
            Check::Empty => report,
        },
        pick -> end,
        weigh -> label -> end,
        [pick, label] -> pack,
        pack -> end,
        report -> end,
    )]
    pub struct Shop;
}

/// `items` have a field that nobody gave.
mod undecodable {
    program!(state: {}, item: { pub color: String, }, discount from 1_000);

    #[graph(
        state = Order,
        start -> check,
        check -> match {
            Check::Pick(items) => [each pick(items) else end, weigh, defer report],
            Check::Empty => report,
        },
        pick -> end,
        weigh -> end,
        [pick, weigh] -> pack,
        pack -> end,
        report -> end,
    )]
    pub struct Shop;
}

const RUNS: u64 = 40;

fn engine<G: Graph>(store: &Arc<dyn Store>, graph: G) -> Engine<G> {
    let builder = Engine::builder(graph).store(Arc::clone(store));
    builder.build().unwrap()
}

/// 40 orders of the old program, three of them large and one empty, and runs of
/// another graph.
async fn ordered(place: &Place) {
    let shop = engine(&place.store, then::Shop);
    for number in 0..RUNS {
        let large = [7, 20, 33].contains(&number);
        let count = if large { 300 } else { number };
        let item = |name: &str| then::Item {
            name: name.to_owned(),
            count,
        };
        let items = match number {
            0 => vec![],
            _ => vec![item("ball"), item("rope")],
        };
        let count = if large { "large" } else { "small" };
        let id = format!("{count} order {number:02}");
        let order = then::Order {
            items,
            ..Default::default()
        };
        shop.run(&id, order).await.unwrap();
    }
    let other = engine(&place.store, then::Other);
    other.run("other", Default::default()).await.unwrap();
}

async fn report<G: Graph>(place: &Place, graph: G) -> ReplayReport {
    let report = replay_all(graph, &*place.store).with_ended().await.unwrap();
    assert_eq!(report.runs, RUNS as usize);
    report
}

#[tokio::test]
async fn what_means_the_same_breaks_nothing() {
    for place in stores() {
        ordered(&place).await;
        for report in [
            report(&place, then::Shop).await,
            report(&place, reordered::Shop).await,
        ] {
            assert!(report.is_ok(), "in {place:?}: {report}");
            assert_eq!(report.to_string(), "0 of 40 runs would break");
        }
    }
}

#[tokio::test]
async fn every_run_that_would_break_is_told_with_the_place() {
    for place in stores() {
        ordered(&place).await;
        let cases = [
            (
                report(&place, cheaper::Shop).await,
                3,
                "- run `large order 07`, step 3, node `pack`: the replay differs in the update: \
                 recorded \"600 for 600\" at `log[0]`, now \"600 for 540\"",
            ),
            (
                report(&place, renamed::Shop).await,
                39,
                "step 2, node `weigh`: the replay differs in the next tasks: recorded \"pack\" at `tasks[0]`, now \"wrap\"",
            ),
            (
                report(&place, longer::Shop).await,
                40,
                "step 2, node `report`: the replay differs in the next tasks: recorded nothing at `tasks[0]`, now \"ship\"",
            ),
            (
                report(&place, hasty::Shop).await,
                39,
                "step 1, node `check`: the replay differs in the next tasks: recorded nothing at `tasks[2]`, now \"report\"; recorded \"report\" at `deferred[0]`, now nothing",
            ),
            (
                report(&place, patient::Shop).await,
                39,
                "step 2, node `weigh`: the replay differs in the next tasks: recorded \"pack\" at `tasks[0]`, now \"label\"",
            ),
            (
                report(&place, undecodable::Shop).await,
                39,
                "run `small order 01`: the input does not decode into today's types: ",
            ),
        ];
        let mut unsaid = Vec::new();
        for (report, broken, says) in cases {
            let said = report.to_string();
            let begins = format!("{broken} of 40 runs would break\n- ");
            if !said.starts_with(&begins) || !said.contains(says) || report.broken.len() != broken {
                let lines: Vec<_> = said.lines().take(4).collect();
                unsaid.push(lines.join("\n"));
            }
        }
        assert!(unsaid.is_empty(), "in {place:?}:\n{}", unsaid.join("\n\n"));
    }
}

/// An order that stays open in a second turn until the shelf is found: a snapshot is
/// taken there, and what led to it is pruned.
async fn pruned_in_the_middle(store: &Arc<dyn Store>, id: &str, corrected: bool) {
    let shop = engine(store, then::Shop);
    let item = |name: &str| then::Item {
        name: name.to_owned(),
        count: 300,
    };
    static LOST: AtomicU64 = AtomicU64::new(0);
    let lost = LOST.fetch_add(1, Ordering::Relaxed);
    shop.run(id, then::Order::default()).await.unwrap();
    let items = [item("ball"), item(&format!("lost {lost}"))];
    let turn = then::Order::update().items(items);
    shop.turn(id, turn).await.unwrap_err();
    if corrected {
        let update = then::Order::update().log(["corrected"]);
        shop.update(id, update).await.unwrap();
    }
    shop.snapshot(id).await.unwrap();
    shop.prune(Prune::history()).await.unwrap();
    let run = shop.resume(id).await.unwrap();
    assert_eq!(run.status(), Status::Completed);
    let error = shop.replay(id).await.unwrap_err();
    assert!(matches!(error, Error::Pruned { .. }), "{error}");
}

/// The first of them needs a field that the snapshot's text leaves out; in the
/// second a kept result saw a state that is gone.
#[tokio::test]
async fn what_is_left_of_a_pruned_run_is_replayed_from_its_newest_snapshot() {
    for place in stores() {
        for (id, corrected) in [("order", false), ("corrected order", true)] {
            pruned_in_the_middle(&place.store, id, corrected).await;
        }
        let same = replay_all(then::Shop, &*place.store)
            .with_ended()
            .await
            .unwrap();
        assert_eq!((same.runs, same.is_ok()), (2, true), "{place:?}: {same}");
        let cheaper = replay_all(cheaper::Shop, &*place.store)
            .with_ended()
            .await
            .unwrap();
        assert_eq!(cheaper.broken.len(), 2, "{place:?}: {cheaper}");
        let said = cheaper.to_string();
        let order =
            "- run `order`, step 6, node `pack`: the replay differs in the update: recorded";
        let corrected = "- run `corrected order`, step 7, node `pack`: the replay differs in the update: recorded";
        assert!(said.contains(order) && said.contains(corrected), "{said}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn an_altered_snapshot_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let store = superstep_tests::sqlite_at(&path);
    pruned_in_the_middle(&store, "snapshot order", false).await;
    let database = rusqlite::Connection::open(&path).unwrap();
    let update = "UPDATE snapshots SET state = replace(state, '300', '301')";
    assert!(database.execute(update, []).unwrap() > 0);
    let report = replay_all(then::Shop, &*store).with_ended().await.unwrap();
    let said = report.to_string();
    assert!(
        said.contains("- run `snapshot order`: the snapshot of step 4 is corrupt"),
        "{said}"
    );
}

/// A meter with another reducer in `$version`, which lists the older one.
macro_rules! meter {
    ($name:ident, $reduce:ident, $version:literal, [$($compatible:literal)*]) => {
        mod $name {
            use serde::{Deserialize, Serialize};
            use superstep::prelude::*;

            #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
            pub struct Used {
                #[reduce($reduce)]
                pub units: u64,
                pub stuck: bool,
            }

            #[node]
            pub fn measure(_: &Used) -> UsedUpdate {
                Used::update().units(3)
            }

            #[node]
            pub fn settle(used: &Used) -> Result<(), String> {
                match used.stuck {
                    true => Err("stuck".into()),
                    false => Ok(()),
                }
            }

            #[graph(
                state = Used,
                version = $version,
                compatible = [$($compatible),*],
                start -> measure -> settle -> end,
            )]
            pub struct Meter;
        }
    };
}

meter!(adding, sum, 1, []);
meter!(
    greatest,
    max,
    2,
    ["8b1535f4b5ea58220d6fa5f4b9383ca6a978c0fd9a0c4ee875f3f355637e8272"]
);

/// A run with an open turn behind one that has ended.
async fn measured(place: &Place) -> Engine<adding::Meter> {
    let engine = Engine::builder(adding::Meter).store(place.store.clone());
    let engine = engine.build().unwrap();
    let input = adding::Used::default();
    engine.run("open", input.clone()).await.unwrap();
    engine.run("ended", input).await.unwrap();
    let stuck = adding::Used::update().stuck(true);
    let failed = engine.turn("open", stuck).await.unwrap_err();
    assert!(matches!(failed, Error::NodeFailed { .. }), "{failed}");
    engine
}

/// Each task gives the same, and yet the new program can read neither run.
#[tokio::test]
async fn a_run_that_cannot_be_read_is_broken() {
    for place in stores() {
        measured(&place).await;
        let report = replay_all(greatest::Meter, &*place.store).await.unwrap();
        let broken = |report: &ReplayReport| -> Vec<String> {
            let runs = report.broken.iter().map(|broken| broken.run.clone());
            runs.collect()
        };
        assert_eq!(broken(&report), ["open"], "{report}");
        let report = replay_all(greatest::Meter, &*place.store)
            .with_ended()
            .await;
        let report = report.unwrap();
        assert_eq!(broken(&report), ["ended", "open"], "{report}");
        for broken in &report.broken {
            let error = &broken.error;
            assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
        }
    }
}

/// What lies behind a snapshot need not be merged again.
#[tokio::test]
async fn a_snapshot_of_the_older_program_is_enough() {
    for place in stores() {
        let older = measured(&place).await;
        for run in ["open", "ended"] {
            older.snapshot(run).await.unwrap();
        }
        let report = replay_all(greatest::Meter, &*place.store).await.unwrap();
        assert!(report.is_ok() && report.refused.is_empty(), "{report}");
        let engine = Engine::builder(greatest::Meter).store(place.store.clone());
        let resumed = engine.build().unwrap().resume("open").await.unwrap_err();
        assert!(matches!(resumed, Error::NodeFailed { .. }), "{resumed}");
    }
}
