//! One run, from its start to its end, disturbed at one point.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use super::difference::{CrashDifference, Deviation, Place};
use super::ending::{Ending, open_questions};
use super::point::CrashPoint;
use super::process::Process;
use super::script::Script;
use super::stage::{RUN, Stage};
use crate::engine::Engine;
use crate::error::Error;
use crate::graph::Graph;
use crate::run::Run;
use crate::store::{QuestionKind, Status, Store, StoreError};
use crate::testing::StoreCall;

/// After this many driving calls a run counts as endless. A crash or a lost answer takes a second
/// one, what one step asks a third, and each stop for a look another one.
const MOST_CALLS: u32 = 100;

/// What is run: what builds an engine over a store, and what gives the input.
pub(super) struct Play<M, I> {
    pub(super) engine: M,
    pub(super) input: I,
    pub(super) script: Arc<Mutex<Script>>,
}

/// What one run ended in.
pub(super) struct Played {
    pub(super) stage: Arc<Stage>,
    pub(super) ending: Ending,
    /// The store calls of its first process.
    pub(super) calls: Vec<StoreCall>,
    /// How often its first driving call was polled.
    pub(super) polls: u64,
    /// Whether it was disturbed at all.
    pub(super) is_reached: bool,
}

impl Played {
    /// Why nothing of it got into the store, if nothing did.
    pub(super) fn not_begun(&self) -> Option<CrashDifference> {
        let (point, place) = (self.stage.point(), Place::default());
        let (deviation, detail) = match self.ending.error() {
            _ if self.ending.is_begun() => return None,
            Some(error) => (Deviation::NotBegun, error.to_string()),
            None => (Deviation::OtherStore, String::new()),
        };
        Some(CrashDifference::new(point, deviation, place, detail))
    }
}

/// What became of a driving call.
enum Driven<S> {
    /// It returned.
    Ended(Box<Result<Run<S>, Error>>),
    /// Its process died, or something was found.
    Died,
}

impl<G, M, I> Play<M, I>
where
    G: Graph,
    M: Fn(Arc<dyn Store>) -> Engine<G>,
    I: Fn() -> G::State,
{
    /// Runs to the end, with the crash or lost answer at `point`.
    pub(super) async fn run(&self, point: CrashPoint) -> Result<Played, CrashDifference> {
        let stage = Stage::new(point, &self.script);
        let failed = |error: StoreError| point.failed(&Error::from_store(RUN, error));
        let (first, mut engine) = self.process(&stage);
        if let Some((call, fault)) = point.fault() {
            first.store.fail(call, fault);
        }
        let (mut polls, mut last_poll) = (0, point.last_poll());
        let mut process = first.clone();
        for calls in 0..MOST_CALLS {
            stage.look().await.map_err(failed)?;
            let (driven, polled) = self.drive(&process, &engine, last_poll.take()).await;
            if calls == 0 {
                polls = polled;
            }
            if let Some(found) = stage.found() {
                return Err(found);
            }
            let result = match driven {
                Driven::Ended(result) => match *result {
                    Err(error) if is_lost(&error) => continue,
                    result => result,
                },
                Driven::Died => {
                    drop(engine);
                    process.bury().await.map_err(failed)?;
                    (process, engine) = self.process(&stage);
                    // What the dead process left on the runtime is dropped.
                    tokio::task::yield_now().await;
                    continue;
                }
            };
            let is_paused = matches!(&result, Ok(run) if run.status() == Status::Paused);
            if is_paused || self.answer(&stage).await? {
                continue;
            }
            let reader = (self.engine)(Arc::new(stage.store().clone()));
            let ending = Ending::of(result, &stage, &reader).await;
            let ending = ending.map_err(|error| point.failed(&error))?;
            return Ok(first.played(&stage, ending, polls));
        }
        let place = Place::default();
        Err(CrashDifference::new(point, Deviation::NoEnd, place, ""))
    }

    /// A new process, with an engine of its own.
    fn process(&self, stage: &Arc<Stage>) -> (Process, Engine<G>) {
        let process = Process::enter(stage);
        let engine = (self.engine)(Arc::new(process.store.clone()));
        engine.rehearse(Arc::new(process.clone()));
        (process, engine)
    }

    /// Drives the run until it ends, or the process dies, after `last_poll` at the latest.
    /// Also returns how often it was polled.
    async fn drive(
        &self,
        process: &Process,
        engine: &Engine<G>,
        last_poll: Option<u64>,
    ) -> (Driven<G::State>, u64) {
        let mut polls = 0;
        let mut call = pin!(engine.run(RUN, (self.input)()));
        let mut died = pin!(process.store.died());
        let driven = poll_fn(|task| {
            if died.as_mut().poll(task).is_ready() {
                return Poll::Ready(Driven::Died);
            }
            let polled = call.as_mut().poll(task);
            polls += 1;
            if last_poll == Some(polls) {
                process.store.die();
            }
            match polled {
                _ if process.store.is_dead() => Poll::Ready(Driven::Died),
                Poll::Ready(result) => Poll::Ready(Driven::Ended(Box::new(result))),
                Poll::Pending => Poll::Pending,
            }
        });
        (driven.await, polls)
    }

    /// Answers what the run asks, as far as the world outside knows it; returns whether there
    /// was anything to answer.
    async fn answer(&self, stage: &Stage) -> Result<bool, CrashDifference> {
        let failed = |error: Error| stage.point().failed(&error);
        let questions = open_questions(stage).await;
        let questions = questions.map_err(|error| failed(Error::from_store(RUN, error)))?;
        let truths: Vec<_> = questions
            .iter()
            .filter(|asked| asked.kind == QuestionKind::Outcome)
            .filter_map(|asked| Some((&asked.id, stage.truth(asked)?)))
            .collect();
        if truths.is_empty() {
            return Ok(false);
        }
        let operator = (self.engine)(Arc::new(stage.store().clone()));
        for (question, truth) in truths {
            let answered = operator.answer_text(RUN, question, truth).await;
            answered.map_err(failed)?;
        }
        Ok(true)
    }
}

impl Process {
    fn played(&self, stage: &Arc<Stage>, ending: Ending, polls: u64) -> Played {
        let calls = self.store.calls();
        let is_called = |(number, _)| calls.len() as u64 >= number;
        let is_polled = |last: u64| polls >= last;
        let point = stage.point();
        Played {
            is_reached: point.fault().is_none_or(is_called)
                && point.last_poll().is_none_or(is_polled),
            stage: Arc::clone(stage),
            ending,
            calls,
            polls,
        }
    }
}

/// Whether a call failed because the store was away; the next one may succeed.
fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Store { source, .. } if source.is_transient())
}
