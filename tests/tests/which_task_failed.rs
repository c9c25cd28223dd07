//! A failure says which: the node, the item of an `each` and its input, how it failed, and
//! how many others of the step did.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Batch {
    parts: Vec<Part>,
    #[reduce(append)]
    log: Vec<String>,
    #[reduce(append)]
    failures: Vec<Failure>,
    #[reduce(append)]
    left: Vec<Part>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    name: String,
    size: u64,
}

fn part(name: &str) -> Part {
    Part {
        name: name.into(),
        size: name.len() as u64,
    }
}

#[derive(Route)]
enum Parts {
    Of(Vec<Part>),
}

#[node]
fn split(batch: &Batch) -> Parts {
    Parts::Of(batch.parts.clone())
}

#[node(retry(attempts = 2, base = "1ms"), timeout = "50ms")]
async fn work(_: &Batch, part: Part) -> Result<BatchUpdate, NodeError> {
    match part.name.as_str() {
        "bad" => Err(NodeError::transient("it slipped")),
        "no" => Err(NodeError::refused("not today")),
        "slow" => std::future::pending().await,
        "mad" => panic!("out of paper"),
        name => Ok(Batch::update().log([name])),
    }
}

/// Takes the failure and the very part that it was about.
#[node]
fn keep(_: &Batch, failed: Failed<Part>) -> BatchUpdate {
    Batch::update()
        .failures([failed.failure])
        .left([failed.input])
}

#[node]
fn note(_: &Batch, failure: Failure) -> BatchUpdate {
    Batch::update().failures([failure])
}

#[node]
fn count(_: &Batch) -> BatchUpdate {
    Batch::update().log(["counted"])
}

mod bare {
    use superstep::prelude::*;

    use super::{Batch, Parts, split, work};

    #[graph(
        state = Batch,
        start -> split,
        split -> match { Parts::Of(parts) => each work(parts) else end },
        work -> end,
    )]
    pub(super) struct Shop;
}

/// Every kind of target, in one row.
#[graph(
    state = Batch,
    start -> split,
    split -> match { Parts::Of(parts) => each work(parts) else end },
    work -> end,
    work on error -> [keep, note, count],
    keep -> end, note -> end, count -> end,
)]
struct Shop;

