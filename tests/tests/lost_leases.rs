//! One writer: whoever lost its lease is told so and commits nothing; a step that
//! is committed stays as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::trace;
use tokio::sync::Semaphore;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Notes {
    #[reduce(append)]
    by: Vec<String>,
}

#[derive(Clone, Debug)]
struct Worker {
    name: &'static str,
    /// One permit per task.
    gate: Arc<Semaphore>,
    entered: Arc<Semaphore>,
}

impl Worker {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            gate: Arc::new(Semaphore::new(0)),
            entered: Arc::new(Semaphore::new(0)),
        }
    }

    async fn has_entered(&self) {
        self.entered
            .acquire()
            .await
            .expect("it stays open")
            .forget();
    }
}

#[node]
async fn work(_: &Notes, worker: &Worker) -> NotesUpdate {
    worker.entered.add_permits(1);
    worker.gate.acquire().await.expect("it stays open").forget();
    Notes::update().by([worker.name.to_owned()])
}

#[graph(state = Notes, second = work, start -> work -> second -> end)]
struct TwoSteps {
    worker: Worker,
}

/// A store whose clock the test moves.
#[derive(Clone)]
struct Place {
    store: MemoryStore,
    late: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        let late = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&late);
        let store = MemoryStore::with_clock(move || {
            SystemTime::now() + Duration::from_secs(clock.load(Ordering::Relaxed))
        });
        Self { store, late }
    }

    fn let_leases_lapse(&self) {
        self.late.fetch_add(31, Ordering::Relaxed);
    }

    fn engine(&self, worker: &Worker) -> Engine<TwoSteps> {
        let worker = worker.clone();
        let builder = Engine::builder(TwoSteps { worker }).store(self.store.clone());
        builder.build().expect("the settings make sense")
    }
}

/// `slow` is in the middle of step 1 when its lease lapses.
async fn overtake(slow: &Worker) -> (Place, tokio::task::JoinHandle<Result<Run<Notes>, Error>>) {
    let place = Place::new();
    let engine = place.engine(slow);
    let driving = tokio::spawn(async move { engine.run("run", Notes::default()).await });
    slow.has_entered().await;
    place.let_leases_lapse();
    (place, driving)
}

#[tokio::test]
async fn a_live_lease_is_respected() {
    let slow = Worker::new("slow");
    let (place, driving) = overtake(&slow).await;
    // It lapsed; but one that has not is respected.
    let fast = Worker::new("fast");
    let engine = place.engine(&fast);
    let taking = tokio::spawn({
        let engine = engine.clone();
        async move { engine.resume("run").await }
    });
    fast.has_entered().await;
    let third = place.engine(&Worker::new("third")).resume("run").await;
    assert!(matches!(third, Err(Error::LeaseHeld { .. })), "{third:?}");
    fast.gate.add_permits(2);
    taking.await.unwrap().unwrap();
    driving.abort();
}

#[tokio::test]
async fn who_lost_its_lease_in_an_open_step_is_told_so_and_commits_nothing() {
    let (slow, fast) = (Worker::new("slow"), Worker::new("fast"));
    let (place, driving) = overtake(&slow).await;
    let engine = place.engine(&fast);
    let taking = tokio::spawn({
        let engine = engine.clone();
        async move { engine.resume("run").await }
    });
    fast.has_entered().await;

    slow.gate.add_permits(2);
    let error = driving.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("`run`") && message.contains("taken over"),
        "{message}"
    );
    assert_eq!(engine.get("run").await.unwrap().steps(), 0);

    fast.gate.add_permits(2);
    let run = taking.await.unwrap().unwrap();
    assert_eq!(run.state().by, ["fast", "fast"]);
}

#[tokio::test]
async fn a_commit_of_the_same_step_with_another_key_is_refused() {
    let (slow, fast) = (Worker::new("slow"), Worker::new("fast"));
    let (place, driving) = overtake(&slow).await;
    let engine = place.engine(&fast);
    fast.gate.add_permits(2);
    engine.resume("run").await.unwrap();
    let before = trace(&engine, "run").await.unwrap();

    slow.gate.add_permits(2);
    let error = driving.await.unwrap().unwrap_err();
    let Error::IdempotencyViolation { run, step } = &error else {
        panic!("{error}")
    };
    assert_eq!((run.as_str(), *step), ("run", 1));
    assert!(error.to_string().contains("stays as it is"), "{error}");
    assert_eq!(trace(&engine, "run").await.unwrap(), before);
    assert_eq!(
        slow.gate.available_permits(),
        1,
        "it went on after it had lost"
    );
}

#[tokio::test]
async fn a_commit_of_the_same_step_with_the_same_key_is_harmless_and_the_last() {
    let (slow, twin) = (Worker::new("same"), Worker::new("same"));
    let (place, driving) = overtake(&slow).await;
    let engine = place.engine(&twin);
    twin.gate.add_permits(2);
    engine.resume("run").await.unwrap();
    let before = trace(&engine, "run").await.unwrap();

    slow.gate.add_permits(2);
    let error = driving.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
    assert_eq!(trace(&engine, "run").await.unwrap(), before);
    assert_eq!(
        slow.gate.available_permits(),
        1,
        "it went on after it had lost"
    );
}

/// As a failure would be: what is kept belongs to whoever holds the lease.
#[tokio::test]
async fn who_lost_its_lease_does_not_mark_the_run_as_failed() {
    let (slow, fast) = (Worker::new("slow"), Worker::new("fast"));
    let (place, driving) = overtake(&slow).await;
    let engine = place.engine(&fast);
    let taking = tokio::spawn({
        let engine = engine.clone();
        async move { engine.resume("run").await }
    });
    fast.has_entered().await;
    slow.gate.close();
    let error = driving.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
    assert_eq!(engine.get("run").await.unwrap().status(), Status::Running);
    fast.gate.add_permits(2);
    taking.await.unwrap().unwrap();
}
