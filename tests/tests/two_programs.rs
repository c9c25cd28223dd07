//! Programs of several graphs beside each other on one run: none reads what another kept as
//! its own, and none writes a state that lacks what another has stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use superstep::prelude::*;
use superstep::store::{Prune, StoreError};
use superstep::testing::replay_all;
use superstep::{Graph, diff};
use superstep_tests::{Moment, Place, stores, well};
use tokio::sync::{Mutex, MutexGuard};

static BROKEN: AtomicBool = AtomicBool::new(true);

/// The tests share `BROKEN`.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    BROKEN.store(true, Ordering::SeqCst);
    alone
}

fn engine<G: Graph>(graph: G, place: &Place) -> Engine<G> {
    let engine = Engine::builder(graph).store(place.store.clone());
    engine.build().unwrap()
}

mod parts {
    use std::sync::atomic::Ordering;

    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Notes {
        #[reduce(append)]
        pub log: Vec<String>,
    }

    #[derive(Route)]
    pub enum Way {
        Yes,
        #[allow(dead_code, reason = "nobody goes this way")]
        No,
    }

    #[node]
    pub fn decide(_: &Notes) -> Way {
        Way::Yes
    }

    #[node]
    pub fn flaky(_: &Notes) -> Result<NotesUpdate, String> {
        match super::BROKEN.load(Ordering::SeqCst) {
            true => Err("broken".into()),
            false => Ok(Notes::update().log(["flaky"])),
        }
    }

    #[node]
    pub fn yes(_: &Notes) -> NotesUpdate {
        Notes::update().log(["yes"])
    }

    #[node]
    pub fn no(_: &Notes) -> NotesUpdate {
        Notes::update().log(["no"])
    }
}

mod first {
    use superstep::prelude::*;

    use super::parts::*;

    #[graph(
        state = Notes,
        start -> [decide, flaky],
        decide -> match { Way::Yes => yes, Way::No => no },
        yes -> end,
        no -> end,
        flaky -> end,
    )]
    pub struct Shop;
}

/// The arms are in another order, so the edges have other numbers.
mod second {
    use superstep::prelude::*;

    use super::parts::*;

    #[graph(
        state = Notes,
        version = 2,
        compatible = ["dee8f797b532726ef9e233969f3f0f86d81ef9be809914f54e32dbc6370afab1"],
        start -> [decide, flaky],
        decide -> match { Way::No => no, Way::Yes => yes },
        yes -> end,
        no -> end,
        flaky -> end,
    )]
    pub struct Shop;
}

/// Of the same version as `second`, with the arms as `first` has them.
mod third {
    use superstep::prelude::*;

    use super::parts::*;

    #[graph(
        state = Notes,
        version = 2,
        compatible = ["dee8f797b532726ef9e233969f3f0f86d81ef9be809914f54e32dbc6370afab1"],
        start -> [decide, flaky],
        decide -> match { Way::Yes => yes, Way::No => no },
        no -> end,
        yes -> end,
        flaky -> end,
    )]
    pub struct Shop;
}

/// A run of which nothing has run, and in whose first step `second` has kept a result.
async fn kept_by_the_second(place: &Place) {
    let first = engine(first::Shop, place);
    BROKEN.store(true, Ordering::SeqCst);
    let seed = format!("seed {}", place.kind);
    first
        .run(&*seed, parts::Notes::default())
        .await
        .unwrap_err();
    first.fork(&seed, 0, "r", |_| {}).await.unwrap();
    let error = engine(second::Shop, place).resume("r").await.unwrap_err();
    assert!(matches!(error, Error::NodeFailed { .. }), "{error}");
    BROKEN.store(false, Ordering::SeqCst);
}

