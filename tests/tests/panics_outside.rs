//! Users' code runs outside nodes too: `Clone`, `Drop`, `Serialize` and
//! `Deserialize` of their values. A panic there is an error of that run, its
//! siblings finish, and the run can be resumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use superstep::prelude::*;
use superstep_tests::{Place, stores};

/// What is broken, while it is broken. One test sets it, so it is the only one.
static BROKEN: AtomicU64 = AtomicU64::new(0);

const CLONE: u64 = 1;
const DROP: u64 = 2;
const SERIALIZE: u64 = 3;
const DESERIALIZE: u64 = 4;
const TIMED_OUT: u64 = 5;

fn blows(what: u64) {
    assert!(BROKEN.load(Ordering::SeqCst) != what, "blown {what}");
}

/// A value that reacts to what is done to it.
#[derive(Debug, PartialEq)]
struct Touchy(u64);

impl Clone for Touchy {
    fn clone(&self) -> Self {
        blows(CLONE);
        Self(self.0)
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            blows(DROP);
        }
    }
}

impl Serialize for Touchy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        blows(SERIALIZE);
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Touchy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        blows(DESERIALIZE);
        u64::deserialize(deserializer).map(Self)
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Shelf {
    #[reduce(append)]
    items: Vec<Touchy>,
    #[reduce(sum)]
    count: u64,
}

/// Breaks something before its value is touched.
#[derive(Clone, Debug)]
struct Breaker {
    what: u64,
    armed: Arc<AtomicU64>,
}

impl Breaker {
    fn strike(&self) {
        if self.armed.swap(0, Ordering::SeqCst) > 0 {
            BROKEN.store(self.what, Ordering::SeqCst);
        }
    }
}

/// Panics when it is dropped after its node was given up.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        blows(TIMED_OUT);
    }
}

#[derive(Route)]
enum Next {
    Put(Vec<Touchy>),
}

#[node(timeout = "50ms")]
async fn open(_: &Shelf, breaker: &Breaker) -> (ShelfUpdate, Next) {
    breaker.strike();
    let bomb = Bomb;
    if BROKEN.load(Ordering::SeqCst) == TIMED_OUT {
        std::future::pending::<()>().await;
    }
    std::mem::forget(bomb);
    let put = Next::Put((0..4).map(Touchy).collect());
    (Shelf::update().items([Touchy(9)]), put)
}

#[node]
async fn put(_: &Shelf, item: Touchy) -> ShelfUpdate {
    Shelf::update().count(item.0).items([item])
}

#[node]
async fn aside(_: &Shelf) -> ShelfUpdate {
    Shelf::update().count(100)
}

#[graph(
    state = Shelf,
    start -> open,
    open -> match { Next::Put(items) => each put(items) else end },
    put -> end,
)]
struct Alone {
    breaker: Breaker,
}

#[graph(
    state = Shelf,
    two = aside,
    start -> [open, aside, two],
    open -> match { Next::Put(items) => each put(items) else end },
    put -> end,
    aside -> end,
    two -> end,
)]
struct Beside {
    breaker: Breaker,
}

async fn breaks<G: Graph<State = Shelf>>(
    place: &Place,
    what: u64,
    concurrency: usize,
    count: u64,
    graph: fn(Breaker) -> G,
) {
    let armed = Arc::new(AtomicU64::new(1));
    let id = format!("run {what} {concurrency} {count}");
    let engine = || {
        Engine::builder(graph(Breaker {
            what,
            armed: Arc::clone(&armed),
        }))
        .store(Arc::clone(&place.store))
        .max_concurrency(concurrency)
        .build()
        .expect("the settings make sense")
    };
    let one = engine();
    let (id_of, one_of) = (id.clone(), one.clone());
    let call = tokio::spawn(async move { one_of.run(id_of, Shelf::default()).await });
    let result = tokio::time::timeout(Duration::from_secs(10), call).await;
    BROKEN.store(0, Ordering::SeqCst);
    let result = result
        .expect("it ends")
        .unwrap_or_else(|panic| panic!("{what}: {panic}"));
    match result {
        // Not everything is touched on every path.
        Ok(run) => assert_eq!(run.status(), Status::Completed),
        Err(error) => assert!(error.to_string().contains("blown"), "{error}"),
    }
    // Another engine can continue at once: the lease was given back.
    let run = engine().resume(&id).await.expect("it is fixed");
    assert_eq!(run.state().count, count);
    let items: Vec<_> = run.state().items.iter().map(|item| item.0).collect();
    assert_eq!(items, [9, 0, 1, 2, 3]);
    assert_eq!(
        one.resume(&id).await.expect("it is fixed").state(),
        run.state()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_users_code_outside_nodes_is_an_error_of_the_run() {
    for place in stores() {
        for what in [CLONE, DROP, SERIALIZE, DESERIALIZE, TIMED_OUT] {
            for concurrency in [1, 2, 8] {
                breaks(&place, what, concurrency, 6, |breaker| Alone { breaker }).await;
                breaks(&place, what, concurrency, 206, |breaker| Beside { breaker }).await;
            }
        }
    }
}
