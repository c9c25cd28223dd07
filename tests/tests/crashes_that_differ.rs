//! A graph that depends on more than its record is detected: `crash_everywhere` tells the
//! first point, step, node and call at which it differs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::testing::{CrashDifference, CrashPoint, Deviation, StoreCall, crash_everywhere};
use superstep::{Graph, ok};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Notes {
    #[reduce(append)]
    lines: Vec<u64>,
}

/// What a process has in memory: gone when it dies.
#[derive(Debug, Default)]
struct Memory(AtomicU64);

impl Memory {
    /// How often it was asked.
    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// What outlives every process.
static EVER: AtomicU64 = AtomicU64::new(0);

#[node]
fn pass(_: &Notes) {}

#[node]
fn count(_: &Notes, memory: &Memory) -> NotesUpdate {
    Notes::update().lines([memory.count()])
}

#[graph(state = Notes, start -> count -> again -> end, again = count)]
struct Counting {
    memory: Memory,
}

#[node]
fn ever(_: &Notes) -> NotesUpdate {
    Notes::update().lines([EVER.fetch_add(1, Ordering::Relaxed)])
}

#[graph(state = Notes, start -> pass -> ever -> end)]
struct Global;

#[node]
fn choose(_: &Notes, memory: &Memory) -> bool {
    memory.count() == 1
}

#[graph(
    state = Notes,
    start -> choose,
    choose -> match { true => pass, false => again },
    again -> match { true => pass, false => end },
    pass -> end,
    again = choose,
)]
struct Choosing {
    memory: Memory,
}

#[node]
fn learn(_: &Notes, memory: &Memory) {
    memory.0.store(1, Ordering::Relaxed);
}

#[node]
async fn ask(_: &Notes, memory: &Memory, cx: &Cx) -> Result<NotesUpdate, NodeError> {
    let request = memory.0.load(Ordering::Relaxed);
    let answer = cx.effect("ask", &request).run(|| async { ok(7) });
    Ok(Notes::update().lines([answer.await?]))
}

#[graph(state = Notes, start -> learn -> ask -> end)]
struct Asking {
    memory: Memory,
}

#[graph(state = Notes, start -> ask -> end)]
struct Blurting {
    memory: Memory,
}

/// How much was answered since a run began, whichever process it was.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

#[node]
fn forget(_: &Notes) {
    ANSWERED.store(0, Ordering::Relaxed);
}

#[node]
async fn remember(_: &Notes, cx: &Cx) -> Result<NotesUpdate, NodeError> {
    let request = ANSWERED.load(Ordering::Relaxed);
    let answer = cx.effect("ask", &request).run(|| async { ok(7) }).await?;
    ANSWERED.store(1, Ordering::Relaxed);
    Ok(Notes::update().lines([answer]))
}

#[graph(state = Notes, start -> forget -> remember -> end)]
struct Remembering;

#[node]
async fn warm(_: &Notes, memory: &Memory, cx: &Cx) -> Result<(), NodeError> {
    if memory.count() == 0 {
        cx.effect("warm up", &()).run(|| async { ok(()) }).await?;
    }
    Ok(())
}

#[graph(state = Notes, start -> warm -> again -> end, again = warm)]
struct Warming {
    memory: Memory,
}

#[node]
async fn pay(_: &Notes, memory: &Memory, cx: &Cx) -> Result<NotesUpdate, NodeError> {
    if memory.0.load(Ordering::Relaxed) == 1 {
        let pay = cx.effect("pay", &()).at_most_once();
        pay.run(|| async { ok(()) }).await?;
    }
    Ok(Notes::update().lines([1]))
}

/// What was learned is forgotten in a crash, and then nobody is paid.
#[graph(state = Notes, start -> learn -> pay -> end)]
struct Paying {
    memory: Memory,
}

#[node]
fn fails(_: &Notes) -> Result<(), NodeError> {
    Err(NodeError::permanent("always"))
}

