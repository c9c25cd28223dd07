//! An engine that is drained brings what it drives to rest, gives it back, and begins nothing
//! any more; whoever comes next goes on, and repeats nothing that was finished.

use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::Drained;
use superstep::prelude::*;
use superstep_tests::{Journal, Moment, Place, memory, stores};
use tokio::sync::Semaphore;

const LONG: Duration = Duration::from_secs(3_600);

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Work {
    #[reduce(append)]
    done: Vec<String>,
    /// Nodes fail, or wait, if this says so.
    how: How,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
enum How {
    #[default]
    Quick,
    Waits,
    Hangs,
    Fails,
}

/// Notes what runs, and lets it wait.
#[derive(Clone)]
struct Shop {
    journal: Journal,
    entered: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Shop {
    fn new() -> Self {
        Self {
            journal: Journal::new(),
            entered: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    /// Until a node has begun to wait.
    async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }

    async fn wait(&self) {
        self.entered.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

#[node(retry(attempts = 2, base = "1h", max = "1h"))]
async fn first(work: &Work, shop: &Shop) -> Result<WorkUpdate, NodeError> {
    shop.journal.note("first");
    match work.how {
        How::Quick => {}
        How::Waits => shop.wait().await,
        How::Hangs => {
            shop.entered.add_permits(1);
            std::future::pending::<()>().await;
        }
        How::Fails => {
            shop.entered.add_permits(1);
            return Err(NodeError::transient("not now"));
        }
    }
    Ok(Work::update().done(["first"]))
}

#[node]
async fn beside(_: &Work, shop: &Shop) -> WorkUpdate {
    shop.journal.note("beside");
    Work::update().done(["beside"])
}

#[node]
async fn last(_: &Work, shop: &Shop) -> WorkUpdate {
    shop.journal.note("last");
    Work::update().done(["last"])
}

#[graph(state = Work, start -> first -> last -> end)]
struct Chain {
    shop: Shop,
}

#[graph(state = Work, start -> [beside, first] -> last -> end)]
struct Wide {
    shop: Shop,
}

#[graph(state = Work, start -> first -> end)]
struct Short {
    shop: Shop,
}

#[node(blocking)]
fn blocks(_: &Work, shop: &Shop, cx: &Cx) {
    shop.entered.add_permits(1);
    while !cx.cancelled() {
        thread::yield_now();
    }
    shop.journal.note("told");
    shop.entered.add_permits(1);
}

#[graph(state = Work, start -> blocks -> end)]
struct Blocks {
    shop: Shop,
}

fn over<G: Graph>(place: &Place, graph: G) -> Engine<G> {
    let engine = Engine::builder(graph).store(Arc::clone(&place.store));
    engine
        .default_timeout(LONG)
        .run_budget(LONG)
        .build()
        .unwrap()
}

fn work(how: How) -> Work {
    Work {
        how,
        ..Work::default()
    }
}

/// Begins to drain, and returns when that is known.
async fn draining<G: Graph>(
    engine: &Engine<G>,
    grace: Duration,
) -> tokio::task::JoinHandle<Drained> {
    let own = engine.clone();
    let drained = tokio::spawn(async move { own.drain(grace).await });
    // There is no such run: once it drains, that is not even looked up.
    while !matches!(engine.resume("nobody").await, Err(Error::Draining { .. })) {
        tokio::task::yield_now().await;
    }
    drained
}

fn drained(finished: u64, given_back: u64, dropped: u64) -> serde_json::Value {
    serde_json::json!({ "finished": finished, "given_back": given_back, "dropped": dropped })
}

fn seen(drained: Drained) -> serde_json::Value {
    serde_json::to_value(drained).unwrap()
}

#[tokio::test]
async fn the_open_step_is_finished_and_the_run_given_back() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Chain { shop: shop.clone() });
        let call = tokio::spawn(engine.run("run", work(How::Waits)));
        shop.entered().await;

        let drain = draining(&engine, LONG).await;
        shop.open.add_permits(1);
        let run = call.await.unwrap().unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Running, 1));
        assert_eq!(run.state().done, ["first"]);
        assert_eq!(seen(drain.await.unwrap()), drained(0, 1, 0));

        // Nobody holds it: another engine goes on at once, and repeats nothing.
        let other = over(&place, Chain { shop: shop.clone() });
        let run = other.resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        assert_eq!(shop.journal.lines(), ["first", "last"]);
        shop.open.add_permits(1);
        other.replay("run").await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_comes_to_its_end_meanwhile_is_finished() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Short { shop: shop.clone() });
        let call = tokio::spawn(engine.run("run", work(How::Waits)));
        shop.entered().await;
        let drain = draining(&engine, LONG).await;
        shop.open.add_permits(1);
        assert_eq!(call.await.unwrap().unwrap().status(), Status::Completed);
        assert_eq!(seen(drain.await.unwrap()), drained(1, 0, 0));
    }
}

