//! A lease stays with whoever drives although renewals are lost, and although others are given
//! up at the same time.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{CallOutcome, StepKind, StoreError};
use superstep::testing::{Fault, FaultyStore, StoreCall};
use superstep_tests::{Hooked, Moment, well};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    millis: u64,
    #[reduce(sum)]
    rounds: u64,
}

fn input(millis: u64) -> Count {
    Count { millis, rounds: 0 }
}

#[node(timeout = "1h")]
async fn work(count: &Count) -> CountUpdate {
    sleep(Duration::from_millis(count.millis)).await;
    Count::update().rounds(1)
}

#[graph(state = Count, start -> work -> end)]
struct Works;

fn engine(store: impl Store, lease: Duration) -> Engine<Works> {
    Engine::builder(Works)
        .store(store)
        .lease(lease)
        .build()
        .unwrap()
}

/// Another engine never gets the run that `driven` drives.
async fn nobody_else_gets_it(
    rival: Engine<Works>,
    driven: impl Future<Output = Result<Run<Count>, Error>>,
) {
    let mut driven = pin!(driven);
    let run = loop {
        if let Ok(run) = timeout(SECOND / 10, &mut driven).await {
            break run.unwrap();
        }
        match rival.resume("run").await {
            Err(Error::LeaseHeld { .. } | Error::RunNotFound { .. }) => {}
            other => panic!("it is taken: {other:?}"),
        }
    };
    assert_eq!(run.state().rounds, 1);
}

/// The store in memory cannot tell whether an owner is alive, so a lease that lapses can be taken at once.
#[tokio::test]
async fn a_renewal_may_hang() {
    let memory = MemoryStore::new();
    let renewals = AtomicU32::new(0);
    let hung = Hooked::new(Arc::new(memory.clone()), move |moment, call| {
        let is_first = moment == Moment::Before
            && call == "renew"
            && renewals.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first {
            Box::pin(pending())
        } else {
            well()
        }
    });
    let run = engine(hung, 3 * SECOND)
        .run("run", input(6_000))
        .into_future();
    nobody_else_gets_it(engine(memory, 3 * SECOND), run).await;
}

#[tokio::test]
async fn a_renewal_may_panic() {
    let memory = MemoryStore::new();
    let renewals = AtomicU32::new(0);
    let panics = Hooked::new(Arc::new(memory.clone()), move |moment, call| {
        let is_first = moment == Moment::Before
            && call == "renew"
            && renewals.fetch_add(1, Ordering::Relaxed) == 0;
        assert!(!is_first, "as a store must not");
        well()
    });
    let run = engine(panics, 3 * SECOND)
        .run("run", input(4_000))
        .into_future();
    nobody_else_gets_it(engine(memory, 3 * SECOND), run).await;
}

/// What a node leaves behind, which takes a while to drop.
struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        thread::sleep(4 * SECOND);
    }
}

#[node(timeout = "1h")]
async fn leaves(_: &Count) -> CountUpdate {
    let _slow = Slow;
    sleep(100 * SECOND).await;
    Count::update().rounds(1)
}

#[graph(state = Count, start -> leaves -> end)]
struct Leaves;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_given_up_costs_no_other_its_lease() {
    let memory = MemoryStore::new();
    let kept = Engine::builder(Leaves)
        .store(memory.clone())
        .lease(SECOND)
        .build()
        .unwrap();
    let mut call = pin!(kept.run("kept", Count::default()).into_future());
    // Polled for a moment, and then kept without being polled.
    assert!(timeout(SECOND / 20, &mut call).await.is_err());
    let run = engine(memory.clone(), SECOND)
        .run("run", input(5_000))
        .into_future();
    nobody_else_gets_it(engine(memory, SECOND), run).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_by_a_paused_clock_takes_none() {
    for fault in [Fault::LoseCall, Fault::LoseAnswer] {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()));
        store.fail_call(StoreCall::Commit, 2, fault);
        let run = engine(store, 30 * SECOND).run("run", input(600_000)).await;
        assert_eq!(run.unwrap().state().rounds, 1, "{fault:?}");
    }
}

/// Its first commit is made, and answered only when another engine has finished the turn.
#[tokio::test]
async fn a_turn_that_is_answered_too_late_does_not_begin_again() {
    let memory = MemoryStore::new();
    let other = engine(memory.clone(), SECOND);
    other.run("run", input(0)).await.unwrap();
    let commits = AtomicU32::new(0);
    let slow = Hooked::new(Arc::new(memory.clone()), move |moment, call| {
        if call != "commit" {
            return well();
        }
        match (moment, commits.load(Ordering::Relaxed)) {
            (Moment::Before, _) => {
                let n = commits.fetch_add(1, Ordering::Relaxed) + 1;
                // Made again in time, it gets through when the lease has lapsed.
                Box::pin(async move {
                    if n == 2 {
                        sleep(3 * SECOND).await;
                    }
                    Ok(())
                })
            }
            (Moment::After, 1) => Box::pin(async {
                Err(StoreError::Unavailable {
                    reason: "its answer is lost".into(),
                    outcome: CallOutcome::Unknown,
                })
            }),
            (Moment::After, _) => well(),
        }
    });
    let turn = engine(slow, SECOND).turn("run", Count::update().millis(1));
    let finish = async {
        loop {
            let head = other.history("run").await.unwrap().len();
            if head > 2
                && let Ok(run) = other.resume("run").await
            {
                break run;
            }
            sleep(SECOND / 20).await;
        }
    };
    let (turn, finished) = tokio::join!(turn.into_future(), finish);
    assert_eq!(turn.unwrap().fingerprint(), finished.fingerprint());
    let kinds = other.history("run").await.unwrap();
    let turns = kinds.iter().filter(|step| step.kind == StepKind::Turn);
    assert_eq!(turns.count(), 1);
}
