//! A blocking node cannot be dropped when its time is over. What it does later
//! does not reach the run.
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
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
        let builder = Engine::builder(late).shared_store(place.store.clone());
        let run = builder.build().unwrap().run("run", Job::default()).await;
        assert_eq!(run.unwrap().state().a, "attempt 2");
        let [refused] = &journal.lines()[..] else {
            panic!("one late effect")
        };
        assert!(refused.contains("does not follow its head"), "{refused}");
        let recorded = [kind("fine", 0, EffectKind::Done)];
        assert_eq!(kinds(&place, "run").await, recorded);
    }
}