#[tokio::test]
async fn what_takes_longer_than_the_grace_is_dropped_and_what_had_finished_is_kept() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Wide { shop: shop.clone() });
        let call = tokio::spawn(engine.run("run", work(How::Hangs)));
        shop.entered().await;
        let dropped = engine.drain(Duration::ZERO).await;
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.step()), ("draining", Some(1)));
        assert!(error.is_transient());
        assert_eq!(seen(dropped), drained(0, 0, 1));

        let other = over(&place, Wide { shop: shop.clone() });
        assert_eq!(other.get("run").await.unwrap().status(), Status::Running);
        let again = tokio::spawn(async move { other.resume("run").await });
        shop.entered().await;
        // Of the two tasks only the one that was dropped runs again.
        assert_eq!(shop.journal.lines(), ["beside", "first", "first"]);
        again.abort();
    }
}

#[tokio::test]
async fn a_single_task_is_dropped_alike() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Chain { shop: shop.clone() });
        let call = tokio::spawn(engine.run("run", work(How::Hangs)));
        shop.entered().await;
        assert_eq!(seen(engine.drain(Duration::ZERO).await), drained(0, 0, 1));
        assert_eq!(call.await.unwrap().unwrap_err().code(), "draining");
        let head = place.store.head("run").await.unwrap().unwrap();
        assert_eq!(head.lease, None, "it is given back");
    }
}

#[tokio::test]
async fn a_run_in_a_back_off_is_given_back_at_once() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Wide { shop: shop.clone() });
        let call = tokio::spawn(engine.run("run", work(How::Fails)));
        shop.entered().await;
        // The next attempt would be in an hour.
        assert_eq!(seen(engine.drain(LONG).await), drained(0, 1, 0));
        let run = call.await.unwrap().unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Running, 0));
        let other = over(&place, Wide { shop: shop.clone() });
        let again = tokio::spawn(async move { other.resume("run").await });
        shop.entered().await;
        assert_eq!(shop.journal.lines(), ["beside", "first", "first"]);
        again.abort();
    }
}

#[tokio::test]
async fn nothing_is_begun_any_more_and_looking_still_works() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Chain { shop: shop.clone() });
        engine.run("done", Work::default()).await.unwrap();
        assert_eq!(seen(engine.drain(LONG).await), drained(0, 0, 0));

        // Not even by a clone.
        let engine = engine.clone();
        let refused = [
            engine.run("new", Work::default()).await,
            engine.run("done", Work::default()).await,
            engine.resume("done").await,
            engine.turn("done", WorkUpdate::default()).await,
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert_eq!((error.code(), error.step()), ("draining", None));
            let text = error.to_string();
            assert!(text.contains("a new engine goes on with it"), "{text}");
        }
        assert_eq!(place.store.head("new").await.unwrap(), None);
        assert_eq!(engine.get("done").await.unwrap().steps(), 2);
        engine.replay("done").await.unwrap();
        let update = Work::update().done(["by hand"]);
        assert_eq!(engine.update("done", update).await.unwrap().steps(), 3);
        engine.fork("done", 1, "fork", |_| {}).await.unwrap();
        // And draining again changes nothing.
        assert_eq!(seen(engine.drain(Duration::ZERO).await), drained(0, 0, 0));
    }
}