/// Nobody else knows what the edges of `second` are: it has committed nothing.
fn is_refused(run: Result<Run<parts::Notes>, Error>) {
    let error = run.unwrap_err();
    assert!(matches!(error, Error::Undecodable { .. }), "{error}");
    assert!(
        error.to_string().contains("the kept result of `decide`"),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_newer_program_kept_is_not_taken_for_the_older_ones() {
    let _alone = alone().await;
    for place in stores() {
        kept_by_the_second(&place).await;
        is_refused(engine(first::Shop, &place).resume("r").await);
        // Its own program goes on.
        let run = engine(second::Shop, &place).resume("r").await.unwrap();
        assert_eq!(run.state().log, ["flaky", "yes"]);
    }
}

#[tokio::test]
async fn a_version_in_common_makes_no_graph_the_same() {
    let _alone = alone().await;
    for place in stores() {
        kept_by_the_second(&place).await;
        is_refused(engine(third::Shop, &place).resume("r").await);
    }
}

#[tokio::test]
async fn a_correction_does_not_change_whose_a_kept_result_is() {
    let _alone = alone().await;
    for place in stores() {
        BROKEN.store(true, Ordering::SeqCst);
        let first = engine(first::Shop, &place);
        first.run("r", parts::Notes::default()).await.unwrap_err();
        let second = engine(second::Shop, &place);
        let corrected = parts::Notes::update().log(["corrected"]);
        second.update("r", corrected).await.unwrap();
        BROKEN.store(false, Ordering::SeqCst);
        let run = second.resume("r").await.unwrap();
        assert_eq!(run.state().log, ["corrected", "flaky", "yes"]);
    }
}

/// The same in all but the graph, which the chain covers.
#[tokio::test]
async fn a_difference_of_graphs_is_told_as_one() {
    let _alone = alone().await;
    BROKEN.store(false, Ordering::SeqCst);
    for place in stores() {
        let (first, second) = (engine(first::Shop, &place), engine(second::Shop, &place));
        for run in ["x", "y"] {
            first.run(run, parts::Notes::default()).await.unwrap();
        }
        first
            .turn("x", parts::Notes::update().log(["more"]))
            .await
            .unwrap();
        second
            .turn("y", parts::Notes::update().log(["more"]))
            .await
            .unwrap();
        let store = &*place.store;
        let found = diff((store, "x"), (store, "y")).await.unwrap().unwrap();
        let said = "runs `x` and `y` differ in step 3: only the graphs are not the same, which these steps say";
        assert_eq!(found.to_string(), said);
    }
}

/// A step that its store's fault left has no status of its own.
#[tokio::test]
async fn what_was_kept_goes_with_its_step() {
    let _alone = alone().await;
    for place in stores() {
        let fails = Arc::new(AtomicBool::new(true));
        let store = place.hooked(move |at, name| {
            match at == Moment::Before && name == "journal" && fails.swap(false, Ordering::SeqCst) {
                true => Box::pin(std::future::ready(Err(StoreError::Backend {
                    message: "no luck".into(),
                    source: None,
                }))),
                false => well(),
            }
        });
        let away = Engine::builder(calling::Shop).store(store).build().unwrap();
        away.run("r", calling::Calls::default()).await.unwrap_err();
        let kept = async || place.store.load("r").await.unwrap().unwrap().pending.len();
        assert_eq!(
            kept().await,
            1,
            "of the task beside the one that lost its store"
        );
        let error = engine(calling::Shop, &place).resume("r").await.unwrap_err();
        assert!(
            matches!(error, Error::NodeFailed { step: 2, .. }),
            "{error}"
        );
        assert_eq!(kept().await, 0, "{}", place.kind);
    }
}

mod calling {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Calls {
        called: u64,
    }

    #[node]
    fn quiet(_: &Calls) {}

    #[node]
    async fn calls(_: &Calls, cx: &Cx) -> Result<CallsUpdate, NodeError> {
        let one = cx.effect("one", &1).run(|| async { superstep::ok(1) });
        Ok(Calls::update().called(one.await?))
    }

    #[node]
    fn fails(_: &Calls) -> Result<(), String> {
        Err("not today".into())
    }

    #[graph(state = Calls, start -> [quiet, calls], quiet -> end, calls -> fails -> end)]
    pub struct Shop;
}

mod old {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        pub item: String,
        #[reduce(append)]
        pub log: Vec<String>,
    }

    #[node]
    pub fn price(order: &Order) -> Result<OrderUpdate, String> {
        match &*order.item {
            "bad" => Err("no".into()),
            _ => Ok(Order::update().log(["priced"])),
        }
    }

    #[graph(state = Order, start -> price -> end)]
    pub struct Shop;
}

mod new {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        pub item: String,
        #[reduce(append)]
        pub log: Vec<String>,
        #[serde(default)]
        #[reduce(sum)]
        pub cents: u64,
    }

    #[node]
    pub fn price(order: &Order) -> Result<OrderUpdate, String> {
        match &*order.item {
            "bad" => Err("no".into()),
            _ => Ok(Order::update().log(["priced"]).cents(100)),
        }
    }

    #[graph(state = Order, start -> price -> end)]
    pub struct Shop;
}

