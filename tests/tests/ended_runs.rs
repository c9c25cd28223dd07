//! A run that has ended is bound to no graph: it can be read, labelled, forked, corrected,
//! answered and continued by a turn under any graph whose state decodes what it stored
//! and whose reducers are those of the steps to be redone.

use superstep::prelude::*;
use superstep::store::{Prune, StepKind, StoreExt};
use superstep::testing::replay_all;
use superstep::{Graph, StepInfo};
use superstep_tests::{Place, stores};

/// The program as it was: an order goes to `pick`, which sends it on.
mod then {
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

    #[derive(Route)]
    pub enum Way {
        Parts(Vec<u64>),
        Whole,
    }

    #[node]
    pub fn pick(order: &Order) -> Result<(OrderUpdate, Way), String> {
        let way = match order.item.as_str() {
            "desk" => Way::Parts(vec![1, 2]),
            "ghost" => return Err("there is none".into()),
            _ => Way::Whole,
        };
        Ok((Order::update().log([format!("picked {}", order.item)]), way))
    }

    #[node]
    pub fn fetch(_: &Order, part: u64) -> OrderUpdate {
        Order::update().log([format!("fetched {part}")])
    }

    /// A doubtful carrier.
    #[node]
    pub async fn ship(order: &Order, cx: &Cx) -> Result<OrderUpdate, NodeError> {
        if order.item == "piano" {
            let call = cx.effect("carry", &order.item).at_most_once();
            call.run(|| async { Err::<u64, _>(NodeError::permanent("the line went dead")) })
                .await?;
        }
        Ok(Order::update().log(["shipped"]))
    }

    #[graph(
        state = Order,
        start -> pick,
        pick -> match { Way::Parts(parts) => each fetch(parts) else end, Way::Whole => ship },
        fetch -> ship -> end,
    )]
    pub struct Shop;
}

/// The program as it is: other nodes, other rows, another order of fields.
mod now {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[reduce(append)]
        pub log: Vec<String>,
        pub item: String,
        #[serde(default)]
        #[reduce(sum)]
        pub cents: u64,
    }

    #[node]
    pub fn price(order: &Order) -> OrderUpdate {
        let log = [format!("priced {}", order.item)];
        Order::update().cents(100).log(log)
    }

    #[node]
    pub fn send(_: &Order) -> OrderUpdate {
        Order::update().log(["sent"])
    }

    #[graph(state = Order, start -> price -> send -> end)]
    pub struct Shop;
}

/// The program as it will be: the log keeps only its last line.
mod later {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[reduce(last)]
        pub log: Vec<String>,
        pub item: String,
        #[serde(default)]
        #[reduce(sum)]
        pub cents: u64,
    }

    #[node]
    pub fn price(_: &Order) -> OrderUpdate {
        Order::update().log(["priced anew"])
    }

    #[graph(state = Order, start -> price -> end)]
    pub struct Shop;
}

fn engine<G: Graph>(graph: G, place: &Place) -> Engine<G> {
    let builder = Engine::builder(graph).store(place.store.clone());
    builder.build().unwrap()
}

fn order(item: &str) -> then::Order {
    then::Order {
        item: item.into(),
        ..Default::default()
    }
}

const LOG: [&str; 4] = ["picked desk", "fetched 1", "fetched 2", "shipped"];

/// A finished order of the old program.
async fn finished(place: &Place) {
    let run = engine(then::Shop, place).run("order", order("desk")).await;
    assert_eq!(run.unwrap().state().log, LOG);
}

#[tokio::test]
async fn a_finished_run_is_read_under_another_graph() {
    for place in stores() {
        finished(&place).await;
        let then = engine(then::Shop, &place);
        let (was, told) = (
            then.get("order").await.unwrap(),
            then.history("order").await.unwrap(),
        );
        let today = engine(now::Shop, &place);
        let run = today.get("order").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        assert_eq!(run.state().log, LOG);
        assert_eq!(run.fingerprint(), was.fingerprint());
        assert_eq!(today.resume("order").await.unwrap().state().log, LOG);
        assert_eq!(today.state_at("order", 1).await.unwrap().log, LOG[..1]);
        // Names and all, as the old graph had them.
        assert_eq!(today.history("order").await.unwrap(), told);
        let to = told[1].tasks[0].to.clone();
        assert_eq!(to, Some(vec![("fetch".to_owned(), 2)]));

        today.label("order", 1, "picked").await.unwrap();
        assert_eq!(today.labels("order").await.unwrap(), [("picked".into(), 1)]);
        today.snapshot("order").await.unwrap();
        // The same input again is the same run.
        let again = now::Order {
            item: "desk".into(),
            ..Default::default()
        };
        assert_eq!(today.run("order", again).await.unwrap().state().log, LOG);
    }
}