fn batch(names: &[&str]) -> Batch {
    Batch {
        parts: names.iter().map(|name| part(name)).collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_failed_item_is_named_with_its_input_and_the_others_are_counted() {
    for place in stores() {
        let engine = Engine::builder(bare::Shop).store(place.store.clone());
        let engine = engine.build().unwrap();
        let names = batch(&["fine", "bad", "good", "mad", "no"]);
        let error = engine.run("run", names).await.unwrap_err();
        let Error::NodeFailed {
            item,
            input,
            further,
            attempts,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((*item, *further, *attempts), (Some(1), 2, 2));
        assert_eq!(input.as_deref(), Some(r#"{"name":"bad","size":3}"#));
        let text = error.to_string();
        assert!(
            text.contains("node `work`, item 1 with input {\"name\":\"bad\""),
            "{text}"
        );
        assert!(
            text.ends_with("2 further tasks of the step failed, too"),
            "{text}"
        );
        let stored = engine.get("run").await.unwrap();
        assert!(stored.error().unwrap().message.contains("item 1"));

        // Another process finds the same.
        let again = Engine::builder(bare::Shop).store(place.store.clone());
        let error = again.build().unwrap().resume("run").await.unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_timeout_and_a_panic_say_which_too() {
    let place = superstep_tests::memory();
    let engine = Engine::builder(bare::Shop).store(place.store.clone());
    let engine = engine.build().unwrap();
    let error = engine.run("slow", batch(&["a", "slow"])).await.unwrap_err();
    let Error::NodeTimeout { item, further, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*item, *further), (Some(1), 0));
    let error = engine.run("mad", batch(&["mad", "bad"])).await.unwrap_err();
    let Error::NodePanicked {
        item,
        further,
        input,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((*item, *further), (Some(0), 1));
    assert_eq!(input.as_deref(), Some(r#"{"name":"mad","size":3}"#));
    // Without a store there is no text to take the input from.
    let engine = Engine::builder(bare::Shop).no_store().build().unwrap();
    let error = engine.run("run", batch(&["bad"])).await.unwrap_err();
    let Error::NodeFailed { item, input, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*item, input.as_deref()), (Some(0), None));
}

#[tokio::test]
async fn an_error_row_is_told_the_same_and_can_have_the_input_itself() {
    for place in stores() {
        let engine = Engine::builder(Shop).store(place.store.clone());
        let engine = engine.build().unwrap();
        let names = ["ok", "bad", "no", "mad", "slow"];
        let run = engine.run("run", batch(&names)).await.unwrap();
        let state = run.state();
        assert_eq!(
            state.left,
            names[1..].iter().map(|name| part(name)).collect::<Vec<_>>()
        );
        let kinds = [
            (FailureKind::Error, 2, "it slipped"),
            (FailureKind::Refused, 1, "not today"),
            (FailureKind::Panic, 1, "panicked: out of paper"),
            (FailureKind::Timeout, 2, "took longer than 50ms"),
        ];
        assert_eq!(state.failures.len(), 8, "{:#?}", state.failures);
        for ((at, name), (kind, attempts, message)) in (1..).zip(&names[1..]).zip(kinds) {
            let expected = Failure {
                node: "work".into(),
                attempts,
                message: message.into(),
                kind,
                item: Some(at),
                input: Some(serde_json::to_string(&part(name)).unwrap()),
            };
            let told: Vec<_> = state
                .failures
                .iter()
                .filter(|told| told.item == Some(at))
                .collect();
            assert_eq!(told, [&expected, &expected]);
        }
        assert_eq!(
            state.log,
            ["ok", "counted"],
            "a node without input runs once"
        );
        // What is stored loads, and replays without calling anything.
        let other = Engine::builder(Shop).store(place.store.clone());
        let other = other.build().unwrap();
        assert_eq!(other.get("run").await.unwrap().state(), state);
        assert_eq!(
            other.replay("run").await.unwrap().fingerprint(),
            run.fingerprint()
        );
        let history = other.history("run").await.unwrap();
        let failed = history[2].tasks[1].failed.as_ref().unwrap();
        assert_eq!((failed.item, failed.kind), (Some(1), FailureKind::Error));
    }
}

#[tokio::test]
async fn a_long_input_is_cut_at_a_character() {
    let engine = Engine::builder(Shop).build().unwrap();
    let long = Part {
        name: format!("bad{}", "ü".repeat(300)),
        size: 0,
    };
    // It is none of the names above, and goes well; as an input of a failing one it is cut.
    let failing = Batch {
        parts: vec![long.clone()],
        ..Default::default()
    };
    assert!(
        engine
            .run("fine", failing)
            .await
            .unwrap()
            .state()
            .failures
            .is_empty()
    );

    #[node(timeout = "5s")]
    fn refuse(_: &Batch, part: Part) -> Result<(), String> {
        Err(format!("{} bytes", part.name.len()))
    }

    #[graph(
        state = Batch,
        start -> split,
        split -> match { Parts::Of(parts) => each refuse(parts) else end },
        refuse -> end,
        refuse on error -> keep,
        keep -> end,
    )]
    struct Cutting;

    let engine = Engine::builder(Cutting).build().unwrap();
    let batch = Batch {
        parts: vec![long.clone()],
        ..Default::default()
    };
    let run = engine.run("cut", batch).await.unwrap();
    let [failure] = &run.state().failures[..] else {
        panic!("{:?}", run.state())
    };
    let input = failure.input.as_deref().unwrap();
    assert!((197..=200).contains(&input.len()), "{}", input.len());
    assert!(serde_json::to_string(&long).unwrap().starts_with(input));
    assert_eq!(run.state().left, [long], "the input itself is whole");
}

/// A crash anywhere leaves the same failures.
#[tokio::test]
async fn a_crash_anywhere_changes_no_failure() {
    let engine = |store| {
        let engine = Engine::builder(Shop).store(store);
        engine.build().unwrap()
    };
    let input = || batch(&["ok", "bad", "no"]);
    superstep::testing::crash_everywhere(engine, input)
        .await
        .unwrap();
}
