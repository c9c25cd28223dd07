//! Concurrent writers of one field: the default fails and says who, what and
//! when; last-writer-wins follows merge order; `Merge` types converge.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Dice, stores, trace};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Desk {
    verdict: String,
    count: u32,
    #[reduce(merge)]
    marks: std::collections::BTreeMap<String, u32>,
    #[reduce(merge)]
    seen: Seen,
    #[reduce(append)]
    log: Vec<String>,
}

/// A grow-only set with a highest value: commutative, associative, idempotent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    all: BTreeSet<u32>,
    highest: u32,
}

impl Merge for Seen {
    fn merge(&mut self, other: Self) {
        self.all.extend(other.all);
        self.highest = self.highest.max(other.highest);
    }
}

/// What the nodes write; changed between two attempts to fix a conflict.
#[derive(Debug, Clone)]
struct Script {
    legal: &'static str,
    finance: &'static str,
    dice: Dice,
}

#[node]
fn open(_: &Desk) -> DeskUpdate {
    Desk::update().count(1)
}

#[node]
async fn legal(_: &Desk, script: &Script) -> DeskUpdate {
    script.dice.dawdle().await;
    Desk::update().verdict(script.legal).log(["legal"])
}

#[node]
async fn finance(_: &Desk, script: &Script) -> DeskUpdate {
    script.dice.dawdle().await;
    Desk::update().verdict(script.finance).log(["finance"])
}

#[node]
async fn other(_: &Desk, script: &Script) -> DeskUpdate {
    script.dice.dawdle().await;
    Desk::update().log(["other"])
}

#[graph(
    state = Desk,
    start -> open -> [other, legal, finance],
    other -> end,
    legal -> end,
    finance -> end,
)]
struct Review {
    script: Script,
}

fn review(legal: &'static str, finance: &'static str) -> Review {
    let dice = Dice::from_env();
    Review {
        script: Script {
            legal,
            finance,
            dice,
        },
    }
}

#[tokio::test]
async fn the_default_fails_and_names_field_nodes_and_step() {
    for place in stores() {
        let engine = Engine::builder(review("yes", "no"))
            .store(place.store.clone())
            .build()
            .unwrap();
        let error = engine.run("run", Desk::default()).await.unwrap_err();
        match &error {
            Error::MergeConflict {
                run,
                step,
                field,
                nodes,
            } => {
                assert_eq!((run.as_str(), *step, *field), ("run", 2, "verdict"));
                assert_eq!(*nodes, ["legal", "finance"]);
            }
            other => panic!("{other}"),
        }
        let message = error.to_string();
        for part in [
            "`legal` and `finance`",
            "`verdict`",
            "step 2",
            "`run`",
            "reducer",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }

        // The last commit is intact.
        let run = engine.get("run").await.unwrap();
        assert_eq!((run.steps(), run.status()), (1, Status::Failed));
        assert_eq!(run.state().count, 1);
        assert_eq!(run.state().verdict, "");
        assert!(run.state().log.is_empty());
        assert_eq!(engine.history("run").await.unwrap().len(), 2);
        engine.resume("run").await.unwrap_err();

        // A fixed program continues from there.
        let mended = Engine::builder(review("yes", "yes"))
            .store(place.store.clone())
            .build()
            .unwrap();
        let run = mended.resume("run").await.unwrap();
        assert_eq!(run.state().verdict, "yes");
        assert_eq!(run.state().log, ["other", "legal", "finance"]);
    }
}

#[tokio::test]
async fn the_same_value_twice_is_no_conflict() {
    let engine = Engine::builder(review("yes", "yes")).build().unwrap();
    let run = engine.run("run", Desk::default()).await.unwrap();
    assert_eq!(run.state().verdict, "yes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_writer_wins_follows_merge_order() {
    let review = review("yes", "no");
    for concurrency in [1, 2, 8].repeat(10) {
        let engine = Engine::builder(review_again(&review))
            .max_concurrency(concurrency)
            .conflict(ConflictPolicy::LastWriterWins)
            .build()
            .unwrap();
        let run = engine.run("run", Desk::default()).await.unwrap();
        assert_eq!(run.state().verdict, "no");
    }
}

fn review_again(review: &Review) -> Review {
    Review {
        script: review.script.clone(),
    }
}

#[graph(
    state = Desk,
    conflict = last_writer_wins,
    start -> [finance, legal],
    legal -> end,
    finance -> end,
)]
struct Lenient {
    script: Script,
}

