//! A state whose `Drop` panics, wherever the engine lets go of it, takes down no
//! call, no engine and no other run.

use std::future::{IntoFuture, pending, ready};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Place, stores};

/// Whether dropping a [`Touchy`] panics. One test sets it, so it is the only one.
static ARMED: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Touchy(u64);

impl Drop for Touchy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(!ARMED.load(Ordering::SeqCst), "blown");
        }
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Shelf {
    item: Touchy,
    waits: bool,
    n: u64,
}

#[node]
async fn put(shelf: &Shelf) -> ShelfUpdate {
    if shelf.waits {
        pending::<()>().await;
    }
    Shelf::update().n(shelf.n + 1)
}

#[graph(state = Shelf, start -> put -> end)]
struct Shelves;

fn engine(place: &Place) -> Engine<Shelves> {
    Engine::builder(Shelves)
        .store(Arc::clone(&place.store))
        .build()
        .expect("the settings make sense")
}

/// The result of `call` while the states blow up; the error is its panic.
async fn armed<T>(call: impl Future<Output = T> + Send + 'static) -> Result<T, String>
where
    T: Send + 'static,
{
    let call = async {
        ARMED.store(true, Ordering::SeqCst);
        let ended = call.await;
        ARMED.store(false, Ordering::SeqCst);
        ended
    };
    let ended = tokio::spawn(call).await;
    ARMED.store(false, Ordering::SeqCst);
    ended.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_stay_with_their_run() {
    let unkept = Engine::builder(Shelves).no_store().build().unwrap();
    // An error or a result, but no panic: a `Result` is all that comes back.
    let _ = armed(unkept.run("run", Shelf::default()).into_future())
        .await
        .expect("no panic");

    for place in stores() {
        let engine = engine(&place);
        for call in 0..100 {
            // Each replaces an older one among those that are kept.
            let run = engine
                .run(format!("run {call}"), Shelf::default())
                .into_future();
            let _ = armed(run).await.expect("no panic");
        }
        dropped_midway(&engine);
        engine
            .run("run 0", Shelf::default())
            .await
            .expect("nothing is armed any more");
        let run = engine.turn("run 0", Shelf::update()).await.unwrap();
        assert_eq!(run.state().n, 2, "{place:?}");
    }
}

fn dropped_midway(engine: &Engine<Shelves>) {
    let waits = Shelf {
        waits: true,
        ..Shelf::default()
    };
    let engine = engine.clone();
    let handle = tokio::runtime::Handle::current();
    let dropped = std::thread::spawn(move || {
        handle.block_on(async {
            let mut call = Box::pin(engine.run("waits", waits).into_future());
            while engine.get("waits").await.is_err() {
                tokio::select! {
                    biased;
                    _ = &mut call => panic!("it waits"),
                    () = ready(()) => tokio::task::yield_now().await,
                }
            }
            ARMED.store(true, Ordering::SeqCst);
            let dropped = std::panic::catch_unwind(AssertUnwindSafe(|| drop(call)));
            ARMED.store(false, Ordering::SeqCst);
            dropped.is_ok()
        })
    });
    assert!(
        dropped.join().expect("the thread ends"),
        "the drop of a call panicked"
    );
}