/// An order that the new program has ended, with cents of which the old one knows nothing.
async fn priced(place: &Place) -> Engine<new::Shop> {
    let new = engine(new::Shop, place);
    let order = new::Order {
        item: "desk".into(),
        ..Default::default()
    };
    new.run("r", order).await.unwrap();
    new
}

fn loses_cents<T>(refused: Result<T, Error>) {
    let error = refused.map(drop).unwrap_err();
    let Error::GraphChanged {
        differences, help, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(differences, &["field `cents` is gone"]);
    assert!(
        help.contains("another step would lose what is stored there: if this program is the newer one, say in `migrate` what became of `cents`"),
        "{error}"
    );
}

#[tokio::test]
async fn no_older_program_writes_a_state_without_a_newer_field() {
    for place in stores() {
        let new = priced(&place).await;
        let old = engine(old::Shop, &place);
        assert_eq!(
            old.get("r").await.unwrap().state().item,
            "desk",
            "reading loses nothing"
        );
        loses_cents(old.turn("r", old::Order::update().log(["more"])).await);
        loses_cents(old.update("r", old::Order::update().log(["more"])).await);
        loses_cents(old.fork("r", 1, "f", |_| {}).await);
        let error = old.snapshot("r").await.unwrap_err();
        assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
        assert_eq!(new.get("r").await.unwrap().state().cents, 100);

        new.turn("r", new::Order::update().item("bad"))
            .await
            .unwrap_err();
        loses_cents(old.turn("r", old::Order::update().item("desk")).await);
        old.snapshot("r").await.unwrap_err();
        assert_eq!(
            new.get("r").await.unwrap().state().cents,
            100,
            "of an open run"
        );
    }
}

#[tokio::test]
async fn a_newer_field_is_no_hindrance_to_the_program_that_has_it() {
    for place in stores() {
        let order = old::Order {
            item: "desk".into(),
            ..Default::default()
        };
        engine(old::Shop, &place).run("r", order).await.unwrap();
        let new = engine(new::Shop, &place);
        assert_eq!(new.get("r").await.unwrap().state().cents, 0);
        new.snapshot("r").await.unwrap();
        new.fork("r", 1, "f", |order| order.cents = 7)
            .await
            .unwrap();
        let run = new.turn("f", new::Order::update()).await.unwrap();
        assert_eq!(run.state().cents, 107);
    }
}

fn is_of_another_graph<T>(refused: Result<T, Error>) {
    let error = refused.map(drop).unwrap_err();
    assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
}

/// What a fork begins with is the whole state, as the program that made it has it.
#[tokio::test]
async fn no_older_program_goes_on_with_a_fork_that_a_newer_one_made() {
    for place in stores() {
        let (old, new) = (engine(old::Shop, &place), engine(new::Shop, &place));
        let order = old::Order {
            item: "desk".into(),
            ..Default::default()
        };
        old.run("r", order).await.unwrap();
        let edit = |order: &mut new::Order| order.cents = 7;

        new.fork("r", 1, "ended", edit).await.unwrap();
        loses_cents(old.snapshot("ended").await);
        loses_cents(old.turn("ended", old::Order::update()).await);
        loses_cents(old.update("ended", old::Order::update()).await);
        loses_cents(old.fork("ended", 2, "f", |_| {}).await);

        new.fork("r", 0, "open", edit).await.unwrap();
        is_of_another_graph(old.snapshot("open").await);
        is_of_another_graph(old.update("open", old::Order::update()).await);
        is_of_another_graph(old.resume("open").await);

        assert_eq!(
            engine(new::Shop, &place)
                .get("ended")
                .await
                .unwrap()
                .state()
                .cents,
            7
        );
        assert_eq!(new.resume("open").await.unwrap().state().cents, 107);
    }
}

/// An added field with a default is no difference.
#[tokio::test]
async fn a_fork_is_the_same_for_a_newer_program_that_makes_it_again() {
    for place in stores() {
        let (old, new) = (engine(old::Shop, &place), engine(new::Shop, &place));
        old.run("r", old::Order::default()).await.unwrap();
        let edit = |order: &mut old::Order| order.item = "desk".into();
        let made = old.fork("r", 0, "f", edit).await.unwrap();
        let edit = |order: &mut new::Order| order.item = "desk".into();
        let again = new.fork("r", 0, "f", edit).await.unwrap();
        assert_eq!(again.fingerprint(), made.fingerprint());
        let edit = |order: &mut new::Order| (order.item, order.cents) = ("desk".into(), 7);
        let error = new.fork("r", 0, "f", edit).await.unwrap_err();
        assert!(matches!(error, Error::RunExists { .. }), "{error}");
    }
}

/// The same program as `old` with another name for a field.
mod renamed {
    use serde::{Deserialize, Serialize};
    use serde_json::Value;
    use superstep::Part;
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[serde(default)]
        pub thing: String,
        #[reduce(append)]
        pub log: Vec<String>,
    }

    fn migrate(_: u32, _: Part, mut json: Value) -> Result<Value, String> {
        let fields = json.as_object_mut().ok_or("no fields")?;
        if let Some(item) = fields.remove("item") {
            fields.insert("thing".into(), item);
        }
        Ok(json)
    }

    #[node]
    pub fn price(order: &Order) -> OrderUpdate {
        Order::update().log([format!("{} priced", order.thing)])
    }

    #[graph(
        state = Order,
        version = 2,
        compatible = ["bc542d81daae071be097a6f2527499f164275c3a7134dee12e60bae74f731283"],
        migrate = migrate,
        start -> price -> end,
    )]
    pub struct Shop;
}

