//! The step that is under way: its effects, its questions; and names of steps.

use std::time::SystemTime;

use super::not_next;
use crate::store::{
    Answer, Commit, EffectKind, EffectRecord, Question, QuestionKind, Status, StoreError, Wait,
};

/// Refuses effects and questions of any step but `open`, the one after the head.
pub fn of_open_step(
    run: &str,
    open: u64,
    effects: &[EffectRecord],
    questions: &[Question],
) -> Result<(), StoreError> {
    let effects = effects.iter().map(|effect| effect.step);
    let mut steps = effects.chain(questions.iter().map(|question| question.step));
    match steps.find(|step| *step != open) {
        Some(step) => Err(not_next(run, step, open.saturating_sub(1))),
        None => Ok(()),
    }
}

/// The same for waits.
pub fn waits_of_open_step(run: &str, open: u64, waits: &[Wait]) -> Result<(), StoreError> {
    match waits.iter().find(|wait| wait.step != open) {
        Some(wait) => Err(not_next(run, wait.step, open.saturating_sub(1))),
        None => Ok(()),
    }
}

/// Refuses effects of any step but those that a run's first commit is about: its first step
/// and, of a fork, the one that is open then.
pub(super) fn of_first_steps(commit: &Commit) -> Result<(), StoreError> {
    let (run, first) = (commit.run.as_str(), commit.record.step);
    let is_fork = commit
        .create
        .as_ref()
        .is_some_and(|create| create.origin.is_some());
    let last = first + u64::from(is_fork);
    let mut steps = commit.effects.iter().map(|effect| effect.step);
    match steps.find(|step| !(first..=last).contains(step)) {
        Some(step) => Err(not_next(run, step, first.saturating_sub(1))),
        None => Ok(()),
    }
}

/// Refuses a snapshot of any step but the head.
pub fn at_head(run: &str, head: u64, snapshot: u64) -> Result<(), StoreError> {
    if snapshot == head {
        return Ok(());
    }
    Err(not_next(run, snapshot, head))
}

/// Whether `stored` stays when `record` of the same call comes: a response, a
/// reading of the clock and what came of a wait stand, and a call that was begun is not declared undone
/// by what another attempt left behind. The place and the attempt of what stands
/// may be changed. What a fork's origin [left behind](EffectRecord::LEFT_BEHIND) yields to
/// whatever the fork does itself.
pub fn stands(stored: &EffectRecord, record: &EffectRecord) -> bool {
    if stored.is_left_behind() {
        return false;
    }
    let content = |record: &EffectRecord| (record.kind, record.request, record.response.clone());
    match stored.kind {
        EffectKind::Done | EffectKind::Clock | EffectKind::Elapsed => {
            content(stored) != content(record)
        }
        EffectKind::Intent => record.kind == EffectKind::Failed && record.attempt != stored.attempt,
        EffectKind::Answered | EffectKind::Failed => false,
    }
}

/// Whether `answer` is to be written: not if that very call wrote it before. `stored` is the
/// question, `effect` what is stored of the effect that it is about; the run has that status, and
/// its last step is `head`. A node's question can be answered before its deadline, in a run that has
/// not ended.
pub fn answer(
    answer: &Answer,
    stored: Option<&Question>,
    effect: Option<&EffectRecord>,
    (head, status): (u64, Status),
    now: SystemTime,
) -> Result<bool, StoreError> {
    let (run, question) = (&answer.run, &answer.question);
    let expired = || StoreError::QuestionExpired {
        run: run.clone(),
        question: question.clone(),
    };
    if stored.is_some_and(Question::is_expired) {
        return Err(expired());
    }
    if let Some(stored) = stored
        && let Some(given) = &stored.answer
    {
        if stored.token == Some(answer.token) && *given == answer.answer {
            return Ok(false);
        }
        return Err(StoreError::Answered {
            run: run.clone(),
            question: question.clone(),
        });
    }
    // A question left open by a step that is closed now is not asked any more.
    let Some(stored) = stored.filter(|stored| stored.step == head + 1) else {
        return Err(StoreError::NoSuchQuestion {
            run: run.clone(),
            question: question.clone(),
        });
    };
    if stored.kind == QuestionKind::Interrupt && status.is_final() {
        return Err(StoreError::RunFinished { run: run.clone() });
    }
    if stored.deadline.is_some_and(|due| due <= now) {
        return Err(expired());
    }
    of_open_step(run, head + 1, answer.effect.as_slice(), &[])?;
    match (effect, &answer.effect) {
        (Some(effect), Some(record)) if stands(effect, record) => Err(StoreError::OutcomeKnown {
            run: run.clone(),
            question: question.clone(),
        }),
        _ => Ok(true),
    }
}

/// Whether `label` is to be written: not if it names `step` already. `named` is
/// the step that it names, `exists` whether the run has `step`.
pub fn label(
    run: &str,
    label: &str,
    step: u64,
    named: Option<u64>,
    exists: bool,
) -> Result<bool, StoreError> {
    match named {
        Some(named) if named == step => Ok(false),
        Some(named) => Err(StoreError::LabelTaken {
            run: run.to_owned(),
            label: label.to_owned(),
            step: named,
        }),
        None if exists => Ok(true),
        None => Err(StoreError::NoSuchStep {
            run: run.to_owned(),
            step,
        }),
    }
}
