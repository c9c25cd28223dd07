//! Every call of an engine can be spawned, whatever the graph: its inputs need not be `Sync`,
//! and its types need not be known.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use superstep::diff;
use superstep::prelude::*;
use superstep::store::Prune;
use superstep::testing::replay_all;
use superstep_tests::stores;

type StateOf<G> = <G as Graph>::State;
type UpdateOf<G> = <StateOf<G> as superstep::State>::Update;

fn sendable<F: IntoFuture<IntoFuture: Send>>(call: F) -> F {
    call
}

/// What `tokio::spawn` takes.
fn spawnable<F: Future<Output: Send> + Send + 'static>(call: F) -> F {
    call
}

/// Never run: that it compiles, for any graph, is what it shows.
#[expect(dead_code, reason = "it is compiled, which is all")]
fn all_calls<G: Graph<State: Clone>>(
    engine: &Engine<G>,
    graph: G,
    store: &dyn Store,
    state: StateOf<G>,
    update: UpdateOf<G>,
) {
    drop(spawnable(engine.run("run", state.clone())));
    drop(spawnable(engine.run("run", state).seed(1)));
    drop(sendable(engine.resume("run")));
    drop(sendable(engine.get("run")));
    drop(spawnable(engine.turn("run", update.clone())));
    drop(spawnable(engine.turn("run", update.clone()).token("one")));
    drop(sendable(engine.update("run", update)));
    drop(sendable(engine.answer(
        "run",
        "question",
        Outcome::did_not_happen(),
    )));
    drop(sendable(engine.history("run")));
    drop(sendable(engine.state_at("run", 1)));
    drop(sendable(engine.replay("run")));
    drop(spawnable(engine.fork("run", 1, "fork", |_| {})));
    drop(sendable(engine.label("run", 1, "label")));
    drop(sendable(engine.labels("run")));
    drop(sendable(engine.prune(Prune::runs())));
    drop(sendable(engine.snapshot("run")));
    drop(sendable(replay_all(graph, store).into_future()));
    drop(sendable(diff((store, "run"), (store, "fork"))));
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Sum {
    #[reduce(sum)]
    total: u64,
}

/// `Send`, and not `Sync`.
#[derive(Clone, Serialize, Deserialize)]
struct Addend(Cell<u64>);

#[derive(Route)]
enum Split {
    Into(Vec<Addend>),
}

#[node]
fn split(_: &Sum) -> Split {
    Split::Into((1..4).map(Cell::new).map(Addend).collect())
}

#[node]
async fn add(_: &Sum, addend: Addend, cx: &Cx) -> Result<SumUpdate, NodeError> {
    let n = addend.0.get();
    let n = cx
        .effect("add", &n)
        .run(|| async { superstep::ok(n) })
        .await?;
    Ok(Sum::update().total(n))
}

#[graph(
    state = Sum,
    start -> split,
    split -> match { Split::Into(addends) => each add(addends) else end },
    add -> end,
)]
struct Adder;

#[tokio::test]
async fn a_run_and_its_replay_can_be_spawned() {
    for place in stores() {
        let engine = Engine::builder(Adder).store(place.store.clone());
        let engine = engine.build().unwrap();
        let run = tokio::spawn(engine.run("run", Sum::default()));
        let run = run.await.unwrap().unwrap();
        let replayed = tokio::spawn(async move { engine.replay("run").await });
        let replayed = replayed.await.unwrap().unwrap();
        assert_eq!(replayed.state().total, 6);
        assert_eq!(replayed.fingerprint(), run.fingerprint());
    }
}