#[graph(state = Notes, start -> fails -> end)]
struct Failing;

#[node]
fn look(_: &Notes, memory: &Memory, cx: &Cx) {
    if memory.count() == 0 {
        cx.now();
    }
}

#[graph(state = Notes, start -> look -> again -> end, again = look)]
struct Looking {
    memory: Memory,
}

#[node]
fn guess(_: &Notes, memory: &Memory) -> Result<(), NodeError> {
    match memory.count() {
        1 => Err(NodeError::permanent("the second guess")),
        _ => Ok(()),
    }
}

#[graph(state = Notes, start -> guess -> again -> end, again = guess)]
struct Guessing {
    memory: Memory,
}

async fn difference<G: Graph<State = Notes>>(graph: impl Fn() -> G) -> CrashDifference {
    let engine = |store: Arc<dyn Store>| {
        let engine = Engine::builder(graph()).store(store);
        engine.build().unwrap()
    };
    crash_everywhere(engine, Notes::default).await.unwrap_err()
}

/// The first crash between the two steps of a graph: when the input and the first are committed.
fn is_between(difference: &CrashDifference) -> bool {
    matches!(difference.point(), CrashPoint::AfterCall(at) if (at.call, at.step) == (StoreCall::Commit, 1))
}

#[tokio::test]
async fn what_lies_in_memory_and_gets_into_the_state() {
    let found = difference(|| Counting {
        memory: Memory::default(),
    })
    .await;
    assert!(is_between(&found), "{found}");
    assert_eq!(found.deviation(), Deviation::OtherEnd);
    assert_eq!((found.step(), found.node()), (Some(2), Some("again")));
    let said = found.to_string();
    let end = "(commit of step 1), in step 2, node `again`: the run ended differently: \
               what it did, `update.lines[0]`: 1 against 0; make what a node does depend on nothing \
               but the state, its input, `cx` and effects";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(format!("{found:?}"), said);
}

#[tokio::test]
async fn a_global_is_found_without_a_crash() {
    let found = difference(|| Global).await;
    assert_eq!(found.point(), CrashPoint::SecondRun);
    assert_eq!((found.step(), found.node()), (Some(2), Some("ever")));
}

#[tokio::test]
async fn what_lies_in_memory_and_chooses_the_route() {
    let found = difference(|| Choosing {
        memory: Memory::default(),
    })
    .await;
    assert!(is_between(&found), "{found}");
    assert_eq!(found.deviation(), Deviation::OtherEnd);
    assert_eq!((found.step(), found.node()), (Some(2), Some("again")));
    assert!(found.to_string().contains("`to[0]`"), "{found}");
}

#[tokio::test]
async fn a_call_that_is_left_out_after_a_crash() {
    let found = difference(|| Paying {
        memory: Memory::default(),
    })
    .await;
    assert!(is_between(&found), "{found}");
    assert_eq!(found.deviation(), Deviation::MissingCall);
    assert_eq!((found.step(), found.call()), (Some(2), Some(("pay", 0))));
    let said =
        "in step 2, effect `pay` (call 0): a call that the first run made was left out; make";
    assert!(found.to_string().contains(said), "{found}");
}

#[tokio::test]
async fn the_report_says_how_a_run_ends_each_time() {
    let engine = |store: Arc<dyn Store>| {
        let engine = Engine::builder(Failing).store(store);
        engine.build().unwrap()
    };
    let report = crash_everywhere(engine, Notes::default).await.unwrap();
    assert_eq!((report.status, report.steps), (Status::Failed, 0));
    assert!(
        report
            .to_string()
            .starts_with("failed after 0 steps: the same"),
        "{report}"
    );
}

#[tokio::test]
async fn a_request_that_depends_on_memory() {
    let found = difference(|| Asking {
        memory: Memory::default(),
    })
    .await;
    assert_eq!(found.deviation(), Deviation::OtherRequest);
    assert_eq!((found.step(), found.node()), (Some(2), Some("ask")));
    assert_eq!(found.call(), Some(("ask", 0)));
    assert!(is_between(&found), "{found}");
    assert!(found.to_string().contains(": 1 then, 0 now;"), "{found}");
}

