//! Whether a lease is alive is a question to the store's clock; the clocks of those who
//! ask may be wrong by years.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{Claim, Lease};

const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Tea {
    #[reduce(sum)]
    cups: u32,
}

/// Takes more than one poll.
#[node]
async fn pour(_: &Tea) -> TeaUpdate {
    tokio::task::yield_now().await;
    Tea::update().cups(1)
}

#[graph(state = Tea, start -> pour -> end)]
struct Pot;

/// A store whose clock is this machine's, moved by some time.
#[derive(Clone)]
struct Place {
    store: MemoryStore,
    /// How far, in seconds from a year before this machine's.
    ahead: Arc<AtomicU64>,
}

impl Place {
    fn new(ahead: Duration) -> Self {
        let ahead = Arc::new(AtomicU64::new(ahead.as_secs()));
        let moved = Arc::clone(&ahead);
        let clock =
            move || SystemTime::now() - YEAR + Duration::from_secs(moved.load(Ordering::Relaxed));
        Self {
            store: MemoryStore::with_clock(clock),
            ahead,
        }
    }

    fn pass(&self, time: Duration) {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    fn engine(&self) -> Engine<Pot> {
        let store = self.store.clone();
        Engine::builder(Pot).store(store).build().unwrap()
    }

    async fn lent(&self) -> Lease {
        self.store
            .acquire("run", Claim::new("somebody", MINUTE))
            .await
            .unwrap()
    }
}

/// A year slow, and a year fast.
fn places() -> [Place; 2] {
    [Place::new(Duration::ZERO), Place::new(2 * YEAR)]
}

#[tokio::test]
async fn a_replay_asks_the_stores_clock_who_drives() {
    for place in places() {
        let engine = place.engine();
        engine.run("run", Tea::default()).await.unwrap();
        place.lent().await;
        let error = engine.replay("run").await.unwrap_err();
        assert!(matches!(error, Error::LeaseHeld { .. }), "{error}");
        place.pass(2 * MINUTE);
        engine.replay("run").await.unwrap();
    }
}

#[tokio::test]
async fn a_turn_asks_the_stores_clock_who_drives() {
    for place in places() {
        let engine = place.engine();
        // Begun, and not continued.
        let mut begun = Box::pin(engine.run("run", Tea::default()));
        poll_fn(|cx| Poll::Ready(begun.as_mut().poll(cx).is_ready())).await;
        drop(begun);
        let turn = || engine.turn("run", Tea::update().cups(1)).into_future();
        place.lent().await;
        let error = turn().await.unwrap_err();
        assert!(matches!(error, Error::LeaseHeld { .. }), "{error}");
        place.pass(2 * MINUTE);
        let error = turn().await.unwrap_err();
        assert!(matches!(error, Error::RunNotFinished { .. }), "{error}");
    }
}
