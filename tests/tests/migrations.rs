//! A graph's `migrate` function brings what older versions stored to today's
//! shape, before it is decoded and wherever it is read.

use std::sync::Arc;

use superstep::prelude::*;
use superstep::testing::replay_all;
use superstep::{Graph, encode};
use superstep_tests::stores;

/// The program as it was: nothing is shipped.
mod v1 {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        pub who: String,
        pub cents: String,
        pub note: String,
        pub ratio: f64,
        pub number: u64,
        #[reduce(append)]
        pub log: Vec<String>,
        #[serde(skip)]
        #[reduce(ephemeral)]
        pub hint: String,
    }

    #[node]
    pub fn pack(_: &Order) -> OrderUpdate {
        let update = Order::update().cents("1300").note("fragile");
        update.log(["packed"]).hint("quick")
    }

    #[node]
    pub fn ship(_: &Order) -> Result<OrderUpdate, String> {
        Err("no van".into())
    }

    #[graph(state = Order, start -> pack -> ship -> end)]
    pub struct Shop;

    #[node]
    pub fn send(_: &Order) -> OrderUpdate {
        Order::update().log(["sent"])
    }

    pub mod with_a_van {
        use superstep::prelude::*;

        #[graph(state = super::Order, ship = super::send, start -> super::pack -> ship -> end)]
        pub struct Shop;
    }
}

/// A name in two parts, the price as a number, the note renamed.
mod v2 {
    use serde::{Deserialize, Serialize};
    use serde_json::Value;
    use superstep::Part;
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub struct Order {
        pub first: String,
        pub last: String,
        pub cents: u64,
        pub remark: String,
        pub ratio: f64,
        pub number: u64,
        #[reduce(append)]
        pub log: Vec<String>,
        #[serde(skip)]
        #[reduce(ephemeral)]
        pub tip: String,
    }

    pub fn migrate(from: u32, _: Part, mut json: Value) -> Result<Value, String> {
        assert_eq!(from, 1);
        let order = json.as_object_mut().ok_or("not an object")?;
        if let Some(who) = order.remove("who") {
            let (first, last) = who
                .as_str()
                .and_then(|who| who.split_once(' '))
                .ok_or("no name")?;
            order.insert("first".into(), first.into());
            order.insert("last".into(), last.into());
        }
        if let Some(cents) = order.remove("cents") {
            let cents: u64 = cents
                .as_str()
                .and_then(|cents| cents.parse().ok())
                .ok_or("no price")?;
            order.insert("cents".into(), cents.into());
        }
        for (old, new) in [("note", "remark"), ("hint", "tip")] {
            if let Some(value) = order.remove(old) {
                order.insert(new.into(), value);
            }
        }
        Ok(json)
    }

    fn refuse(_: u32, part: Part, _: Value) -> Result<Value, String> {
        Err(format!("no way for a {part:?}"))
    }

    fn refuse_updates(from: u32, part: Part, json: Value) -> Result<Value, String> {
        match part {
            Part::State => migrate(from, part, json),
            Part::Update => Err("no updates".into()),
        }
    }

    fn panic(_: u32, _: Part, _: Value) -> Result<Value, NodeError> {
        panic!("out of paper")
    }

    fn leave(_: u32, _: Part, json: Value) -> Result<Value, std::fmt::Error> {
        Ok(json)
    }

    #[node]
    pub fn pack(_: &Order) -> OrderUpdate {
        let update = Order::update().cents(1300).remark("fragile");
        update.log(["packed"]).tip("quick")
    }

    #[node]
    pub fn ship(order: &Order) -> OrderUpdate {
        Order::update().log([format!(
            "shipped {} to {} {}",
            order.tip, order.first, order.last
        )])
    }

    #[node]
    pub fn wait(_: &Order) -> Result<OrderUpdate, String> {
        Err("no petrol".into())
    }

    macro_rules! shop {
        ($module:ident, $hook:path, $ship:path) => {
            pub mod $module {
                use superstep::prelude::*;

                #[graph(
                    state = super::Order,
                    version = 2,
                    compatible = ["74d1ac3f66b0fff7dd9250f64c4420a5bce873959a67bd963082e234fa6ea6b2"],
                    migrate = $hook,
                    ship = $ship,
                    start -> super::pack -> ship -> end,
                )]
                pub struct Shop;
            }
        };
    }

    shop!(good, super::migrate, super::ship);
    shop!(waiting, super::migrate, super::wait);
    shop!(refusing, super::refuse, super::ship);
    shop!(refusing_updates, super::refuse_updates, super::ship);
    shop!(panicking, super::panic, super::ship);
    shop!(leaving, super::leave, super::ship);

    pub mod unlisted {
        use superstep::prelude::*;

        #[graph(
            state = super::Order,
            version = 2,
            migrate = super::migrate,
            start -> super::pack -> super::ship -> end,
        )]
        pub struct Shop;
    }
}

