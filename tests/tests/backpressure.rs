//! The tasks of a step are admitted into a bounded queue. If nothing moves while more of them
//! wait for that, the run is paused with what it had done, and resumes; it is never stopped as
//! long as anything moves, and no setting is too small.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Journal, Place, memory, stores};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Work {
    tasks: u32,
    #[reduce(append)]
    done: Vec<String>,
}

fn work(tasks: u32) -> Work {
    Work {
        tasks,
        ..Work::default()
    }
}

/// What a task does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Sleeps(Duration),
    Hangs,
    /// In its first attempt.
    FailsOnce,
    /// The same, and hangs in its second.
    FailsThenHangs,
    FailsForGood,
    /// Keeps its thread for longer than tasks are polled in place.
    Works,
    /// Makes a call of which nobody knows what became.
    AsksAfter(Duration),
}

/// Says what each task does, and notes what it did.
#[derive(Clone)]
struct Bench {
    journal: Journal,
    act: Arc<dyn Fn(u32) -> Act + Send + Sync>,
    /// From now on every task is done at once.
    is_calm: Arc<AtomicBool>,
    /// How many tasks hang, and how many ever did.
    hanging: Arc<AtomicU32>,
    begun: Arc<AtomicU32>,
}

impl Bench {
    fn new(act: impl Fn(u32) -> Act + Send + Sync + 'static) -> Self {
        Self {
            journal: Journal::new(),
            act: Arc::new(act),
            is_calm: Arc::default(),
            hanging: Arc::default(),
            begun: Arc::default(),
        }
    }

    /// Two tasks finish, and then nothing moves.
    fn jammed() -> Self {
        Self::new(|item| match item {
            0 | 1 => Act::Sleeps(SECOND),
            _ => Act::Hangs,
        })
    }