#[tokio::test]
async fn a_turn_begins_under_todays_graph_and_its_step_says_so() {
    for place in stores() {
        finished(&place).await;
        let today = engine(now::Shop, &place);
        let run = today.turn("order", now::Order::update().item("lamp"));
        let run = run.token("msg-1").await.unwrap();
        assert_eq!(run.state().log[4..], ["priced lamp", "sent"]);
        assert_eq!((run.state().cents, run.turn()), (100, 1));

        let steps = place.store.all_steps("order", 0, 99).await.unwrap();
        let marked: Vec<_> = steps.iter().filter(|step| step.graph.is_some()).collect();
        assert_eq!(marked.len(), 1, "{marked:?}");
        assert_eq!((marked[0].step, marked[0].kind), (4, StepKind::Turn));
        assert_eq!(marked[0].graph, Some(now::Shop::INFO.fingerprint()));
        let head = place.store.head("order").await.unwrap().unwrap();
        assert_eq!(head.fingerprint, then::Shop::INFO.fingerprint());
        assert_eq!(head.graph_now().0, now::Shop::INFO.fingerprint());

        // Another turn under the same graph does not name it again, and both can read it.
        today
            .turn("order", now::Order::update().item("rug"))
            .await
            .unwrap();
        let steps = place.store.all_steps("order", 7, 99).await.unwrap();
        assert!(steps.iter().all(|step| step.graph.is_none()));
        let then = engine(then::Shop, &place);
        let read = then.get("order").await.unwrap();
        assert_eq!(
            read.state().log,
            today.get("order").await.unwrap().state().log
        );

        // And back again.
        let run = then.turn("order", then::Order::update().item("cup"));
        assert_eq!(
            run.await.unwrap().state().log[8..],
            ["picked cup", "shipped"]
        );
        let turns: Vec<_> = told(&today.history("order").await.unwrap());
        assert_eq!(
            turns,
            [(0, None), (1, Some("msg-1".into())), (2, None), (3, None)]
        );
    }
}

/// Each turn with its token.
fn told(history: &[StepInfo]) -> Vec<(u64, Option<String>)> {
    let mut turns: Vec<_> = history
        .iter()
        .map(|step| (step.turn, step.token.clone()))
        .collect();
    turns.dedup();
    turns
}

#[tokio::test]
async fn the_chain_covers_which_graph_a_turn_is_of() {
    // The same update after the same past, except for the graph.
    let place = superstep_tests::memory();
    let (one, other) = (engine(then::Shop, &place), engine(same::Shop, &place));
    for run in ["one", "other"] {
        one.run(run, order("cup")).seed(7).await.unwrap();
    }
    let update = || then::Order::update().item("rug");
    one.turn("one", update()).await.unwrap();
    other.turn("other", update()).await.unwrap();
    let step = async |run| place.store.all_steps(run, 3, 3).await.unwrap().remove(0);
    let (one, other) = (step("one").await, step("other").await);
    assert_eq!(one.updates, other.updates);
    assert_eq!(one.frontier, other.frontier);
    assert_ne!(one.digest, other.digest);
    assert_ne!(one.chain, other.chain);

    mod same {
        use superstep::prelude::*;

        use super::then::{Order, Way, fetch, pick, ship};

        // One row is written differently.
        #[graph(
            state = Order,
            start -> pick,
            pick -> match { Way::Parts(parts) => each fetch(parts) else ship, Way::Whole => ship },
            fetch -> ship -> end,
        )]
        pub struct Shop;
    }
}