#[tokio::test]
async fn the_engine_overrides_the_graphs_policy() {
    let graph = || Lenient {
        script: review("yes", "no").script,
    };
    let lenient = Engine::builder(graph()).build().unwrap();
    let run = lenient.run("run", Desk::default()).await.unwrap();
    assert_eq!(
        run.state().verdict,
        "yes",
        "`legal` is the last in edge order"
    );

    let strict = Engine::builder(graph())
        .conflict(ConflictPolicy::Fail)
        .build()
        .unwrap();
    let error = strict.run("run", Desk::default()).await.unwrap_err();
    assert!(matches!(error, Error::MergeConflict { .. }), "{error}");
}

#[node]
fn mark(_: &Desk, (key, value): (String, u32)) -> DeskUpdate {
    let seen = Seen {
        all: BTreeSet::from([value]),
        highest: value,
    };
    Desk::update().marks([(key, value)]).seen(seen)
}

fn marks(state: &Desk) -> Vec<(String, u32)> {
    state
        .log
        .iter()
        .map(|mark| (mark[..1].to_owned(), mark[1..].parse().expect("a number")))
        .collect()
}

#[derive(Route)]
enum Marks {
    All(Vec<(String, u32)>),
}

#[node]
fn deal(state: &Desk) -> Marks {
    Marks::All(marks(state))
}

#[graph(
    state = Desk,
    start -> deal,
    deal -> match { Marks::All(marks) => each mark(marks) else end },
    mark -> end,
)]
struct Marking;

fn desk(marks: &[&str]) -> Desk {
    Desk {
        log: marks.iter().map(|mark| (*mark).to_owned()).collect(),
        ..Desk::default()
    }
}

#[tokio::test]
async fn merge_types_converge_under_every_order() {
    let mut marks = ["a1", "b2", "c3", "d4", "e5", "f6"];
    let dice = Dice::from_env();
    let engine = Engine::builder(Marking).build().unwrap();
    let mut first = None;
    for round in 0..50 {
        dice.shuffle(&mut marks);
        let run = engine
            .run(format!("run-{round}"), desk(&marks))
            .await
            .unwrap();
        let first = first.get_or_insert_with(|| run.state().clone());
        assert_eq!(run.state().seen, first.seen);
        assert_eq!(run.state().marks, first.marks);
        assert_eq!(run.state().seen.highest, 6);
        assert_eq!(run.state().seen.all.len(), 6);
    }
}

#[tokio::test]
async fn one_key_written_twice_conflicts() {
    let engine = Engine::builder(Marking).build().unwrap();
    let error = engine
        .run("run", desk(&["a1", "b2", "a3"]))
        .await
        .unwrap_err();
    let Error::MergeConflict { field, step, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*field, *step), ("marks", 2));

    let lenient = Engine::builder(Marking)
        .conflict(ConflictPolicy::LastWriterWins)
        .build()
        .unwrap();
    let run = lenient.run("run", desk(&["a1", "b2", "a3"])).await.unwrap();
    assert_eq!(run.state().marks["a"], 3);
}

/// The policy decides before a commit, never when a run is loaded.
#[tokio::test]
async fn a_stored_run_loads_whatever_the_policy_is_now() {
    for place in stores() {
        let lenient = Engine::builder(review("yes", "no"))
            .store(place.store.clone())
            .conflict(ConflictPolicy::LastWriterWins)
            .build()
            .unwrap();
        lenient.run("run", Desk::default()).await.unwrap();
        let before = trace(&lenient, "run").await.unwrap();
        let strict = Engine::builder(review("yes", "no"))
            .store(place.store.clone())
            .build()
            .unwrap();
        assert_eq!(trace(&strict, "run").await.unwrap(), before);
    }
}