    fn calm(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    async fn do_it(&self, item: u32, cx: &Cx) -> Result<(), NodeError> {
        let act = match self.is_calm.load(Ordering::SeqCst) {
            true => Act::Sleeps(Duration::ZERO),
            false => (self.act)(item),
        };
        match act {
            Act::Sleeps(time) => sleep(time).await,
            Act::Hangs => {
                self.begun.fetch_add(1, Ordering::SeqCst);
                let _hanging = Hanging::begin(&self.hanging);
                pending().await
            }
            Act::FailsOnce if cx.attempt() > 1 => {}
            Act::FailsThenHangs if cx.attempt() > 1 => pending().await,
            Act::FailsOnce | Act::FailsThenHangs => return Err(NodeError::transient("not yet")),
            Act::Works => std::thread::sleep(Duration::from_millis(2)),
            Act::FailsForGood => return Err(NodeError::permanent("never")),
            Act::AsksAfter(time) => {
                let call = cx.effect("call", &item).at_most_once().run(|| async {
                    sleep(time).await;
                    Err::<u32, _>(NodeError::permanent("who knows"))
                });
                call.await?;
            }
        }
        self.journal.note(item);
        Ok(())
    }
}

struct Hanging(Arc<AtomicU32>);

impl Hanging {
    fn begin(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[node(timeout = "12h", retry(attempts = 2, base = "2h", max = "2h"))]
async fn one(_: &Work, item: u32, bench: &Bench, cx: &Cx) -> Result<WorkUpdate, NodeError> {
    bench.do_it(item, cx).await?;
    Ok(Work::update().done([format!("one {item}")]))
}

#[derive(Route)]
enum Spread {
    Over(Vec<u32>),
}

#[node]
fn spread(work: &Work) -> Spread {
    Spread::Over((0..work.tasks).collect())
}

#[graph(
    state = Work,
    start -> spread,
    spread -> match { Spread::Over(items) => each one(items) else end },
    one -> end,
)]
struct Wide {
    bench: Bench,
}

/// An engine with as little room as there can be.
fn narrow(bench: &Bench) -> superstep::EngineBuilder<Wide> {
    let bench = bench.clone();
    let engine = Engine::builder(Wide { bench }).max_concurrency(1);
    let engine = engine.queue_depth(1).backpressure_timeout(MINUTE);
    engine.run_budget(24 * HOUR)
}

fn over(place: &Place, bench: &Bench) -> Engine<Wide> {
    narrow(bench)
        .store(Arc::clone(&place.store))
        .build()
        .unwrap()
}

/// All that tasks `0..tasks` say in the end.
fn all(tasks: u32) -> Vec<String> {
    (0..tasks).map(|item| format!("one {item}")).collect()
}

#[tokio::test(start_paused = true)]
async fn the_smallest_queue_finishes() {
    let bench = || Bench::new(|_| Act::Sleeps(SECOND));
    for place in stores() {
        let began = Instant::now();
        let run = over(&place, &bench()).run("run", work(4)).await.unwrap();
        assert_eq!(
            (run.status(), &run.state().done),
            (Status::Completed, &all(4))
        );
        assert!(began.elapsed() >= 4 * SECOND);
    }
    let engine = narrow(&bench()).no_store().build().unwrap();
    assert_eq!(
        engine.run("run", work(4)).await.unwrap().state().done,
        all(4)
    );
}

#[node(retry(attempts = 2, base = "1ms"))]
async fn other(_: &Work, item: u32, bench: &Bench, cx: &Cx) -> Result<WorkUpdate, NodeError> {
    bench.do_it(item, cx).await?;
    Ok(Work::update().done([format!("other {item}")]))
}

/// Tasks of two nodes, those of one in the way of the others'.
#[graph(
    state = Work,
    another = other,
    start -> [each other(0..8) else end, each another(0..8) else end],
    other -> end,
    another -> end,
)]
struct Mixed {
    bench: Bench,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_setting_is_too_small_or_shows_in_the_result() {
    let bench = Bench::new(|item| match item % 4 {
        0 => Act::Sleeps(Duration::from_millis(1)),
        1 => Act::FailsOnce,
        _ => Act::Sleeps(Duration::ZERO),
    });
    let mut results = Vec::new();
    for depth in 1..=3 {
        for concurrency in 1..=3 {
            for per_node in [None, Some(1), Some(2), Some(3)] {
                let options = Options {
                    queue_depth: Some(depth),
                    max_concurrency: Some(concurrency),
                    max_per_node: per_node,
                    ..Options::default()
                };
                let graph = Mixed {
                    bench: bench.clone(),
                };
                let engine = Engine::builder(graph).options(options).build().unwrap();
                let run = engine.run("run", Work::default()).await.unwrap();
                assert_eq!(run.state().done.len(), 16);
                results.push((run.state().clone(), run.fingerprint()));
            }
        }
    }
    results.dedup();
    assert_eq!(results.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_queue_is_blocked_is_paused_and_goes_on_where_it_was() {
    for place in stores() {
        let bench = Bench::jammed();
        let engine = over(&place, &bench);
        let began = Instant::now();
        let error = engine.run("run", work(5)).await.unwrap_err();
        let waited = began.elapsed();
        let Error::Backpressure {
            run,
            step,
            node,
            depth,
            wait,
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((run.as_str(), *step, *node, *depth), ("run", 2, "one", 1));
        // Since the second task finished, and hardly longer.
        assert!(*wait >= MINUTE && *wait < MINUTE + SECOND, "{wait:?}");
        assert!(waited >= MINUTE + 2 * SECOND && waited < MINUTE + 3 * SECOND);
        assert_eq!((error.code(), error.is_transient()), ("backpressure", true));
        assert_eq!((error.step(), error.node()), (Some(2), Some("one")));
        // What still ran was dropped.
        tokio::task::yield_now().await;
        assert_eq!(bench.hanging.load(Ordering::SeqCst), 0);

        let run = engine.get("run").await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Paused, 1));
        assert!(run.error().is_none());

        // Nobody holds it: another engine goes on at once.
        bench.calm();
        let run = over(&place, &bench).resume("run").await.unwrap();
        assert_eq!(
            (run.status(), &run.state().done),
            (Status::Completed, &all(5))
        );
        assert_eq!(bench.journal.lines(), ["0", "1", "2", "3", "4"]);

        let alone = over(&memory(), &bench).run("run", work(5)).await.unwrap();
        assert_eq!(run.fingerprint(), alone.fingerprint());
    }
}

#[tokio::test(start_paused = true)]
async fn it_may_be_blocked_again_and_again() {
    for place in stores() {
        // One more task is done each time.
        let done = Arc::new(AtomicU32::new(0));
        let known = Arc::clone(&done);
        let bench = Bench::new(move |item| match item < known.load(Ordering::SeqCst) {
            true => Act::Sleeps(SECOND),
            false => Act::Hangs,
        });
        for tasks in 0..3 {
            done.store(tasks, Ordering::SeqCst);
            let error = over(&place, &bench).run("run", work(5)).await.unwrap_err();
            assert_eq!(error.code(), "backpressure", "{error}");
            let done: Vec<_> = (0..tasks).map(|item| item.to_string()).collect();
            assert_eq!(bench.journal.lines(), done);
        }
        bench.calm();
        let run = over(&place, &bench).resume("run").await.unwrap();
        assert_eq!(run.state().done, all(5));
        assert_eq!(bench.journal.lines().len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_node_holds_up_those_behind_it() {
    for (queue_depth, held_up, begun) in [
        // Three of the first node's wait, and the fourth is next, although the other has room.
        (3, "other", 1),
        (7, "another", 1),
        // Both begin, and it is the other's third that is next.
        (8, "another", 2),
    ] {
        let bench = Bench::new(|_| Act::Hangs);
        let graph = Mixed {
            bench: bench.clone(),
        };
        let engine = Engine::builder(graph).max_per_node(1).max_concurrency(8);
        let engine = engine.backpressure_timeout(MINUTE).default_timeout(HOUR);
        let engine = engine.queue_depth(queue_depth).build().unwrap();
        let error = engine.run("run", Work::default()).await.unwrap_err();
        let Error::Backpressure { node, depth, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((node, depth), (held_up, queue_depth));
        assert_eq!(bench.begun.load(Ordering::SeqCst), begun);
    }
}

/// Those that begin on workers are counted, too, and not only those that are polled in place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_slots_than_workers_at_first_are_taken_before_it_counts() {
    let bench = Bench::new(|item| match item {
        0 => Act::Works,
        _ => Act::Hangs,
    });
    let engine = narrow(&bench).max_concurrency(20).run_budget(10 * SECOND);
    let engine = engine.backpressure_timeout(SECOND / 5).build().unwrap();
    let error = engine.run("run", work(40)).await.unwrap_err();
    assert_eq!(error.code(), "backpressure", "{error}");
    assert_eq!(bench.begun.load(Ordering::SeqCst), 20);
    assert_eq!(bench.journal.lines(), ["0"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_is_never_stopped_as_long_as_it_moves() {
    // Each takes as long as nothing may move, to the instant.
    let bench = Bench::new(|_| Act::Sleeps(MINUTE));
    for place in stores() {
        let run = over(&place, &bench).run("run", work(10)).await.unwrap();
        assert_eq!(run.state().done, all(10));
    }
    let engine = narrow(&bench).no_store().build().unwrap();
    assert_eq!(
        engine.run("run", work(10)).await.unwrap().state().done,
        all(10)
    );
}

#[tokio::test(start_paused = true)]
async fn it_counts_only_while_admission_waits() {
    // The last three are admitted: one works and two wait in the queue.
    let bench = Bench::new(|item| match item {
        0..3 => Act::Sleeps(SECOND),
        _ => Act::Sleeps(HOUR),
    });
    let engine = narrow(&bench).queue_depth(2).build().unwrap();
    let run = engine.run("run", work(6)).await.unwrap();
    assert_eq!(run.state().done, all(6));

    // One task more is too much.
    let engine = narrow(&bench).queue_depth(2).build().unwrap();
    let error = engine.run("run", work(7)).await.unwrap_err();
    assert_eq!(error.code(), "backpressure", "{error}");
    // A lone task never waits for another.
    let engine = narrow(&Bench::new(|_| Act::Sleeps(HOUR))).build().unwrap();
    assert_eq!(
        engine.run("run", work(1)).await.unwrap().state().done,
        all(1)
    );
}

/// It ends by itself, after two hours.
#[tokio::test(start_paused = true)]
async fn it_does_not_count_while_a_task_is_in_a_back_off() {
    for place in stores() {
        let bench = Bench::new(|item| match item {
            0 => Act::FailsOnce,
            _ => Act::Sleeps(SECOND),
        });
        let began = Instant::now();
        let run = over(&place, &bench).run("run", work(5)).await.unwrap();
        assert!(began.elapsed() > HOUR);
        assert_eq!(run.state().done, all(5));

        // What comes after it counts in full.
        let bench = Bench::new(|item| match item {
            0 => Act::FailsThenHangs,
            _ => Act::Hangs,
        });
        let began = Instant::now();
        let error = over(&place, &bench)
            .run("again", work(5))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "backpressure", "{error}");
        assert!(began.elapsed() > 2 * HOUR + MINUTE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_an_answer_has_moved() {
    for place in stores() {
        let bench = Bench::new(|_| Act::AsksAfter(40 * SECOND));
        let run = over(&place, &bench).run("run", work(5)).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        assert_eq!(run.interrupts().len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_is_still_asked() {
    for place in stores() {
        let bench = Bench::new(|item| match item {
            0 => Act::AsksAfter(SECOND),
            _ => Act::Hangs,
        });
        let engine = over(&place, &bench);
        let error = engine.run("run", work(5)).await.unwrap_err();
        assert_eq!(error.code(), "backpressure", "{error}");
        let run = engine.get("run").await.unwrap();
        assert_eq!((run.status(), run.interrupts().len()), (Status::Paused, 1));

        let question = run.interrupts()[0].id.clone();
        let answer = engine.answer("run", &question, Outcome::Happened(7));
        answer.await.unwrap();
        bench.calm();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.state().done, all(5));
    }
}

/// It comes first, as it does where tasks of a step are dropped for another reason.
#[tokio::test(start_paused = true)]
async fn a_failed_task_is_the_error() {
    for place in stores() {
        let bench = Bench::new(|item| match item {
            0 => Act::Sleeps(SECOND),
            1 => Act::FailsForGood,
            _ => Act::Hangs,
        });
        let engine = over(&place, &bench);
        let error = engine.run("run", work(5)).await.unwrap_err();
        assert_eq!(error.code(), "node_failed", "{error}");
        assert_eq!(engine.get("run").await.unwrap().status(), Status::Failed);
        bench.calm();
        assert_eq!(engine.resume("run").await.unwrap().state().done, all(5));
        assert_eq!(bench.journal.lines().len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_no_store_keeps_begins_anew() {
    let bench = Bench::jammed();
    let engine = narrow(&bench).no_store().build().unwrap();
    let error = engine.run("run", work(5)).await.unwrap_err();
    assert_eq!(error.code(), "backpressure", "{error}");
    bench.calm();
    assert_eq!(
        engine.run("run", work(5)).await.unwrap().state().done,
        all(5)
    );
    assert_eq!(bench.journal.lines(), ["0", "1", "0", "1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_stop_again_for_a_look_that_it_had() {
    for place in stores() {
        let bench = Bench::jammed();
        let engine = narrow(&bench).pause_before(["one"]);
        let engine = engine.store(Arc::clone(&place.store)).build().unwrap();
        let run = engine.run("run", work(5)).await.unwrap();
        assert_eq!(run.status(), Status::Paused);
        let error = engine.resume("run").await.unwrap_err();
        assert_eq!(error.code(), "backpressure", "{error}");
        bench.calm();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(
            (run.status(), &run.state().done),
            (Status::Completed, &all(5))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_share_the_execution_are_told() {
    let bench = Bench::jammed();
    let engine = over(&memory(), &bench);
    let (one, other) = tokio::join!(engine.run("run", work(5)), engine.run("run", work(5)));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert_eq!(error.code(), "backpressure", "{error}");
    }
}

#[node]
async fn plain(_: &Work, _item: u32) {
    sleep(29 * SECOND).await;
}

#[node(timeout = "5m")]
async fn patient(_: &Work, _item: u32) {
    sleep(299 * SECOND).await;
}

#[node(idle = "1m")]
async fn lively(_: &Work, _item: u32, cx: &Cx) {
    for _ in 0..8 {
        sleep(59 * SECOND).await;
        cx.heartbeat();
    }
}

#[graph(state = Work, start -> each plain(0..5) else end, plain -> end)]
struct Plain;

#[graph(state = Work, start -> each patient(0..5) else end, patient -> end)]
struct Patient;

#[graph(state = Work, start -> each lively(0..5) else end, lively -> end)]
struct Lively;

async fn finishes<G: Graph<State = Work>>(graph: G) {
    let engine = Engine::builder(graph).max_concurrency(1).queue_depth(1);
    let engine = engine.run_budget(HOUR).build().unwrap();
    let run = engine.run("run", Work::default()).await.unwrap();
    assert_eq!(run.status(), Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn by_default_it_never_stops_what_its_nodes_may_do() {
    finishes(Plain).await;
    finishes(Patient).await;
    finishes(Lively).await;
}
