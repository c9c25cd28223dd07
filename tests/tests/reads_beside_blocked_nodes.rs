//! Blocking nodes that never return use up tokio's blocking threads: the store
//! is read, and other runs are driven, all the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::Prune;
use superstep_tests::stores;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    n: u64,
}

static OPEN: AtomicBool = AtomicBool::new(false);

#[node(blocking, timeout = "50ms", retry(attempts = 3, base = "0ms"))]
fn deaf(_: &Count) -> CountUpdate {
    while !OPEN.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
    }
    Count::update().n(1)
}

#[graph(state = Count, start -> deaf -> end)]
struct Deaf;

#[node]
async fn step(count: &Count) -> CountUpdate {
    Count::update().n(count.n + 1)
}

#[graph(state = Count, start -> step -> end)]
struct Stepping;

/// However the test ends: nobody can stop a thread.
struct OpenAtTheEnd;

impl Drop for OpenAtTheEnd {
    fn drop(&mut self) {
        OPEN.store(true, Ordering::SeqCst);
    }
}

/// Runs out rather than waiting for ever, should it fail.
async fn soon<T>(call: impl IntoFuture<Output = Result<T, Error>>) -> T {
    let call = tokio::time::timeout(Duration::from_secs(20), call.into_future());
    call.await.expect("it waits for a blocking thread").unwrap()
}

#[test]
fn everything_is_read_while_no_blocking_thread_is_free() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(3)
        .enable_all()
        .build()
        .unwrap();
    for place in stores() {
        OPEN.store(false, Ordering::SeqCst);
        let _open = OpenAtTheEnd;
        let deaf = Engine::builder(Deaf)
            .store(place.store.clone())
            .build()
            .unwrap();
        let other = Engine::builder(Stepping)
            .store(place.store.clone())
            .build()
            .unwrap();
        runtime.block_on(async {
            soon(other.run("before", Count::default())).await;
            let error = deaf.run("deaf", Count::default()).await.unwrap_err();
            assert!(matches!(error, Error::NodeTimeout { .. }), "{error}");

            assert_eq!(soon(deaf.get("deaf")).await.status(), Status::Failed);
            assert_eq!(soon(deaf.history("deaf")).await.len(), 1);
            assert_eq!(soon(other.resume("before")).await.state().n, 1);
            assert_eq!(soon(other.state_at("before", 0)).await.n, 0);
            soon(other.replay("before")).await;
            soon(other.fork("before", 0, "fork", |_| ())).await;
            assert_eq!(soon(other.resume("fork")).await.state().n, 1);
            soon(other.prune(Prune::runs().statuses([Status::Completed]))).await;
        });
    }
}
