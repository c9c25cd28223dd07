//! Whoever is refused a run because its graph has changed is told the cure of each difference;
//! with it the run continues, and nothing that is stored is lost.

use superstep::Graph;
use superstep::prelude::*;
use superstep_tests::{Place, stores};

/// The program that left the run behind.
mod then {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        pub receipt: String,
        pub log: String,
    }

    #[node]
    pub fn pay(_: &Order) -> OrderUpdate {
        Order::update().receipt("receipt 7")
    }

    #[node]
    pub fn ship(_: &Order) -> Result<OrderUpdate, String> {
        Err("no van".into())
    }

    #[graph(state = Order, start -> pay -> ship -> end)]
    pub struct Shop;

    /// `ship` is called `dispatch` now.
    #[node]
    pub fn dispatch(order: &Order) -> OrderUpdate {
        Order::update().log(format!("sent with {}", order.receipt))
    }

    pub mod renamed {
        use super::{Order, dispatch, pay};
        use superstep::prelude::*;

        #[graph(state = Order, start -> pay -> dispatch -> end)]
        pub struct Shop;
    }

    pub mod declared {
        use super::{Order, dispatch, pay};
        use superstep::prelude::*;

        #[graph(
            state = Order,
            version = 2,
            compatible = ["77ee88614aa62f10c3c5814926d91821b5a4895b380cd798377fb76ea25c0626"],
            start -> pay -> dispatch -> end,
        )]
        pub struct Shop;
    }

    pub mod cured {
        use super::{Order, dispatch, pay};
        use superstep::prelude::*;

        #[graph(state = Order, ship = dispatch, start -> pay -> ship -> end)]
        pub struct Shop;
    }
}

/// There is a field more.
mod more {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        pub receipt: String,
        pub log: String,
        pub topic: String,
    }

    #[node]
    pub fn pay(_: &Order) {}

    #[node]
    pub fn ship(_: &Order) {}

    #[graph(state = Order, start -> pay -> ship -> end)]
    pub struct Shop;

    pub mod cured {
        use serde::{Deserialize, Serialize};
        use superstep::prelude::*;

        #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
        pub struct Order {
            pub receipt: String,
            pub log: String,
            #[serde(default)]
            pub topic: String,
        }

        #[node]
        pub fn pay(_: &Order) {}

        #[node]
        pub fn ship(_: &Order) {}

        #[graph(state = Order, start -> pay -> ship -> end)]
        pub struct Shop;
    }
}

/// A field has another name.
mod other {
    use serde::{Deserialize, Serialize};
    use serde_json::Value;
    use superstep::Part;
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[serde(default)]
        pub paper: String,
        pub log: String,
    }

    #[node]
    pub fn pay(_: &Order) {}

    #[node]
    pub fn ship(_: &Order) {}

    #[graph(state = Order, start -> pay -> ship -> end)]
    pub struct Shop;

    fn migrate(_: u32, _: Part, mut json: Value) -> Result<Value, String> {
        let fields = json.as_object_mut().ok_or("not an object")?;
        if let Some(receipt) = fields.remove("receipt") {
            fields.insert("paper".into(), receipt);
        }
        Ok(json)
    }

    pub mod cured {
        use super::{Order, migrate, pay, ship};
        use superstep::prelude::*;

        #[graph(
            state = Order,
            version = 2,
            compatible = ["77ee88614aa62f10c3c5814926d91821b5a4895b380cd798377fb76ea25c0626"],
            migrate = migrate,
            start -> pay -> ship -> end,
        )]
        pub struct Shop;
    }
}

/// A field has another reducer.
mod reduced {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[reduce(last)]
        pub receipt: String,
        pub log: String,
    }

    #[node]
    pub fn pay(_: &Order) {}

    #[node]
    pub fn ship(_: &Order) {}

    #[graph(state = Order, start -> pay -> ship -> end)]
    pub struct Shop;
}

fn engine<G: Graph>(graph: G, place: &Place) -> Engine<G> {
    let builder = Engine::builder(graph).store(place.store.clone());
    builder.build().unwrap()
}

/// A run that is paid and could not be shipped.
async fn left_open(place: &Place) {
    let run = engine(then::Shop, place).run("order", then::Order::default());
    let error = run.await.unwrap_err();
    assert!(matches!(error, Error::NodeFailed { .. }), "{error}");
}

/// What to do, by the engine of `graph`.
async fn advice<G: Graph>(graph: G, place: &Place) -> String {
    match engine(graph, place).resume("order").await.map(drop) {
        Err(Error::GraphChanged { help, .. } | Error::Undecodable { help, .. }) => help.into(),
        other => panic!("{other:?}"),
    }
}

const TURN: &str =
    "drop its open step with a further turn, which makes all calls anew, payments included";

#[tokio::test]
async fn a_new_field_needs_a_default_and_nothing_else() {
    for place in stores() {
        left_open(&place).await;
        let help = advice(more::Shop, &place).await;
        assert_eq!(
            help,
            "give `topic` `#[serde(default)]`; or finish the run with the program that left it open",
            "without it no turn can read the state"
        );
        let run = engine(more::cured::Shop, &place).resume("order").await;
        assert_eq!(run.unwrap().state().receipt, "receipt 7");
    }
}

#[tokio::test]
async fn what_became_of_a_field_is_said_before_the_graphs_are_declared_compatible() {
    for place in stores() {
        left_open(&place).await;
        let help = advice(other::Shop, &place).await;
        let start = "say in `migrate` what became of `receipt`; if the run can continue all the same, raise";
        assert!(help.starts_with(start), "{help}");
        assert!(!help.contains("turn"), "it would lose the receipt: {help}");
        let run = engine(other::cured::Shop, &place).resume("order").await;
        assert_eq!(run.unwrap().state().paper, "receipt 7");
    }
}

#[tokio::test]
async fn a_node_keeps_the_name_that_is_stored() {
    for place in stores() {
        left_open(&place).await;
        let help = advice(then::renamed::Shop, &place).await;
        let keep =
            "keep the stored name: `ship = dispatch` in the table, or `#[node(name = \"ship\")]`";
        let start = format!("for a node that was only renamed, {keep}; if the run can");
        assert!(help.starts_with(&start), "{help}");
        assert!(help.ends_with(TURN), "the state can be read: {help}");

        // The run stands at the node, so that declaring the graphs compatible does not help.
        let help = advice(then::declared::Shop, &place).await;
        let keep =
            "keep the stored name: `ship = path` in the table, or `#[node(name = \"ship\")]`";
        let said = format!("{keep}, or finish the run with the program that has it");
        assert_eq!(help, said);

        let run = engine(then::cured::Shop, &place).resume("order").await;
        assert_eq!(run.unwrap().state().log, "sent with receipt 7");
    }
}

#[tokio::test]
async fn another_reducer_needs_a_snapshot_of_the_program_that_wrote_the_steps() {
    for place in stores() {
        left_open(&place).await;
        let help = advice(reduced::Shop, &place).await;
        let take = "let the program that wrote it take a snapshot, `engine.snapshot(\"order\")`";
        assert!(help.starts_with(take), "{help}");
        assert!(!help.contains("turn"), "none can read the state: {help}");
        let error = engine(reduced::Shop, &place).get("order").await;
        let said = error.unwrap_err().to_string();
        let read = format!("or {take}; then this one can read the run from there");
        assert!(said.ends_with(&read), "{said}");

        engine(then::Shop, &place).snapshot("order").await.unwrap();
        let run = engine(reduced::Shop, &place).get("order").await.unwrap();
        assert_eq!(run.state().receipt, "receipt 7");
    }
}
