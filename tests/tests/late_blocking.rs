//! A blocking node cannot be dropped when its time is over. What it does later
//! does not reach the run.
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use superstep::prelude::*;
use superstep::store::EffectKind;
use superstep_tests::{Journal, kind, kinds, stores};
use tokio::sync::Notify;

struct Unpark(std::thread::Thread);
impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
fn block_on<F: Future>(f: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut f = pin!(f);
    loop {
        if let Poll::Ready(o) = f.as_mut().poll(&mut Context::from_waker(&waker)) {
            return o;
        }
        std::thread::park();
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Job {
    a: String,
    b: String,
}

#[derive(Clone, Debug, Default)]
struct Gate {
    late: Arc<Notify>,
    done: Arc<Notify>,
}

#[node(blocking, timeout = "1s", retry(attempts = 2, base = "0ms"))]
fn first(_: &Job, gate: &Gate, journal: &Journal, cx: &Cx) -> Result<JobUpdate, NodeError> {
    if cx.attempt() == 1 {
        block_on(gate.late.notified());
        let r = block_on(cx.effect("late", &()).run(|| async { superstep::ok(1) }));
        journal.note(r.unwrap_err());
        gate.done.notify_one();
        return Ok(Job::update().a(format!("attempt {}", cx.attempt())));
    }
    block_on(cx.effect("fine", &()).run(|| async { superstep::ok(1) }))?;
    Ok(Job::update().a(format!("attempt {}", cx.attempt())))
}

#[node]
async fn then(_: &Job, gate: &Gate) -> JobUpdate {
    gate.late.notify_one();
    gate.done.notified().await;
    Job::update().b("then")
}

#[node]
async fn last(_: &Job) -> JobUpdate {
    Job::update().b("last")
}

#[graph(state = Job, start -> first -> then -> last -> end)]
struct Late {
    gate: Gate,
    journal: Journal,
}

#[tokio::test]
async fn an_effect_of_a_closed_step_does_not_reach_the_next() {
    for place in stores() {
        let journal = Journal::new();
        let gate = Gate::default();
        let late = Late {
            gate,
            journal: journal.clone(),
        };
        let builder = Engine::builder(late).store(place.store.clone());
        let run = builder.build().unwrap().run("run", Job::default()).await;
        assert_eq!(run.unwrap().state().a, "attempt 2");
        let [refused] = &journal.lines()[..] else {
            panic!("one late effect")
        };
        for part in ["attempt 1 of node `first`", "step 1 of run `run`", "`late`"] {
            assert!(refused.contains(part), "{refused}");
        }
        let recorded = [kind("fine", 0, EffectKind::Done)];
        assert_eq!(kinds(&place, "run").await, recorded);
    }
}

/// What a blocking node does, given its context and where it takes notes.
#[derive(Clone, Copy)]
struct Script(fn(&Cx, &Journal, &Gate) -> Result<String, NodeError>);

#[node(blocking, timeout = "200ms", retry(attempts = 2, base = "0ms"))]
fn slow(
    _: &Job,
    script: &Script,
    gate: &Gate,
    journal: &Journal,
    cx: &Cx,
) -> Result<JobUpdate, NodeError> {
    let done = (script.0)(cx, journal, gate);
    if cx.attempt() == 1 {
        journal.note(format_args!("late: {}", done.is_ok()));
        gate.done.notify_one();
        gate.late.notify_one();
    }
    Ok(Job::update().a(done?))
}

/// Keeps the step open until the late attempt has done all that it does.
#[node]
async fn sibling(_: &Job, gate: &Gate) -> JobUpdate {
    gate.done.notified().await;
    Job::update().b("open until then")
}

#[graph(state = Job, start -> [slow, sibling], slow -> end, sibling -> end)]
#[derive(Clone)]
struct Siblings {
    script: Script,
    gate: Gate,
    journal: Journal,
}

impl Siblings {
    fn doing(script: fn(&Cx, &Journal, &Gate) -> Result<String, NodeError>) -> Self {
        Self {
            script: Script(script),
            gate: Gate::default(),
            journal: Journal::new(),
        }
    }

    fn engine(&self, place: &superstep_tests::Place) -> Engine<Self> {
        let builder = Engine::builder(self.clone()).store(place.store.clone());
        builder.build().unwrap()
    }

    /// How often something was called.
    fn calls(&self) -> usize {
        let lines = self.journal.lines();
        lines.iter().filter(|line| *line == "called").count()
    }
}

/// Stays in the closure, on its thread, until the attempt is given up.
fn until_given_up(cx: &Cx) {
    while !cx.cancelled() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The engine has drawn its conclusions by then, or is about to: either is right.
    std::thread::sleep(Duration::from_millis(20));
}

fn pay(cx: &Cx, journal: &Journal) -> Result<String, NodeError> {
    let paid = cx.effect("pay", &()).at_most_once().run(|| async {
        journal.note("called");
        if journal.lines().len() == 1 {
            until_given_up(cx);
        }
        superstep::ok(7)
    });
    Ok(block_on(paid)?.to_string())
}

/// The record says nothing that contradicts what is asked, and what is then answered stands.
#[tokio::test]
async fn a_payment_that_comes_through_after_the_timeout_does_not_contradict_the_question() {
    for place in stores() {
        let graph = Siblings::doing(|cx, journal, _| pay(cx, journal));
        let engine = graph.engine(&place);
        let run = engine.run("run", Job::default()).await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        assert_eq!(graph.journal.lines(), ["called", "late: false"]);
        let unknown = [kind("pay", 0, EffectKind::Intent)];
        assert_eq!(kinds(&place, "run").await, unknown);
        let question = &run.interrupts()[0].id;
        let answer = Outcome::Happened(7);
        engine.answer("run", question, answer).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!(run.state().a, "7");
        assert_eq!(graph.calls(), 1);
        engine.replay("run").await.unwrap();
    }
}

/// The first attempt fetches too slowly, the second sees what it fetched itself.
#[tokio::test]
async fn a_late_response_does_not_replace_what_the_next_attempt_saw() {
    for place in stores() {
        let graph = Siblings::doing(|cx, journal, gate| {
            let attempt = u64::from(cx.attempt());
            let page = cx.effect("fetch", &()).run(|| async move {
                journal.note("called");
                if attempt == 1 {
                    block_on(gate.late.notified());
                }
                superstep::ok(attempt)
            });
            let page = block_on(page)?;
            if attempt == 2 {
                gate.late.notify_one();
                while journal.lines().len() < 3 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Ok(page.to_string())
        });
        let engine = graph.engine(&place);
        let run = engine.run("run", Job::default()).await.unwrap();
        assert_eq!(run.state().a, "2");
        assert_eq!(graph.journal.lines(), ["called", "called", "late: false"]);
        assert_eq!(
            kinds(&place, "run").await,
            [kind("fetch", 0, EffectKind::Done)]
        );
        graph.gate.done.notify_one();
        let replayed = engine.replay("run").await.unwrap();
        assert_eq!(replayed.state().a, "2");
    }
}

/// It begins no effect, asks nothing, and what it notes is dropped.
#[tokio::test]
async fn an_attempt_that_was_given_up_begins_nothing() {
    for place in stores() {
        let graph = Siblings::doing(|cx, journal, _| {
            if cx.attempt() == 2 {
                let page = cx.effect("fetch", &()).run(|| async { superstep::ok(2) });
                return Ok(block_on(page)?.to_string());
            }
            until_given_up(cx);
            let now = cx.now();
            let fetched = cx.effect("fetch", &()).run(|| async {
                journal.note("called");
                superstep::ok(1)
            });
            let fetched = block_on(fetched);
            let paid = pay(cx, journal);
            Ok(format!("{now:?} {} {}", fetched?, paid?))
        });
        let engine = graph.engine(&place);
        let run = engine.run("run", Job::default()).await.unwrap();
        assert_eq!(
            (run.status(), &*run.state().a),
            (Status::Completed, "2"),
            "{:?}",
            run.interrupts()
        );
        assert_eq!(graph.calls(), 0);
        let recorded = [kind("fetch", 0, EffectKind::Done)];
        assert_eq!(kinds(&place, "run").await, recorded);
        graph.gate.done.notify_one();
        engine.replay("run").await.unwrap();
    }
}

/// A payment that fails late, in whatever way, leaves the question as it was asked.
#[tokio::test]
async fn a_payment_that_fails_after_the_timeout_leaves_the_question_as_it_is() {
    for place in stores() {
        for way in ["not sent", "no answer"] {
            let graph = Siblings::doing(|cx, journal, _| {
                let paid = cx.effect("pay", &()).at_most_once().run(|| async {
                    journal.note("called");
                    until_given_up(cx);
                    match cx.run_id() {
                        "not sent" => Err::<u64, _>(NodeError::not_sent("no connection")),
                        _ => Err(NodeError::transient("the line went dead")),
                    }
                });
                Ok(block_on(paid)?.to_string())
            });
            let engine = graph.engine(&place);
            let run = engine.run(way, Job::default()).await.unwrap();
            assert_eq!(run.status(), Status::Interrupted);
            let [question] = run.interrupts() else {
                panic!("{:?}", run.interrupts())
            };
            assert!(
                question.question.get().contains("longer than"),
                "{question:?}"
            );
            let unknown = [kind("pay", 0, EffectKind::Intent)];
            assert_eq!(kinds(&place, way).await, unknown);
        }
    }
}