#[tokio::test]
async fn an_open_run_waits_for_its_graph_and_can_be_looked_at() {
    for place in stores() {
        let then = engine(then::Shop, &place);
        then.run("order", order("ghost")).await.unwrap_err();
        let today = engine(now::Shop, &place);
        let run = today.get("order").await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Failed, 0));
        assert_eq!(run.error().unwrap().code, "node_failed");
        assert_eq!(today.history("order").await.unwrap().len(), 1);

        let error = today.resume("order").await.unwrap_err();
        let Error::GraphChanged { stored, help, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*stored, then::Shop::INFO.fingerprint());
        assert!(
            help.contains("raise this graph's `version` above 1"),
            "{error}"
        );
        let error = today.update("order", now::Order::update()).await;
        assert!(matches!(error, Err(Error::GraphChanged { .. })));
        let error = today.fork("order", 0, "fork", |_| {}).await;
        assert!(matches!(error, Err(Error::GraphChanged { .. })));

        // Another turn drops what was open, and continues under today's graph.
        let run = today.turn("order", now::Order::update().item("lamp")).await;
        assert_eq!(run.unwrap().state().log, ["priced lamp", "sent"]);
        let error = then.fork("order", 1, "other", |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
    }
}

/// What nobody knows is asked before a turn drops it, whatever graph it belongs to.
#[tokio::test]
async fn a_turn_under_another_graph_asks_for_what_is_unknown() {
    for place in stores() {
        let then = engine(then::Shop, &place);
        let run = then.run("order", order("piano")).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        let today = engine(now::Shop, &place);
        let run = today.get("order").await.unwrap();
        let [question] = run.interrupts() else {
            panic!("{run:?}")
        };
        assert_eq!(
            (question.node.as_str(), question.name.as_str()),
            ("ship", "carry")
        );
        let turn = || today.turn("order", now::Order::update().item("lamp"));
        let error = turn().await.unwrap_err();
        assert!(matches!(error, Error::RunNotFinished { .. }), "{error}");
        let answer = Outcome::Happened(7_u64);
        today.answer("order", &question.id, answer).await.unwrap();
        // Once answered, it is still open, and continues where it began.
        let error = turn().await.unwrap_err();
        assert!(matches!(error, Error::RunNotFinished { .. }), "{error}");
        let run = then.resume("order").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        turn().await.unwrap();
    }
}