#[tokio::test]
async fn a_request_that_is_another_each_time() {
    static MEMORY: Memory = Memory(AtomicU64::new(0));
    let graph = || Blurting {
        memory: Memory(AtomicU64::new(MEMORY.count())),
    };
    let found = difference(graph).await;
    assert_eq!(found.point(), CrashPoint::SecondRun);
    assert_eq!(found.deviation(), Deviation::OtherRequest);
    assert_eq!(found.call(), Some(("ask", 0)));
}

#[tokio::test]
async fn a_request_that_differs_from_the_record() {
    let found = difference(|| Remembering).await;
    assert_eq!(found.deviation(), Deviation::OtherRequest);
    assert_eq!((found.step(), found.node()), (Some(2), Some("remember")));
    assert_eq!(found.call(), Some(("ask", 0)));
    assert!(
        found.to_string().contains("on record it asked for 0"),
        "{found}"
    );
}

#[tokio::test]
async fn a_call_that_the_first_run_did_not_make() {
    let found = difference(|| Warming {
        memory: Memory::default(),
    })
    .await;
    assert!(is_between(&found), "{found}");
    assert_eq!(found.deviation(), Deviation::NewCall);
    assert_eq!((found.step(), found.node()), (Some(2), Some("again")));
    assert_eq!(found.call(), Some(("warm up", 0)));
    let said = found.to_string();
    assert!(
        said.contains(
            ", node `again`, effect `warm up` (call 0): a call that the first run did not make"
        ),
        "{said}"
    );
}

#[tokio::test]
async fn a_reading_of_the_clock_that_the_first_run_did_not_make() {
    let found = difference(|| Looking {
        memory: Memory::default(),
    })
    .await;
    assert!(is_between(&found), "{found}");
    assert_eq!(found.deviation(), Deviation::NewCall);
    assert_eq!(found.call(), Some(("", 0)));
    assert!(
        found.to_string().contains("reading 0 of the clock"),
        "{found}"
    );
}

#[tokio::test]
async fn a_failure_that_does_not_come_again() {
    let found = difference(|| Guessing {
        memory: Memory::default(),
    })
    .await;
    assert_eq!(found.deviation(), Deviation::OtherEnd);
    let said = found.to_string();
    assert!(said.contains("the second guess"), "{said}");
    assert!(
        said.contains(" then, and now: completed after step 2"),
        "{said}"
    );
    assert_eq!((found.step(), found.node()), (Some(2), Some("again")));
}

#[tokio::test]
async fn an_input_that_is_another_each_time() {
    static INPUTS: AtomicU64 = AtomicU64::new(0);
    let engine = |store| {
        let memory = Memory::default();
        let engine = Engine::builder(Looking { memory }).store(store);
        engine.build().unwrap()
    };
    let input = || Notes {
        lines: vec![INPUTS.fetch_add(1, Ordering::Relaxed)],
    };
    let found = crash_everywhere(engine, input).await.unwrap_err();
    assert_eq!(found.step(), Some(0));
    assert!(
        found.to_string().contains("`lines[0]`: 0 against 1"),
        "{found}"
    );
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Scale {
    grams: f64,
}

#[node]
fn weigh(_: &Scale) {}

#[graph(state = Scale, start -> weigh -> end)]
struct Weighing;

#[tokio::test]
async fn an_input_that_cannot_be_stored_is_told() {
    let engine = |store| Engine::builder(Weighing).store(store).build().unwrap();
    let input = || Scale { grams: f64::NAN };
    let refused = crash_everywhere(engine, input).await.unwrap_err();
    assert_eq!(refused.point(), CrashPoint::FirstRun);
    assert_eq!(refused.deviation(), Deviation::NotBegun);
    assert!(refused.to_string().contains("grams"), "{refused}");
}
