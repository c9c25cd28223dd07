//! A driving call that is made inside a node of its own run would wait
//! for itself: it is refused at once, naming the node.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use superstep::prelude::*;
use superstep_tests::{Place, stores};
use tokio::time::timeout;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Trip {
    /// Which call to make, or which run to drive.
    call: String,
    #[reduce(append)]
    said: Vec<String>,
}

/// The engine that drives the nodes.
#[derive(Clone, Debug, Default)]
struct Own(Arc<OnceLock<Engine<Trips>>>);

impl Own {
    async fn call(&self, call: &str, run: &str) -> String {
        let engine = self.0.get().expect("it is set before the first run");
        let update = || Trip::update().call("none");
        let result = match call {
            "run" => engine.run(run, trip("run")).await.map(drop),
            "resume" => engine.resume(run).await.map(drop),
            "turn" => engine.turn(run, update()).await.map(drop),
            "update" => engine.update(run, update()).await.map(drop),
            "snapshot" => engine.snapshot(run).await,
            other => engine
                .run(other, trip(&format!("back to {run}")))
                .await
                .map(drop),
        };
        match result {
            Ok(()) => "done".to_owned(),
            Err(Error::LeaseHeld {
                node: Some(node), ..
            }) => format!("held by {node}"),
            Err(other) => other.to_string(),
        }
    }
}

fn trip(call: &str) -> Trip {
    Trip {
        call: call.to_owned(),
        ..Trip::default()
    }
}

#[node]
async fn ask(state: &Trip, own: &Own, cx: &Cx) -> TripUpdate {
    let said = match state.call.strip_prefix("back to ") {
        Some(run) => own.call("resume", run).await,
        None => own.call(&state.call, cx.run_id()).await,
    };
    Trip::update().said([said])
}

#[node(blocking)]
fn wait(state: &Trip, own: &Own, cx: &Cx) -> TripUpdate {
    let call = own.call(&state.call, cx.run_id());
    Trip::update().said([block_on(call)])
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread, as a node that may block a thread does.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[node]
fn which(state: &Trip) -> bool {
    state.call.starts_with("back to ")
}

#[graph(
    state = Trip,
    start -> which,
    which -> match { true => ask, false => [ask, wait] },
    ask -> end,
    wait -> end,
)]
#[derive(Clone, Debug)]
struct Trips {
    own: Own,
}

fn engine(place: &Place) -> Engine<Trips> {
    let own = Own::default();
    let engine = Engine::builder(Trips { own: own.clone() })
        .store(Arc::clone(&place.store))
        .build()
        .unwrap();
    own.0.set(engine.clone()).expect("it is set once");
    engine
}