#[tokio::test]
async fn a_fork_at_the_end_of_a_turn_has_ended() {
    for place in stores() {
        finished(&place).await;
        let today = engine(now::Shop, &place);
        let fork = today.fork("order", 3, "fork", |order| order.log.clear());
        let fork = fork.await.unwrap();
        assert_eq!(fork.status(), Status::Completed);
        let run = today.turn("fork", now::Order::update().item("lamp")).await;
        assert_eq!(run.unwrap().state().log, ["priced lamp", "sent"]);
        assert_eq!(today.history("fork").await.unwrap().len(), 8);
        // In the middle there is a frontier of another graph.
        let error = today.fork("order", 1, "other", |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
        assert!(place.store.head("other").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_ended_run_is_corrected_under_another_graph() {
    for place in stores() {
        finished(&place).await;
        let today = engine(now::Shop, &place);
        let run = today.update("order", now::Order::update().cents(7)).await;
        let run = run.unwrap();
        assert_eq!((run.status(), run.state().cents), (Status::Completed, 7));
        let loaded = engine(now::Shop, &place).get("order").await.unwrap();
        assert_eq!(loaded.state().cents, 7);
    }
}

/// A state is recomputed by today's reducers.
#[tokio::test]
async fn another_reducer_is_told_with_field_and_step_unless_a_snapshot_lies_behind() {
    for place in stores() {
        finished(&place).await;
        let later = engine(later::Shop, &place);
        let error = later.get("order").await.unwrap_err();
        let Error::GraphChanged {
            differences, help, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert!(
            differences[0].contains("field `log` had the reducer `append`"),
            "{error}"
        );
        assert!(help.contains("step 1 was merged"), "{error}");
        assert!(!help.contains("compatible"), "{error}");
        // What needs no state can be read.
        assert_eq!(later.history("order").await.unwrap().len(), 4);
        assert_eq!(later.state_at("order", 0).await.unwrap().item, "desk");

        engine(then::Shop, &place).snapshot("order").await.unwrap();
        let run = later.get("order").await.unwrap();
        assert_eq!(run.state().log, LOG);
        let run = later
            .turn("order", later::Order::update().item("lamp"))
            .await;
        assert_eq!(run.unwrap().state().log, ["priced anew"]);
        let error = later.state_at("order", 2).await.unwrap_err();
        assert!(error.to_string().contains("step 1 was merged"), "{error}");
    }
}

/// Under three graphs, each turn is replayed by its own program.
#[tokio::test]
async fn a_replay_takes_the_turns_of_its_graph_and_names_the_others() {
    for place in stores() {
        let then = engine(then::Shop, &place);
        let today = engine(now::Shop, &place);
        finished(&place).await;
        let lamp = || now::Order::update().item("lamp");
        today.turn("order", lamp()).await.unwrap();
        then.turn("order", then::Order::update().item("desk"))
            .await
            .unwrap();
        then.turn("order", then::Order::update().item("cup"))
            .await
            .unwrap();
        let end = today.turn("order", lamp()).await.unwrap();

        let replayed = today.replay("order").await.unwrap();
        assert_eq!(replayed.fingerprint(), end.fingerprint());
        let skipped = |run: &[superstep::SkippedTurn]| -> Vec<_> {
            run.iter().map(|turn| (turn.turn, turn.steps)).collect()
        };
        let others = [(0, (0, 3)), (2, (7, 10)), (3, (11, 13))];
        assert_eq!(skipped(replayed.skipped()), others);
        assert_eq!(
            replayed.skipped()[0].graphs,
            [then::Shop::INFO.fingerprint()]
        );
        let replayed = then.replay("order").await.unwrap();
        assert_eq!((replayed.turn(), replayed.steps()), (3, 13));
        assert_eq!(skipped(replayed.skipped()), [(1, (4, 6)), (4, (14, 16))]);
        let error = engine(later::Shop, &place).replay("order").await;
        assert!(matches!(error, Err(Error::GraphChanged { .. })));

        // Nothing of it is open, so a deployment breaks nothing.
        let report = replay_all(later::Shop, &*place.store).await.unwrap();
        assert!(report.is_ok(), "{report}");
        assert_eq!((report.runs, report.ended), (0, 1));
        let report = replay_all(later::Shop, &*place.store).with_ended().await;
        assert_eq!(report.unwrap().broken.len(), 1);
    }
}

/// Only the open turn is judged.
#[tokio::test]
async fn replay_all_judges_the_open_turn() {
    for place in stores() {
        finished(&place).await;
        let today = engine(now::Shop, &place);
        today
            .turn("order", now::Order::update().item("lamp"))
            .await
            .unwrap();
        let then = engine(then::Shop, &place);
        let ghost = then::Order::update().item("ghost");
        then.turn("order", ghost).await.unwrap_err();
        let report = replay_all(then::Shop, &*place.store).await.unwrap();
        assert!(report.is_ok(), "{report}");
        assert_eq!((report.runs, report.ended), (1, 0));
        let whole = replay_all(then::Shop, &*place.store)
            .with_ended()
            .await
            .unwrap();
        assert!(!whole.is_ok(), "the turn of the other graph");
    }
}

/// What a graph was outlives the steps that it wrote.
#[tokio::test]
async fn pruned_runs_are_read_under_any_graph() {
    for place in stores() {
        finished(&place).await;
        let today = engine(now::Shop, &place);
        today
            .turn("order", now::Order::update().item("lamp"))
            .await
            .unwrap();
        today.snapshot("order").await.unwrap();
        assert!(today.prune(Prune::history()).await.unwrap().steps > 0);
        let then = engine(then::Shop, &place);
        assert_eq!(then.get("order").await.unwrap().state().log.len(), 6);
        then.turn("order", then::Order::update().item("cup"))
            .await
            .unwrap();
        let later = engine(later::Shop, &place);
        let error = later.get("order").await.unwrap_err();
        assert!(error.to_string().contains("step 7 was merged"), "{error}");
        assert_eq!(today.get("order").await.unwrap().state().log.len(), 8);
    }
}