/// The remark is a list now.
mod v3 {
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};
    use superstep::Part;
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub struct Order {
        pub first: String,
        pub last: String,
        pub cents: u64,
        pub remarks: Vec<String>,
        pub ratio: f64,
        pub number: u64,
        #[reduce(append)]
        pub log: Vec<String>,
        #[serde(skip)]
        #[reduce(ephemeral)]
        pub tip: String,
    }

    fn migrate(from: u32, part: Part, json: Value) -> Result<Value, String> {
        let mut json = match from {
            1 => super::v2::migrate(from, part, json)?,
            _ => json,
        };
        let order = json.as_object_mut().ok_or("not an object")?;
        if let Some(remark) = order.remove("remark") {
            order.insert("remarks".into(), json!([remark]));
        }
        Ok(json)
    }

    #[node]
    pub fn pack(_: &Order) -> OrderUpdate {
        Order::update()
    }

    #[node]
    pub fn ship(order: &Order) -> OrderUpdate {
        Order::update().log([format!("shipped with {}", order.remarks.join(","))])
    }

    #[graph(
        state = Order,
        version = 3,
        compatible = ["74d1ac3f66b0fff7dd9250f64c4420a5bce873959a67bd963082e234fa6ea6b2", "fce07b24be91ca7434422f381126fd3ca91fb021e26259441fdd25d837df390c"],
        migrate = migrate,
        start -> pack -> ship -> end,
    )]
    pub struct Shop;
}

/// The log is written by another reducer.
mod last {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        pub who: String,
        pub cents: String,
        pub note: String,
        pub ratio: f64,
        pub number: u64,
        #[reduce(last)]
        pub log: Vec<String>,
        #[serde(skip)]
        #[reduce(ephemeral)]
        pub hint: String,
    }

    #[node]
    pub fn pack(_: &Order) {}

    #[node]
    pub fn ship(order: &Order) -> OrderUpdate {
        Order::update().log(vec![format!("after {}", order.log.join(","))])
    }

    #[graph(
        state = Order,
        version = 2,
        compatible = ["74d1ac3f66b0fff7dd9250f64c4420a5bce873959a67bd963082e234fa6ea6b2"],
        start -> pack -> ship -> end,
    )]
    pub struct Shop;
}

/// Two at once, one of which fails, before and after its field was renamed.
mod pair {
    pub mod old {
        use serde::{Deserialize, Serialize};
        use superstep::prelude::*;

        #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
        pub struct Pair {
            pub left: u64,
        }

        #[node]
        pub fn done(_: &Pair) -> PairUpdate {
            Pair::update().left(1)
        }

        #[node]
        pub fn fails(_: &Pair) -> Result<(), String> {
            Err("not yet".into())
        }

        #[graph(state = Pair, start -> [done, fails] -> end)]
        pub struct Both;

        pub mod neither {
            use superstep::prelude::*;

            #[graph(state = super::Pair, done = super::fails, start -> [done, super::fails] -> end)]
            pub struct Both;
        }
    }

    pub mod new {
        use serde::{Deserialize, Serialize};
        use serde_json::{Value, json};
        use superstep::Part;
        use superstep::prelude::*;

        #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
        pub struct Pair {
            pub one: u64,
        }

        fn migrate(_: u32, _: Part, json: Value) -> Result<Value, String> {
            let left = json.get("left");
            Ok(left.map_or(json!({}), |left| json!({ "one": left })))
        }

        #[node]
        pub fn done(_: &Pair) -> PairUpdate {
            Pair::update().one(2)
        }

        #[node]
        pub fn fails(_: &Pair) {}

        #[node]
        pub fn refuses(_: &Pair) -> Result<(), String> {
            Err("still not".into())
        }

        #[graph(
            state = Pair,
            version = 2,
            compatible = ["77fd05be2ce8d8e641bff50347aba9b85ac1dab836830989df675559c2a510ed"],
            migrate = migrate,
            start -> [done, fails] -> end,
        )]
        pub struct Both;

        macro_rules! both {
            ($module:ident, $done:path, $fails:path) => {
                pub mod $module {
                    use superstep::prelude::*;

                    #[graph(
                        state = super::Pair,
                        version = 2,
                        compatible = ["77fd05be2ce8d8e641bff50347aba9b85ac1dab836830989df675559c2a510ed"],
                        migrate = super::migrate,
                        done = $done,
                        fails = $fails,
                        start -> [done, fails] -> end,
                    )]
                    pub struct Both;
                }
            };
        }

        both!(one, super::done, super::refuses);
        both!(other, super::refuses, super::fails);
    }
}