async fn soon<T>(call: impl IntoFuture<Output = T>) -> T {
    let call = timeout(Duration::from_secs(20), call.into_future());
    call.await.expect("it waits for itself")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_driving_call_for_its_own_run_is_refused() {
    for place in stores() {
        let engine = engine(&place);
        for call in ["run", "resume", "turn", "update", "snapshot"] {
            let run = soon(engine.run(call, trip(call))).await.unwrap();
            assert_eq!(
                run.state().said,
                ["held by ask", "held by wait"],
                "{place:?}: {call}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_through_the_nodes_of_another_run() {
    for place in stores() {
        let engine = engine(&place);
        for outside in [false, true] {
            let (run, other) = (format!("outer {outside}"), format!("inner {outside}"));
            // Somebody else may drive the inner one at the same time.
            let beside = outside.then(|| {
                let inner = trip(&format!("back to {run}"));
                tokio::spawn(engine.run(other.as_str(), inner).into_future())
            });
            let ended = soon(engine.run(run.as_str(), trip(&other))).await.unwrap();
            assert_eq!(ended.status(), Status::Completed, "{place:?}");
            if let Some(beside) = beside {
                let _ = soon(beside).await.unwrap();
            }
            let inner = soon(engine.get(&other)).await.unwrap();
            assert_eq!(inner.status(), Status::Completed);
        }
        let inner = engine.get("inner false").await.unwrap();
        assert_eq!(inner.state().said.len(), 1);
        assert!(
            inner.state().said[0].starts_with("held by "),
            "{:?}",
            inner.state()
        );
    }
}

#[tokio::test]
async fn the_error_names_the_node_and_what_to_do() {
    let own = OwnError::default();
    let engine = Engine::builder(Curious { own: own.clone() })
        .build()
        .unwrap();
    own.engine.set(engine.clone()).expect("it is set once");
    soon(engine.run("trip-1", trip(""))).await.unwrap();
    let text = own.text.get().expect("it was refused");
    assert!(
        text.starts_with("run `trip-1`: is being driven by process "),
        "{text}"
    );
    assert!(text.contains("was made inside its node `peek`"), "{text}");
    assert!(text.contains("in a task of its own"), "{text}");
}

#[derive(Clone, Debug, Default)]
struct OwnError {
    engine: Arc<OnceLock<Engine<Curious>>>,
    text: Arc<OnceLock<String>>,
}

#[node]
async fn peek(_: &Trip, own: &OwnError, cx: &Cx) {
    let engine = own.engine.get().expect("it is set before the first run");
    if let Err(error) = engine.resume(cx.run_id()).await {
        own.text.get_or_init(|| error.to_string());
    }
}

#[graph(state = Trip, start -> peek -> end)]
#[derive(Clone, Debug)]
struct Curious {
    own: OwnError,
}

/// From a task that the node spawned it waits like any caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_the_node_spawned_waits_for_the_run() {
    for place in stores() {
        let own = Spawned::default();
        let engine = Engine::builder(Parent { own: own.clone() })
            .store(Arc::clone(&place.store))
            .build()
            .unwrap();
        own.engine.set(engine.clone()).expect("it is set once");
        soon(engine.run("run", trip(""))).await.unwrap();
        let task = own.task.lock().await.take().expect("it was spawned");
        let waited = soon(task).await.unwrap().unwrap();
        assert_eq!(waited.status(), Status::Completed, "{place:?}");
    }
}

type Task = tokio::task::JoinHandle<Result<Run<Trip>, Error>>;

#[derive(Clone, Debug, Default)]
struct Spawned {
    engine: Arc<OnceLock<Engine<Parent>>>,
    task: Arc<tokio::sync::Mutex<Option<Task>>>,
}

#[node(allow(nondeterminism))]
async fn spawn(_: &Trip, own: &Spawned, cx: &Cx) {
    let engine = own.engine.get().expect("it is set").clone();
    let run = cx.run_id().to_owned();
    let task = tokio::spawn(async move { engine.resume(&run).await });
    *own.task.lock().await = Some(task);
}

#[graph(state = Trip, start -> spawn -> end)]
#[derive(Clone, Debug)]
struct Parent {
    own: Spawned,
}

/// A value whose encoding makes a call for its own run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Prying(u32);

thread_local! {
    static ASK: RefCell<Option<Engine<Encoder>>> = const { RefCell::new(None) };
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Serialize for Prying {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(engine) = ASK.with_borrow_mut(|ask| ask.take_if(|_| self.0 == 1)) {
            let started = block_on(engine.run("run", Encoded::default()).into_future());
            let resumed = block_on(engine.resume("run"));
            SAID.set(
                [started, resumed]
                    .map(|ended| ended.unwrap_err().to_string())
                    .into(),
            );
        }
        self.0.serialize(serializer)
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Encoded {
    prying: Prying,
}

#[node]
fn write(_: &Encoded) -> EncodedUpdate {
    Encoded::update().prying(Prying(1))
}

#[graph(state = Encoded, start -> write -> end)]
struct Encoder;

#[tokio::test]
async fn a_call_for_its_own_run_between_the_nodes_is_refused_too() {
    for place in stores() {
        let store = Arc::clone(&place.store);
        let engine = Engine::builder(Encoder).store(store).build().unwrap();
        ASK.set(Some(engine.clone()));
        soon(engine.run("run", Encoded::default())).await.unwrap();
        let said = SAID.take();
        assert_eq!(said.len(), 2, "{place:?}");
        for said in said {
            assert!(said.contains("is being driven by"), "{place:?}: {said}");
        }
    }
}