#[tokio::test]
async fn a_second_call_may_shorten_the_grace() {
    let place = memory();
    let shop = Shop::new();
    let engine = over(&place, Chain { shop: shop.clone() });
    let call = tokio::spawn(engine.run("run", work(How::Hangs)));
    shop.entered().await;
    let first = draining(&engine, LONG).await;
    let second = engine.drain(Duration::ZERO).await;
    assert_eq!(seen(second), drained(0, 0, 1));
    assert_eq!(first.await.unwrap(), second);
    assert_eq!(call.await.unwrap().unwrap_err().code(), "draining");
}

#[tokio::test]
async fn calls_that_nobody_polls_hold_nobody_up() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Chain { shop: shop.clone() });
        let mut call = Box::pin(engine.run("run", work(How::Hangs)));
        tokio::select! {
            biased;
            _ = &mut call => panic!("it hangs"),
            () = shop.entered() => {}
        }
        // From here on nobody polls it.
        assert_eq!(seen(engine.drain(Duration::ZERO).await), drained(0, 0, 1));
        assert_eq!(call.await.unwrap_err().code(), "draining");
        let other = over(&place, Chain { shop: shop.clone() });
        let again = tokio::spawn(async move { other.resume("run").await });
        shop.entered().await;
        again.abort();
    }
}

#[tokio::test]
async fn a_caller_that_goes_meanwhile_is_waited_for_no_longer() {
    let place = memory();
    let shop = Shop::new();
    let engine = over(&place, Chain { shop: shop.clone() });
    let call = tokio::spawn(engine.run("run", work(How::Hangs)));
    shop.entered().await;
    let drain = draining(&engine, LONG).await;
    call.abort();
    assert_eq!(seen(drain.await.unwrap()), drained(0, 0, 1));
}

#[tokio::test]
async fn a_blocking_node_is_told() {
    for place in stores() {
        let shop = Shop::new();
        let engine = over(&place, Blocks { shop: shop.clone() });
        let call = tokio::spawn(engine.run("run", Work::default()));
        shop.entered().await;
        assert_eq!(seen(engine.drain(Duration::ZERO).await), drained(0, 0, 1));
        assert_eq!(call.await.unwrap().unwrap_err().code(), "draining");
        shop.entered().await;
        assert_eq!(shop.journal.lines(), ["told"]);
    }
}

#[tokio::test]
async fn what_no_store_keeps_goes_on_until_the_grace_is_over() {
    let unstored = |graph| {
        let engine = Engine::builder(graph).no_store().default_timeout(LONG);
        engine.run_budget(LONG).build().unwrap()
    };
    let shop = Shop::new();
    let engine = unstored(Chain { shop: shop.clone() });
    let call = tokio::spawn(engine.run("run", work(How::Waits)));
    shop.entered().await;
    let drain = draining_unstored(&engine, LONG).await;
    shop.open.add_permits(1);
    assert_eq!(call.await.unwrap().unwrap().status(), Status::Completed);
    assert_eq!(seen(drain.await.unwrap()), drained(1, 0, 0));

    let engine = unstored(Chain { shop: shop.clone() });
    let call = tokio::spawn(engine.run("run", work(How::Hangs)));
    shop.entered().await;
    assert_eq!(seen(engine.drain(Duration::ZERO).await), drained(0, 0, 1));
    assert_eq!(call.await.unwrap().unwrap_err().code(), "draining");
}