/// A number that a `serde_json::Value` does not hold.
mod huge {
    use serde::{Deserialize, Serialize};
    use serde_json::Value;
    use superstep::Part;
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Huge {
        pub words: String,
        pub number: u128,
    }

    #[node]
    pub fn look(_: &Huge) {}

    #[graph(state = Huge, start -> look -> end)]
    pub struct Old;

    fn migrate(_: u32, _: Part, json: Value) -> Result<Value, String> {
        Ok(json)
    }

    pub mod new {
        use superstep::prelude::*;

        #[graph(state = super::Huge, version = 2, migrate = super::migrate, start -> super::look -> end)]
        pub struct Old;
    }
}

const NUMBER: u64 = u64::MAX - 1;
const RATIO: f64 = 0.1 + 0.2;

fn engine<G: Graph>(graph: G, store: &Arc<dyn Store>) -> Engine<G> {
    let builder = Engine::builder(graph).store(Arc::clone(store));
    builder.build().unwrap()
}

fn ada() -> v1::Order {
    v1::Order {
        who: "Ada Lovelace".into(),
        cents: "1250".into(),
        ratio: RATIO,
        number: NUMBER,
        ..v1::Order::default()
    }
}

fn ada_today() -> v2::Order {
    v2::Order {
        first: "Ada".into(),
        last: "Lovelace".into(),
        cents: 1250,
        ratio: RATIO,
        number: NUMBER,
        ..v2::Order::default()
    }
}

fn packed() -> v2::Order {
    v2::Order {
        cents: 1300,
        remark: "fragile".into(),
        log: vec!["packed".into()],
        ..ada_today()
    }
}

/// A run that the old program has packed and cannot ship.
async fn left_by_v1(store: &Arc<dyn Store>) {
    let error = engine(v1::Shop, store)
        .run("order", ada())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NodeFailed { .. }), "{error}");
}

/// The state as it is stored: what it skips is not compared.
fn stored(order: &v2::Order) -> v2::Order {
    v2::Order {
        tip: String::new(),
        ..order.clone()
    }
}

async fn head_of(store: &Arc<dyn Store>) -> (u64, superstep::Digest) {
    let head = store.head("order").await.unwrap().unwrap();
    (head.step, head.chain)
}

fn undecodable(error: Error, words: &[&str]) {
    assert!(matches!(error, Error::Undecodable { .. }), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
}

#[test]
fn the_listed_fingerprints_are_those_of_the_old_programs() {
    let listed = [v3::Shop::INFO.compatible, pair::new::Both::INFO.compatible].concat();
    let old = [
        v1::Shop::INFO.fingerprint(),
        v2::good::Shop::INFO.fingerprint(),
        pair::old::Both::INFO.fingerprint(),
    ];
    assert_eq!(listed, old.map(|digest| digest.to_string()));
}

#[tokio::test]
async fn renamed_split_and_retyped_fields_go_on() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let run = engine(v2::good::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
        let shipped = "shipped quick to Ada Lovelace".to_owned();
        let log = vec!["packed".to_owned(), shipped];
        assert_eq!(*run.state(), v2::Order { log, ..packed() }, "{place:?}");
    }
}