#[tokio::test]
async fn no_older_program_goes_on_with_a_fork_of_another_shape() {
    for place in stores() {
        let old = engine(old::Shop, &place);
        let order = old::Order {
            item: "desk".into(),
            ..Default::default()
        };
        old.run("r", order).await.unwrap();
        let renamed = engine(renamed::Shop, &place);
        let fork = renamed.fork("r", 0, "f", |_| {}).await.unwrap();
        assert_eq!(fork.state().thing, "desk");
        is_of_another_graph(old.resume("f").await);
        is_of_another_graph(old.snapshot("f").await);
        let run = renamed.resume("f").await.unwrap();
        assert_eq!(run.state().log, ["desk priced"]);
    }
}

/// Whose version is higher means what it does.
mod dropped {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[reduce(append)]
        pub log: Vec<String>,
    }

    #[node]
    pub fn price(_: &Order) -> OrderUpdate {
        Order::update().log(["dear"])
    }

    #[graph(state = Order, version = 2, start -> price -> end)]
    pub struct Shop;
}

#[tokio::test]
async fn a_newer_program_may_have_dropped_a_field() {
    for place in stores() {
        priced(&place).await;
        let dropped = engine(dropped::Shop, &place);
        let run = dropped.turn("r", dropped::Order::update()).await.unwrap();
        assert_eq!(run.state().log, ["priced", "dear"]);
    }
}