/// As [`draining`].
async fn draining_unstored(
    engine: &Engine<Chain>,
    grace: Duration,
) -> tokio::task::JoinHandle<Drained> {
    let own = engine.clone();
    let drained = tokio::spawn(async move { own.drain(grace).await });
    while engine.run("other", Work::default()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    drained
}

#[tokio::test]
async fn without_a_clock_or_a_runtime_there_is_as_much_time() {
    let poll_once = |mut drain: Pin<Box<dyn Future<Output = Drained> + Send>>, flavor| {
        let poll = move || {
            let mut task = Context::from_waker(Waker::noop());
            assert!(drain.as_mut().poll(&mut task).is_pending());
            drain
        };
        let elsewhere = thread::spawn(move || match flavor {
            "no clock" => {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                let runtime = runtime.unwrap();
                let _inside = runtime.enter();
                poll()
            }
            _ => poll(),
        });
        elsewhere.join().unwrap()
    };
    for place in stores() {
        for flavor in ["no clock", "no runtime"] {
            let shop = Shop::new();
            let engine = over(&place, Chain { shop: shop.clone() });
            let call = tokio::spawn(engine.run(flavor, work(How::Waits)));
            shop.entered().await;
            let own = engine.clone();
            let drain = poll_once(Box::pin(async move { own.drain(LONG).await }), flavor);
            shop.open.add_permits(1);
            assert_eq!(call.await.unwrap().unwrap().status(), Status::Running);
            assert_eq!(seen(drain.await), drained(0, 1, 0), "{flavor}");
        }
    }
}

type Own = Arc<OnceLock<Engine<Stops>>>;

#[node]
async fn stop(_: &Work, own: &Own) -> WorkUpdate {
    let engine = own.get().unwrap();
    let mut drain = pin!(engine.drain(Duration::ZERO));
    let mut task = Context::from_waker(Waker::noop());
    assert!(drain.as_mut().poll(&mut task).is_pending());
    Work::update().done(["stop"])
}

#[graph(state = Work, start -> stop -> [beside, last] -> end)]
struct Stops {
    shop: Shop,
    own: Own,
}

#[tokio::test]
async fn what_no_store_keeps_ends_with_the_grace_although_its_nodes_never_wait() {
    let (shop, own) = (Shop::new(), Own::default());
    let graph = Stops {
        shop: shop.clone(),
        own: Arc::clone(&own),
    };
    let engine = Engine::builder(graph).no_store().build().unwrap();
    assert!(own.set(engine.clone()).is_ok());
    let error = engine.run("run", Work::default()).await.unwrap_err();
    assert_eq!((error.code(), error.step()), ("draining", Some(2)));
    assert_eq!(seen(engine.drain(LONG).await), drained(0, 0, 1));
    assert_eq!(shop.journal.lines(), [""; 0]);
}

/// Each way in which a run can stand still, and how it is told of.
#[tokio::test]
async fn a_run_that_was_not_gone_on_with_is_as_it_was_and_its_caller_knows() {
    for place in stores() {
        let shop = Shop::new();
        let chain = || Engine::builder(Chain { shop: shop.clone() });
        let at = || chain().store(Arc::clone(&place.store));
        let paused = at().pause_before(["last"]).build().unwrap();
        let run = paused.run("paused", work(How::Quick)).await.unwrap();
        assert_eq!(run.status(), Status::Paused);
        let failed = at().max_steps(1).build().unwrap();
        let error = failed.run("failed", work(How::Quick)).await.unwrap_err();
        assert_eq!(error.code(), "max_steps_exceeded");

        for (run, status) in [("paused", Status::Paused), ("failed", Status::Failed)] {
            // The store has given it the run, and says so only when it drains.
            let (held, says) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
            let (is_held, may_say) = (Arc::clone(&held), Arc::clone(&says));
            let store = place.hooked(move |moment, call| {
                let (is_held, may_say) = (Arc::clone(&is_held), Arc::clone(&may_say));
                Box::pin(async move {
                    if (moment, call) == (Moment::After, "acquire") {
                        is_held.add_permits(1);
                        may_say.acquire().await.unwrap().forget();
                    }
                    Ok(())
                })
            });
            let engine = chain().store(store).build().unwrap();
            let own = engine.clone();
            let call = tokio::spawn(async move { own.resume(run).await });
            held.acquire().await.unwrap().forget();
            let drain = draining(&engine, LONG).await;
            says.add_permits(1);
            let error = call.await.unwrap().unwrap_err();
            assert_eq!((error.code(), error.step()), ("draining", None), "{run}");
            assert_eq!(seen(drain.await.unwrap()), drained(0, 1, 0));
            let head = place.store.head(run).await.unwrap().unwrap();
            assert_eq!((head.status, head.lease), (status, None), "{run}");
        }
        assert_eq!(shop.journal.lines(), ["first", "first"]);
    }
}
