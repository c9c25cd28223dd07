//! A run as users get it.

use std::sync::Arc;

use crate::as_json;
use crate::encode;
use crate::hash::Digest;
use crate::machine::{Machine, is_end};
use crate::run::{AnyRun, Interrupt, InterruptKind, RunError, WaitInfo, WaitKind};
use crate::store::{
    EffectClass, Head, Question, QuestionKind, Status, StepRecord, TurnRecord, Wait,
};

/// A run that has ended.
pub(super) fn finished_run(
    machine: &Machine,
    token: Option<String>,
    fingerprint: Option<Digest>,
) -> AnyRun {
    AnyRun {
        id: machine.run().to_owned(),
        state: Arc::clone(machine.state()),
        status: Status::Completed,
        steps: machine.step(),
        turn: machine.turn().number,
        token,
        fingerprint,
        interrupts: Vec::new(),
        waits: Vec::new(),
        wakes: None,
        error: None,
        skipped: Vec::new(),
    }
}

/// A run as it stood after the step `last`, with which one of its turns ended.
pub(super) fn run_of_turn(machine: &Machine, last: &StepRecord, turn: TurnRecord) -> AnyRun {
    let status = match is_end(&last.frontier) {
        true => Status::Completed,
        false => Status::Failed,
    };
    AnyRun {
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

/// Whether a run with that status waits for what is open in its step, or would.
pub(super) const fn asks(status: Status) -> bool {
    matches!(
        status,
        Status::Running | Status::Interrupted | Status::Sleeping | Status::Failed | Status::Paused
    )
}

/// What is open in a run, as it is in its store.
#[derive(Default)]
pub(super) struct OpenStep {
    pub(super) questions: Vec<Question>,
    pub(super) waits: Vec<Wait>,
}

/// A run as it is in its store, with what its open step waits for.
pub(super) fn run_at(head: &Head, machine: &Machine, open: OpenStep) -> AnyRun {
    let OpenStep { questions, waits } = match asks(head.status) {
        true => open,
        false => OpenStep::default(),
    };
    let waits = waits_of(&questions, &waits);
    let interrupts = interrupts(&head.run, questions);
    AnyRun {
        id: head.run.clone(),
        state: Arc::clone(machine.state()),
        status: head.status,
        steps: machine.step(),
        turn: head.turn,
        token: head.token.clone(),
        fingerprint: Some(machine.chain()),
        interrupts,
        waits,
        wakes: head.wakes,
        error: head.error.as_deref().and_then(stored_error).map(Box::new),
        skipped: Vec::new(),
    }
}

/// The open ones among the `questions` of `run`, as users see them.
pub(super) fn interrupts(run: &str, questions: Vec<Question>) -> Vec<Interrupt> {
    let open = questions.into_iter().filter(Question::is_open);
    open.map(|asked| Interrupt {
        id: asked.id,
        kind: match asked.kind {
            QuestionKind::Outcome => InterruptKind::Outcome,
            QuestionKind::Interrupt => InterruptKind::Question,
        },
        run: run.to_owned(),
        name: asked.name,
        node: asked.node,
        question: as_json::raw(&asked.question),
        schema: asked.schema.as_deref().map(as_json::raw),
        asked: asked.asked,
        deadline: asked.deadline,
        default: asked.default.as_deref().map(as_json::raw),
        reason: asked.reason,
    })
    .collect()
}

/// Open questions and waits, as users see them.
pub(super) fn waits_of(questions: &[Question], waits: &[Wait]) -> Vec<WaitInfo> {
    // What nodes ask is among the waits.
    let is_of_effect = |asked: &&Question| asked.kind == QuestionKind::Outcome && asked.is_open();
    let asked = questions.iter().filter(is_of_effect);
    let asked = asked.map(|asked| WaitInfo {
        kind: WaitKind::Outcome,
        name: asked.name.clone(),
        node: asked.node.clone(),
        since: asked.asked,
        due: None,
    });
    let waits = waits.iter().map(|wait| WaitInfo {
        kind: match wait.class {
            EffectClass::Question => WaitKind::Question,
            EffectClass::Signal => WaitKind::Signal,
            EffectClass::Effect | EffectClass::Time => WaitKind::Time,
        },
        name: wait.name.clone(),
        node: wait.node.clone(),
        since: wait.since,
        due: wait.deadline.time(),
    });
    asked.chain(waits).collect()
}