/// A snapshot by a program that may not continue the run would bar its own from it.
#[tokio::test]
async fn no_program_takes_a_snapshot_of_a_run_that_it_may_not_continue() {
    for place in stores() {
        let own = engine(old::Shop, &place);
        let order = old::Order {
            item: "bad".into(),
            ..Default::default()
        };
        own.run("r", order).await.unwrap_err();
        let other = engine(dropped::Shop, &place);
        let error = other.snapshot("r").await.unwrap_err();
        assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
        other.prune(Prune::history()).await.unwrap();
        assert_eq!(own.get("r").await.unwrap().state().item, "bad");
    }
}

/// That it gives the same is not all that a deployment needs.
#[tokio::test]
async fn a_replay_names_what_would_not_be_continued() {
    for place in stores() {
        let own = engine(old::Shop, &place);
        let order = old::Order {
            item: "bad".into(),
            ..Default::default()
        };
        own.run("r", order).await.unwrap_err();
        let report = replay_all(old::Shop, &*place.store).await.unwrap();
        assert!(report.is_ok() && report.refused.is_empty(), "{report}");
        let report = replay_all(reduced::Shop, &*place.store).await.unwrap();
        assert_eq!(report.refused.len(), 1, "{report}");
        let error = &report.refused[0].error;
        assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
        let said = report.to_string();
        assert!(
            said.contains("1 of 1 runs would not be continued by this graph"),
            "{said}"
        );
        let resumed = engine(reduced::Shop, &place).resume("r").await.unwrap_err();
        assert_eq!(resumed.to_string(), error.to_string());
    }
}

mod reduced {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        pub item: String,
        pub log: Vec<String>,
    }

    #[node]
    pub fn price(_: &Order) -> OrderUpdate {
        Order::update().log(["dear".to_owned()])
    }

    #[graph(state = Order, start -> price -> end)]
    pub struct Shop;
}

mod items {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Lot {
        #[reduce(append)]
        pub log: Vec<String>,
    }

    #[derive(Route)]
    pub enum Parts {
        Each(Vec<u64>),
        #[allow(dead_code, reason = "nobody goes this way")]
        One(u64),
    }

    #[node]
    pub fn split(_: &Lot) -> Parts {
        Parts::Each(vec![10, 11])
    }

    #[node]
    pub fn work(_: &Lot, part: u64) -> Result<(), String> {
        match part {
            11 => Err("eleven".into()),
            _ => Ok(()),
        }
    }

    #[node]
    pub fn note(_: &Lot, failure: Failure) -> LotUpdate {
        Lot::update().log([format!("{:?} {:?}", failure.item, failure.input)])
    }

    #[graph(
        state = Lot,
        start -> split,
        split -> match { Parts::Each(parts) => each work(parts) else end, Parts::One(part) => work(part) },
        work -> end,
        work on error -> note,
        note -> end,
    )]
    pub struct Depot;
}

mod moved {
    use superstep::prelude::*;

    use super::items::*;

    #[graph(
        state = Lot,
        version = 2,
        compatible = ["054f4d1e7e5796380fedfa4268cba8fa08cfee18bcd48eb4b1843870147a62df"],
        start -> split,
        split -> match { Parts::One(part) => work(part), Parts::Each(parts) => each work(parts) else end },
        work -> end,
        work on error -> note,
        note -> end,
    )]
    pub struct Depot;
}

/// In the newer table another row has the number of the `each`.
#[tokio::test]
async fn a_task_keeps_the_item_that_it_was_sent_with() {
    for place in stores() {
        let before = engine(items::Depot, &place);
        let run = before.run("r", items::Lot::default()).await.unwrap();
        assert_eq!(run.state().log, ["Some(1) Some(\"11\")"]);
        before.fork("r", 1, "f", |_| {}).await.unwrap();
        let carried = engine(moved::Depot, &place).resume("f").await.unwrap();
        assert_eq!(carried.state().log, run.state().log);

        before.fork("r", 1, "corrected", |_| {}).await.unwrap();
        let moved = engine(moved::Depot, &place);
        let correction = items::Lot::update().log(["corrected"]);
        moved.update("corrected", correction).await.unwrap();
        let carried = moved.resume("corrected").await.unwrap();
        let [_, item] = &carried.state().log[..] else {
            panic!("{carried:?}");
        };
        assert_eq!(*item, run.state().log[0], "behind a correction by it");

        moved.fork("r", 1, "its own", |_| {}).await.unwrap();
        let carried = moved.resume("its own").await.unwrap();
        assert_eq!(carried.state().log, run.state().log, "in a fork by it");
    }
}

