//! A run as users get it.

use std::sync::Arc;

use crate::as_json;
use crate::encode;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::machine::{Machine, is_end};
use crate::run::{Interrupt, Run, RunError};
use crate::store::{Head, Question, Status, StepRecord, TurnRecord};

/// A run that has ended.
pub(super) fn finished_run<G: Graph>(
    machine: &Machine<G>,
    token: Option<String>,
    fingerprint: Option<Digest>,
) -> Run<G::State> {
    Run {
        id: machine.run().to_owned(),
        state: Arc::clone(machine.state()),
        status: Status::Completed,
        steps: machine.step(),
        turn: machine.turn().number,
        token,
        fingerprint,
        interrupts: Vec::new(),
        error: None,
        skipped: Vec::new(),
    }
}

/// A run as it stood after the step `last`, with which one of its turns ended.
pub(super) fn run_of_turn<G: Graph>(
    machine: &Machine<G>,
    last: &StepRecord,
    turn: TurnRecord,
) -> Run<G::State> {
    let status = match is_end(&last.frontier) {
        true => Status::Completed,
        false => Status::Failed,
    };
    Run {
        status,
        turn: turn.turn,
        error: turn.error.as_deref().and_then(stored_error).map(Box::new),
        ..finished_run(machine, turn.token, Some(last.chain))
    }
}

/// An error as the session writes it.
fn stored_error(text: &str) -> Option<RunError> {
    encode::from_str(text).ok()
}

/// Whether a run with that status waits for the answers to its open questions.
pub(super) const fn asks(status: Status) -> bool {
    matches!(status, Status::Interrupted | Status::Failed)
}

/// A run as it is in its store, with the questions of its open step.
pub(super) fn run_at<G: Graph>(
    head: &Head,
    machine: &Machine<G>,
    questions: Vec<Question>,
) -> Run<G::State> {
    let interrupts = match asks(head.status) {
        true => interrupts(questions),
        false => Vec::new(),
    };
    Run {
        id: head.run.clone(),
        state: Arc::clone(machine.state()),
        status: head.status,
        steps: machine.step(),
        turn: head.turn,
        token: head.token.clone(),
        fingerprint: Some(machine.chain()),
        interrupts,
        error: head.error.as_deref().and_then(stored_error).map(Box::new),
        skipped: Vec::new(),
    }
}

/// The open ones among `questions`, as users see them.
pub(super) fn interrupts(questions: Vec<Question>) -> Vec<Interrupt> {
    let open = questions.into_iter().filter(|asked| asked.answer.is_none());
    open.map(|asked| Interrupt {
        id: asked.id,
        name: asked.name,
        node: asked.node,
        question: as_json::raw(&asked.question),
    })
    .collect()
}
