//! An input is cloned when its task starts, not before, and once for each
//! attempt: a wide step does not hold a second copy of all that is to be done.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize};
use superstep::prelude::*;
use superstep_tests::stores;

thread_local! {
    /// How often an input was cloned on this thread, on which nodes run, too.
    static CLONES: Cell<u64> = const { Cell::new(0) };
    /// How many tasks have started.
    static STARTED: Cell<u64> = const { Cell::new(0) };
    /// By how much the clones were ahead of the tasks at most.
    static AHEAD: Cell<u64> = const { Cell::new(0) };
}

fn reset() {
    CLONES.set(0);
    STARTED.set(0);
    AHEAD.set(0);
}

/// An input that counts its clones.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Page(u64);

impl Clone for Page {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self(self.0)
    }
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(u64::deserialize(deserializer)?))
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Book {
    pages: u64,
    #[reduce(sum)]
    read: u64,
}

#[derive(Route)]
enum Next {
    Read(Vec<Page>),
}

#[node]
fn open(state: &Book) -> Next {
    Next::Read((0..state.pages).map(Page).collect())
}

fn note_start() {
    STARTED.set(STARTED.get() + 1);
    let ahead = CLONES.get().saturating_sub(STARTED.get());
    AHEAD.set(AHEAD.get().max(ahead));
}

/// Every tenth page takes a while.
#[node]
async fn read(_: &Book, page: Page, _cx: &Cx) -> BookUpdate {
    note_start();
    if page.0.is_multiple_of(10) {
        tokio::task::yield_now().await;
    }
    Book::update().read(1)
}

#[graph(
    state = Book,
    start -> open,
    open -> match { Next::Read(pages) => each read(pages) else end },
    read -> end,
)]
struct Reading;

/// Every page is read in the second attempt of three.
#[node(retry(attempts = 3, base = "0ms"))]
async fn reread(_: &Book, page: Page, cx: &Cx) -> Result<BookUpdate, NodeError> {
    note_start();
    if cx.attempt() == 1 {
        return Err(NodeError::transient(format!("{} slipped", page.0)));
    }
    Ok(Book::update().read(1))
}

#[graph(
    state = Book,
    start -> open,
    open -> match { Next::Read(pages) => each reread(pages) else end },
    reread -> end,
)]
struct Rereading;

fn book(pages: u64) -> Book {
    Book { pages, read: 0 }
}

#[tokio::test]
async fn an_input_is_cloned_once_and_when_its_task_starts() {
    for pages in [1, 2, 5_000] {
        for place in stores() {
            for concurrency in [1, 8, 1_000] {
                let builder = Engine::builder(Reading).max_concurrency(concurrency);
                let engine = builder.store(place.store.clone()).build().unwrap();
                reset();
                let id = format!("{pages} pages {concurrency}");
                let run = engine.run(id, book(pages)).await.unwrap();
                assert_eq!(run.state().read, pages);
                assert!(CLONES.get() <= pages, "{}", CLONES.get());
                assert!(AHEAD.get() <= 1, "{} ahead at {concurrency}", AHEAD.get());
            }
        }
        let engine = Engine::builder(Reading).no_store().build().unwrap();
        reset();
        engine.run("run", book(pages)).await.unwrap();
        assert!(CLONES.get() <= pages && AHEAD.get() <= 1);
    }
}

#[tokio::test]
async fn a_repeated_attempt_is_one_clone_more() {
    for pages in [1, 100] {
        for place in stores() {
            let builder = Engine::builder(Rereading).store(place.store.clone());
            let engine = builder.build().unwrap();
            reset();
            let run = engine.run(format!("{pages}"), book(pages)).await.unwrap();
            assert_eq!((run.state().read, STARTED.get()), (pages, 2 * pages));
            assert!(CLONES.get() <= 2 * pages, "{}", CLONES.get());
            assert!(AHEAD.get() <= 1, "{}", AHEAD.get());
        }
    }
}

/// A kilobyte that is counted while it is there.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Counted(String);

static LIVE: AtomicU64 = AtomicU64::new(0);
static MOST: AtomicU64 = AtomicU64::new(0);

impl Counted {
    fn new(text: String) -> Self {
        let live = LIVE.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(live, Ordering::SeqCst);
        Self(text)
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[derive(Route)]
enum Weigh {
    Each(Vec<Counted>),
}

#[node]
fn gather(state: &Book) -> Weigh {
    let kilobyte = "x".repeat(1_000);
    Weigh::Each(
        (0..state.pages)
            .map(|_| Counted::new(kilobyte.clone()))
            .collect(),
    )
}

/// May fail, so that its input is kept for the next attempt while it works.
#[node(retry(attempts = 2, base = "0ms"))]
async fn weigh(_: &Book, page: Counted, cx: &Cx) -> Result<BookUpdate, NodeError> {
    tokio::task::yield_now().await;
    match cx.attempt() {
        1 if page.0.is_empty() => Err(NodeError::transient("it weighs nothing")),
        _ => Ok(Book::update().read(1)),
    }
}

#[graph(
    state = Book,
    start -> gather,
    gather -> match { Weigh::Each(pages) => each weigh(pages) else end },
    weigh -> end,
)]
struct Weighing;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wide_step_holds_no_second_copy_of_its_inputs() {
    const PAGES: u64 = 10_000;
    let concurrency = 8;
    for depth in [1, 1_024] {
        for place in stores() {
            let builder = Engine::builder(Weighing).max_concurrency(concurrency);
            let builder = builder.queue_depth(depth).check_round_trip(false);
            let engine = builder.store(place.store.clone()).build().unwrap();
            MOST.store(0, Ordering::SeqCst);
            let run = engine.run(format!("{depth}"), book(PAGES)).await.unwrap();
            assert_eq!(run.state().read, PAGES);
            // A second one only of those that work.
            let most = MOST.load(Ordering::SeqCst);
            assert!(most <= PAGES + concurrency as u64, "{most} at {depth}");
            assert_eq!(LIVE.load(Ordering::SeqCst), 0);
        }
    }
}