mod city {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub struct Address {
        #[serde(default)]
        pub city: String,
    }

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Parcel {
        pub to: Address,
        #[reduce(append)]
        pub log: Vec<String>,
    }

    #[node]
    pub fn ship(parcel: &Parcel) -> ParcelUpdate {
        Parcel::update().log([format!("to {:?}", parcel.to.city)])
    }

    #[graph(state = Parcel, start -> ship -> end)]
    pub struct Post;
}

/// Only a type inside a field is another one, of which the fingerprint knows nothing.
mod town {
    use serde::{Deserialize, Serialize};
    use serde_json::Value;
    use superstep::Part;
    use superstep::prelude::*;

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    pub struct Address {
        #[serde(default)]
        pub town: String,
    }

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Parcel {
        pub to: Address,
        #[reduce(append)]
        pub log: Vec<String>,
    }

    fn migrate(_: u32, _: Part, mut json: Value) -> Result<Value, String> {
        let to = json.get_mut("to").and_then(Value::as_object_mut);
        if let Some(to) = to
            && let Some(city) = to.remove("city")
        {
            to.insert("town".into(), city);
        }
        Ok(json)
    }

    #[node]
    pub fn ship(parcel: &Parcel) -> ParcelUpdate {
        Parcel::update().log([format!("to {:?}", parcel.to.town)])
    }

    #[graph(state = Parcel, version = 2, migrate = migrate, start -> ship -> end)]
    pub struct Post;
}

fn is_of_an_older_version<T>(refused: Result<T, Error>) {
    let error = refused.map(drop).unwrap_err();
    assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("was written by version 2, and this is version 1"),
        "{said}"
    );
    assert!(said.contains("go on with a program of version 2"), "{said}");
}

#[tokio::test]
async fn no_older_version_writes_behind_a_newer_one_of_the_same_fingerprint() {
    assert_eq!(
        city::Post::INFO.fingerprint(),
        town::Post::INFO.fingerprint()
    );
    for place in stores() {
        let (old, new) = (engine(city::Post, &place), engine(town::Post, &place));
        let to = city::Address { city: "Ulm".into() };
        let parcel = city::Parcel {
            to,
            ..Default::default()
        };
        old.run("r", parcel).await.unwrap();
        new.turn("r", town::Parcel::update()).await.unwrap();
        // It is in memory from now on.
        old.get("r").await.unwrap();
        is_of_an_older_version(old.turn("r", city::Parcel::update()).await);
        is_of_an_older_version(old.update("r", city::Parcel::update()).await);
        is_of_an_older_version(old.snapshot("r").await);
        is_of_an_older_version(old.fork("r", 3, "f", |_| {}).await);
        assert_eq!(
            engine(town::Post, &place)
                .get("r")
                .await
                .unwrap()
                .state()
                .to
                .town,
            "Ulm"
        );

        new.fork("r", 0, "open", |_| {}).await.unwrap();
        is_of_an_older_version(old.resume("open").await);
        is_of_an_older_version(old.update("open", city::Parcel::update()).await);
        let report = replay_all(city::Post, &*place.store).await.unwrap();
        assert_eq!(report.refused.len(), 1, "{report}");
        is_of_an_older_version(Err::<(), _>(report.refused[0].error.clone()));
        let run = new.resume("open").await.unwrap();
        assert_eq!(run.state().log, ["to \"Ulm\""]);

        // Its own steps are as they were.
        old.fork("r", 1, "own", |_| {}).await.unwrap();
        let run = old.turn("own", city::Parcel::update()).await.unwrap();
        assert_eq!(run.state().log, ["to \"Ulm\"", "to \"Ulm\""]);
    }
}
