//! A panic in a node or a reducer is an error of that run; the process, the
//! engine and other runs go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Place, stores};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Fuse {
    blow: String,
    #[reduce(append)]
    log: Vec<String>,
    #[reduce(with = burn)]
    burnt: u32,
}

fn burn(total: &mut u32, more: u32) {
    *total += 1;
    assert!(more < 100, "the fuse burnt with {more}");
    *total += more;
}

/// Whether what is broken is still broken.
#[derive(Clone, Debug)]
struct Broken(Arc<AtomicBool>);

#[derive(Debug)]
struct Odd;

#[node]
async fn risky(state: &Fuse, broken: &Broken) -> FuseUpdate {
    if broken.0.load(Ordering::SeqCst) {
        match state.blow.as_str() {
            "text" => panic!("a text"),
            "string" => panic!("item {} is broken", 7),
            "any" => std::panic::panic_any(Odd),
            "index" => drop(state.log[state.log.len()].clone()),
            "late" => {
                tokio::task::yield_now().await;
                panic!("late")
            }
            "reducer" => return Fuse::update().burnt(100).log(["lost"]),
            _ => {}
        }
    }
    Fuse::update().log(["risky"]).burnt(1)
}

#[node]
fn calm(_: &Fuse) -> FuseUpdate {
    Fuse::update().log(["calm"]).burnt(1)
}

#[node(blocking)]
fn heavy(state: &Fuse, broken: &Broken) -> FuseUpdate {
    let blows = state.blow == "heavy" && broken.0.load(Ordering::SeqCst);
    assert!(!blows, "too heavy");
    Fuse::update().log(["heavy"])
}

#[graph(
    state = Fuse,
    after = calm,
    start -> calm -> [risky, heavy, after],
    risky -> end,
    heavy -> end,
    after -> end,
)]
struct Wide {
    broken: Broken,
}

#[graph(state = Fuse, start -> calm -> risky -> end)]
struct Alone {
    broken: Broken,
}

fn input(blow: &str) -> Fuse {
    Fuse {
        blow: blow.to_owned(),
        ..Fuse::default()
    }
}

fn builder<G: Graph<State = Fuse>>(place: &Place, graph: G) -> Engine<G> {
    let store = Arc::clone(&place.store);
    Engine::builder(graph)
        .store(store)
        .build()
        .expect("the settings make sense")
}

/// Runs until `blow` blows, then fixes it and resumes.
async fn blow<G: Graph<State = Fuse>>(
    place: &Place,
    graph: impl FnOnce(Broken) -> G,
    id: &str,
    blow: &str,
) -> (Error, Fuse) {
    let broken = Broken(Arc::new(AtomicBool::new(true)));
    let engine = builder(place, graph(broken.clone()));
    let error = engine.run(id, input(blow)).await.expect_err("it blows");
    let run = engine.get(id).await.expect("it is stored");
    assert_eq!((run.steps(), run.status()), (1, Status::Failed), "{blow}");
    assert_eq!(
        (run.state().log.as_slice(), run.state().burnt),
        (&["calm".to_owned()][..], 2)
    );

    // The engine keeps driving other runs.
    let other = engine
        .run(format!("{id} other"), input(""))
        .await
        .expect("it finishes");
    assert_eq!(other.status(), Status::Completed);

    broken.0.store(false, Ordering::SeqCst);
    let run = engine.resume(id).await.expect("it is fixed");
    (error, run.into_state())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_node_is_an_error_of_its_run() {
    let cases = [
        ("text", "a text"),
        ("string", "item 7 is broken"),
        ("any", "a panic without a message"),
        ("index", "index out of bounds"),
        ("late", "late"),
    ];
    for place in stores() {
        for (what, said) in cases {
            let alone = blow(
                &place,
                |broken| Alone { broken },
                &format!("alone {what}"),
                what,
            )
            .await;
            let wide = blow(
                &place,
                |broken| Wide { broken },
                &format!("wide {what}"),
                what,
            )
            .await;
            assert_eq!(alone.1.log, ["calm", "risky"]);
            assert_eq!(wide.1.log, ["calm", "risky", "heavy", "calm"]);
            for (error, _) in [alone, wide] {
                let Error::NodePanicked {
                    node,
                    step,
                    message,
                    ..
                } = &error
                else {
                    panic!("{error}")
                };
                assert_eq!((*node, *step), ("risky", 2));
                assert!(message.contains(said), "{message}");
                assert!(error.to_string().contains("resume the run"), "{error}");
            }
        }
        let heavy = blow(&place, |broken| Wide { broken }, "heavy", "heavy").await;
        assert!(
            matches!(&heavy.0, Error::NodePanicked { node: "heavy", .. }),
            "{}",
            heavy.0
        );
    }
}

#[tokio::test]
async fn after_a_panic_in_a_reducer_the_state_is_that_of_the_last_commit() {
    for place in stores() {
        let (error, state) = blow(&place, |broken| Wide { broken }, "reducer", "reducer").await;
        let Error::MergeFailed { step, message, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*step, 2);
        assert!(message.contains("the fuse burnt with 100"), "{message}");
        // One and one each, for `calm`, `risky` and `after`.
        assert_eq!(state.burnt, 6);
    }
}

#[tokio::test]
async fn an_update_or_a_turn_whose_reducer_panics_is_an_error_too() {
    for place in stores() {
        let broken = Broken(Arc::new(AtomicBool::new(false)));
        let engine = builder(&place, Alone { broken });
        let done = engine.run("run", input("")).await.unwrap();
        for result in [
            engine.update("run", Fuse::update().burnt(100)).await,
            engine.turn("run", Fuse::update().burnt(100)).await,
        ] {
            let error = result.unwrap_err();
            let Error::MergeFailed { message, step, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!(*step, 3);
            assert!(message.contains("the fuse burnt"), "{message}");
        }
        let run = engine.get("run").await.unwrap();
        assert_eq!(run.fingerprint(), done.fingerprint());
        assert_eq!(run.state(), done.state());
        let run = engine.turn("run", Fuse::update().burnt(1)).await.unwrap();
        assert_eq!(run.state().burnt, done.state().burnt + 6);
    }
}

fn never(_: &NodeError) -> bool {
    panic!("`when` is broken")
}

#[node(retry(attempts = 2, when = never))]
fn odd(_: &Fuse) -> Result<FuseUpdate, NodeError> {
    Err(NodeError::transient("odd"))
}

#[graph(state = Fuse, start -> odd -> end)]
struct OddAlone;

#[graph(state = Fuse, start -> [odd, calm], odd -> end, calm -> end)]
struct OddBeside;

/// What the user's code behind `when` does is an error of the run as well.
#[tokio::test]
async fn a_panic_in_when_is_an_error_of_its_run() {
    let alone = Engine::builder(OddAlone).build().unwrap();
    let beside = Engine::builder(OddBeside).build().unwrap();
    for error in [
        alone.run("run", input("")).await.unwrap_err(),
        beside.run("run", input("")).await.unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::NodePanicked { node: "odd", .. }),
            "{error}"
        );
        assert!(error.to_string().contains("`when` is broken"), "{error}");
    }
}
