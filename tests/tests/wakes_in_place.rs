//! A task that waits holds nobody up, and goes on as soon as what it waits for is there: while its
//! step is still being driven, at once.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Journal, stores};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Told {
    #[reduce(append)]
    heard: Vec<String>,
}

/// What has happened, and a gate that somebody opens.
#[derive(Clone)]
struct Room {
    journal: Journal,
    entered: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

impl Room {
    fn new() -> Self {
        Self {
            journal: Journal::new(),
            entered: Arc::new(Semaphore::new(0)),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    async fn wait(&self) {
        self.entered.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
    }

    async fn entered(&self, tasks: u32) {
        let entered = self.entered.acquire_many(tasks);
        timeout(PATIENCE, entered).await.unwrap().unwrap().forget();
    }
}

/// A run that was spawned, once it goes no further.
async fn ended(run: JoinHandle<Result<Run<Told>, Error>>) -> Run<Told> {
    let run = timeout(PATIENCE, run).await.expect("it goes on");
    run.unwrap().unwrap()
}

/// Receives, and opens the gate for its sibling.
#[node]
async fn listen(_: &Told, item: u32, room: &Room, cx: &Cx) -> Result<ToldUpdate, NodeError> {
    room.journal.note(format!("listen {item}"));
    let word: String = cx.receive(&format!("word {item}")).await;
    cx.effect("open", &())
        .run(|| async {
            room.gate.add_permits(1);
            superstep::ok(())
        })
        .await?;
    Ok(Told::update().heard([word]))
}

/// Is at work until somebody opens the gate.
#[node]
async fn work(_: &Told, room: &Room) -> ToldUpdate {
    room.wait().await;
    Told::update().heard(["worked".to_owned()])
}

#[graph(state = Told,
    start -> split,
    split -> [listen(0), listen(1), work],
    [listen, work] -> end)]
struct Both {
    room: Room,
}

#[node]
fn split(_: &Told) {}

/// The step needs the sibling's gate to be opened by tasks that wait for a signal: if they did not start
/// again while it is at work, nothing would ever move.
#[tokio::test]
async fn a_task_starts_again_while_its_siblings_are_at_work() {
    for place in stores() {
        let room = Room::new();
        let graph = Both { room: room.clone() };
        let engine = Engine::builder(graph)
            .store(place.store.clone())
            .build()
            .unwrap();
        let run = tokio::spawn(engine.run("run", Told::default()));
        room.entered(1).await;
        // They may not have come so far as to wait: then the signal is there when they do.
        engine.signal("run", "word 1", "b").await.unwrap();
        engine.signal("run", "word 0", "a").await.unwrap();
        let run = ended(run).await;
        assert_eq!(run.status(), Status::Completed);
        assert_eq!(run.state().heard, ["a", "b", "worked"]);
    }
}

/// Another engine over the same store has sent it.
#[tokio::test]
async fn a_signal_from_elsewhere_is_noticed_soon() {
    for place in stores() {
        let room = Room::new();
        let over = || {
            let graph = Both { room: room.clone() };
            Engine::builder(graph)
                .store(place.store.clone())
                .build()
                .unwrap()
        };
        let (engine, other) = (over(), over());
        let run = tokio::spawn(engine.run("run", Told::default()));
        room.entered(1).await;
        for item in [0, 1] {
            other
                .signal("run", &format!("word {item}"), "late")
                .await
                .unwrap();
        }
        let run = ended(run).await;
        assert_eq!(run.state().heard, ["late", "late", "worked"]);
    }
}

/// Waits for a signal, or works until its gate opens.
#[node]
async fn race(_: &Told, room: &Room, cx: &Cx) -> Result<ToldUpdate, NodeError> {
    let work = cx.effect("work", &()).run(|| async {
        room.wait().await;
        superstep::ok("worked".to_owned())
    });
    let heard = tokio::select! {
        biased;
        word = cx.receive::<String>("stop") => word,
        worked = work => worked?,
    };
    Ok(Told::update().heard([heard]))
}

#[graph(state = Told, start -> race -> end)]
struct Racing {
    room: Room,
}

/// An effect that is under way keeps the node: it is woken where it is, and runs once.
#[tokio::test]
async fn a_signal_wakes_a_node_that_an_effect_keeps() {
    for place in stores() {
        let room = Room::new();
        let graph = Racing { room: room.clone() };
        let engine = Engine::builder(graph)
            .store(place.store.clone())
            .build()
            .unwrap();
        let run = tokio::spawn(engine.run("run", Told::default()));
        room.entered(1).await;
        engine.signal("run", "stop", "stopped").await.unwrap();
        let run = ended(run).await;
        assert_eq!(run.state().heard, ["stopped"]);
        let again = engine.replay("run").await.unwrap();
        assert_eq!(again.fingerprint(), run.fingerprint());
    }
}

/// Sleeps, and opens the gate.
#[node]
async fn nap(_: &Told, room: &Room, cx: &Cx) -> Result<ToldUpdate, NodeError> {
    cx.sleep(Duration::from_millis(20)).await;
    cx.effect("open", &())
        .run(|| async {
            room.gate.add_permits(1);
            superstep::ok(())
        })
        .await?;
    Ok(Told::update().heard(["slept".to_owned()]))
}

#[graph(state = Told, start -> [nap, work], [nap, work] -> end)]
struct Napping {
    room: Room,
}

#[tokio::test]
async fn a_sleep_is_over_while_siblings_are_at_work() {
    for place in stores() {
        let room = Room::new();
        let graph = Napping { room: room.clone() };
        let engine = Engine::builder(graph)
            .store(place.store.clone())
            .build()
            .unwrap();
        let run = timeout(PATIENCE, engine.run("run", Told::default()));
        let run = run.await.expect("it goes on").unwrap();
        assert_eq!(run.state().heard, ["slept", "worked"]);
    }
}

/// One slot is enough for tasks that wait, or are in a back-off: they give it up.
#[tokio::test(start_paused = true)]
async fn who_only_waits_holds_no_slot() {
    for max_per_node in [None, Some(1)] {
        let room = Room::new();
        let options = Options {
            max_concurrency: Some(1),
            max_per_node,
            ..Options::default()
        };
        let graph = Queueing { room: room.clone() };
        let engine = Engine::builder(graph)
            .options(options)
            .no_store()
            .build()
            .unwrap();
        let run = engine.run("run", Told::default()).await.unwrap();
        assert_eq!(run.state().heard, ["0", "1", "2", "3"]);
        // All are tried before the first is tried again.
        let mut lines = room.journal.lines();
        lines[4..].sort();
        let order = [
            "try 0", "try 1", "try 2", "try 3", "again 0", "again 1", "again 2", "again 3",
        ];
        assert_eq!(lines, order, "{max_per_node:?}");
    }
}

/// Fails the first time, and is tried again a minute later.
#[node(retry(attempts = 2, base = "1m", max = "1m"))]
async fn twice(_: &Told, item: u32, room: &Room, cx: &Cx) -> Result<ToldUpdate, NodeError> {
    if cx.attempt() == 1 {
        room.journal.note(format!("try {item}"));
        return Err(NodeError::transient("not yet"));
    }
    room.journal.note(format!("again {item}"));
    Ok(Told::update().heard([item.to_string()]))
}

#[graph(state = Told, start -> split, split -> [twice(0), twice(1), twice(2), twice(3)], twice -> end)]
struct Queueing {
    room: Room,
}