#[tokio::test]
async fn a_snapshot_is_brought_up_to_date_with_what_its_step_left_beside_it() {
    for place in stores() {
        left_by_v1(&place.store).await;
        engine(v1::Shop, &place.store)
            .snapshot("order")
            .await
            .unwrap();
        let run = engine(v2::refusing_updates::Shop, &place.store)
            .get("order")
            .await;
        undecodable(run.unwrap_err(), &["step 1", "no updates"]);
        let run = engine(v2::good::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
        let log = &run.state().log;
        assert_eq!(
            log[..],
            ["packed", "shipped quick to Ada Lovelace"],
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn the_whole_past_of_a_run_is_in_todays_shape() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let engine = engine(v2::good::Shop, &place.store);
        for _ in ["as it was left", "gone on with"] {
            let input = engine.state_at("order", 0).await.unwrap();
            assert_eq!(stored(&input), ada_today(), "{place:?}");
            let after = engine.state_at("order", 1).await.unwrap();
            assert_eq!(stored(&after), packed(), "{place:?}");
            let history = engine.history("order").await.unwrap();
            assert_eq!(history[1].tasks[0].node.as_deref(), Some("pack"));
            engine.resume("order").await.unwrap();
        }
        engine
            .fork("order", 1, "fork", |order| order.last = "King".into())
            .await
            .unwrap();
        let fork = engine.resume("fork").await.unwrap();
        assert_eq!(fork.state().log[1], "shipped  to Ada King", "{place:?}");
        assert_eq!(
            stored(&engine.state_at("fork", 0).await.unwrap()),
            ada_today()
        );
        let again = engine.run("order", ada_today()).await.unwrap();
        assert_eq!(again.steps(), 2, "the same input, in today's shape");
        let report = replay_all(v2::good::Shop, &*place.store)
            .with_ended()
            .await
            .unwrap();
        assert!(report.is_ok() && report.runs == 2, "{place:?}: {report}");
    }
}

#[tokio::test]
async fn the_first_commit_after_it_writes_a_snapshot() {
    for place in stores() {
        left_by_v1(&place.store).await;
        assert!(place.store.snapshot("order", 9).await.unwrap().is_none());
        engine(v2::good::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
        let snapshot = place.store.snapshot("order", 9).await.unwrap().unwrap();
        assert_eq!(snapshot.step, 2, "{place:?}");
        // What is loaded now no longer needs the function.
        let run = engine(v2::panicking::Shop, &place.store)
            .get("order")
            .await
            .unwrap();
        assert_eq!(run.state().cents, 1300, "{place:?}");
        let turn = engine(v2::good::Shop, &place.store);
        turn.turn("order", v2::Order::update().cents(5))
            .await
            .unwrap();
        let later = place.store.snapshot("order", 9).await.unwrap().unwrap();
        assert_eq!(later.step, 2, "once is enough: {place:?}");
    }
}

#[tokio::test]
async fn a_correction_and_a_turn_write_it_too() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let engine = engine(v2::good::Shop, &place.store);
        engine
            .update("order", v2::Order::update().cents(7))
            .await
            .unwrap();
        let snapshot = place.store.snapshot("order", 9).await.unwrap().unwrap();
        let state: v2::Order = encode::from_str(&snapshot.state).unwrap();
        assert_eq!((snapshot.step, state.cents), (2, 7), "{place:?}");
    }
    for place in stores() {
        let old = engine(v1::with_a_van::Shop, &place.store);
        old.run("order", ada()).await.unwrap();
        let engine = engine(v2::good::Shop, &place.store);
        let found = engine.get("order").await.unwrap();
        assert_eq!((found.state().cents, found.state().log.len()), (1300, 2));
        let update = v2::Order::update().remark("again");
        let run = engine.turn("order", update).await.unwrap();
        assert_eq!(run.state().log.len(), 4, "{place:?}");
        let snapshot = place.store.snapshot("order", 3).await.unwrap().unwrap();
        let state: v2::Order = encode::from_str(&snapshot.state).unwrap();
        assert_eq!(
            (snapshot.step, state.remark),
            (3, "again".into()),
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn todays_own_texts_do_not_go_through_it() {
    for place in stores() {
        let shop = engine(v2::waiting::Shop, &place.store);
        shop.run("order", ada_today()).await.unwrap_err();
        let run = engine(v2::panicking::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
        assert_eq!(run.state().log.len(), 2, "{place:?}");
    }
}

#[tokio::test]
async fn a_third_version_goes_on_with_runs_of_both() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let run = engine(v3::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
        assert_eq!(run.state().log[1], "shipped with fragile", "{place:?}");
    }
    for place in stores() {
        let shop = engine(v2::waiting::Shop, &place.store);
        shop.run("order", ada_today()).await.unwrap_err();
        let run = engine(v3::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
        assert_eq!(run.state().log[1], "shipped with fragile", "{place:?}");
    }
    // Begun by the first, continued by the second, ended by the third.
    for place in stores() {
        left_by_v1(&place.store).await;
        let second = engine(v2::waiting::Shop, &place.store);
        second
            .update("order", v2::Order::update().remark("urgent"))
            .await
            .unwrap();
        second.resume("order").await.unwrap_err();
        let third = engine(v3::Shop, &place.store);
        let run = third.resume("order").await.unwrap();
        assert_eq!(run.state().log[1], "shipped with urgent", "{place:?}");
        let remarks = [vec![""], vec!["fragile"], vec!["urgent"]];
        for (step, remarks) in (0..).zip(remarks) {
            let state = third.state_at("order", step).await.unwrap();
            assert_eq!(state.remarks, remarks, "{place:?}, step {step}");
        }
    }
}

#[tokio::test]
async fn what_it_cannot_do_is_said_and_changes_nothing() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let before = head_of(&place.store).await;
        let refused = engine(v2::refusing::Shop, &place.store)
            .resume("order")
            .await;
        let words = [
            "run `order`: the input",
            "graph version 1",
            "no way for a State",
        ];
        undecodable(refused.unwrap_err(), &words);
        let refused = engine(v2::refusing_updates::Shop, &place.store)
            .resume("order")
            .await;
        undecodable(
            refused.unwrap_err(),
            &["run `order`: step 1 ", "graph version 1", "no updates"],
        );
        let panicked = engine(v2::panicking::Shop, &place.store)
            .resume("order")
            .await;
        undecodable(
            panicked.unwrap_err(),
            &["the input", "graph version 1", "out of paper"],
        );
        let left = engine(v2::leaving::Shop, &place.store)
            .resume("order")
            .await;
        undecodable(
            left.unwrap_err(),
            &["after `migrate` from graph version 1", "expected u64"],
        );
        assert_eq!(head_of(&place.store).await, before, "{place:?}");
        engine(v2::good::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn without_compatible_it_is_not_asked() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let error = engine(v2::unlisted::Shop, &place.store)
            .resume("order")
            .await
            .unwrap_err();
        assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
        for word in [
            "`who` is gone",
            "`cents` was a `String` and is a `u64`",
            "`first` is new",
        ] {
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}

#[tokio::test]
async fn another_reducer_needs_a_snapshot_at_the_head() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let before = head_of(&place.store).await;
        let error = engine(last::Shop, &place.store)
            .resume("order")
            .await
            .unwrap_err();
        let Error::GraphChanged {
            differences, help, ..
        } = &error
        else {
            panic!("{place:?}: {error}")
        };
        assert_eq!(
            differences[0],
            "field `log` had the reducer `append` and has `last`"
        );
        assert!(help.contains("engine.snapshot(\"order\")"), "{error}");
        assert_eq!(head_of(&place.store).await, before, "{place:?}");

        engine(v1::Shop, &place.store)
            .snapshot("order")
            .await
            .unwrap();
        let run = engine(last::Shop, &place.store)
            .resume("order")
            .await
            .unwrap();
        assert_eq!(run.state().log, ["after packed"], "{place:?}");
    }
}

#[tokio::test]
async fn a_snapshot_beside_an_older_step_is_refused() {
    for place in stores() {
        left_by_v1(&place.store).await;
        let shop = engine(v2::good::Shop, &place.store);
        let error = shop.snapshot("order").await.unwrap_err();
        assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
        assert!(
            error.to_string().contains("of version 1 of the graph"),
            "{error}"
        );
        shop.resume("order").await.unwrap();
        shop.snapshot("order").await.unwrap();
        let run = engine(v2::panicking::Shop, &place.store)
            .get("order")
            .await
            .unwrap();
        assert_eq!(run.state().cents, 1300, "{place:?}");
    }
}

#[tokio::test]
async fn kept_results_of_an_older_version_are_refused_and_not_lost() {
    for place in stores() {
        let old = engine(pair::old::Both, &place.store);
        old.run("order", pair::old::Pair::default())
            .await
            .unwrap_err();
        let error = engine(pair::new::Both, &place.store)
            .resume("order")
            .await
            .unwrap_err();
        undecodable(error, &["the kept result of `done`", "older version"]);
    }
}

#[tokio::test]
async fn kept_results_of_today_stand_also_where_the_last_step_is_older() {
    for place in stores() {
        let old = engine(pair::old::neither::Both, &place.store);
        let refused = old.run("order", pair::old::Pair::default()).await;
        refused.unwrap_err();
        let one = engine(pair::new::one::Both, &place.store);
        one.resume("order").await.unwrap_err();
        // Were `done` to run again, it would fail.
        let other = engine(pair::new::other::Both, &place.store);
        let run = other.resume("order").await.unwrap();
        assert_eq!(run.state().one, 2, "{place:?}");
    }
}

#[tokio::test]
async fn a_number_that_it_would_be_given_changed_is_refused() {
    for place in stores() {
        for (number, fits) in [(u64::MAX.into(), true), (u128::from(u64::MAX) + 1, false)] {
            let id = number.to_string();
            // Numbers in strings are text.
            let words = format!("\\\" {number}0");
            let state = huge::Huge { words, number };
            engine(huge::Old, &place.store)
                .run(&id, state)
                .await
                .unwrap();
            let looked = engine(huge::new::Old, &place.store).get(&id).await;
            match looked {
                Ok(run) => assert!(fits && run.state().number == number, "{place:?}"),
                Err(error) if fits => panic!("{place:?}: {error}"),
                Err(error) => undecodable(error, &[&id, "the number"]),
            }
        }
    }
}
