//! What is too large for SQLite: refused before anything is written, so that the
//! rest of its group need not be undone.

use super::errors::Fail;
use crate::store::{Answer, Commit, EffectRecord, NewSignal, Park, Question, Snapshot, StoreError};

/// A row may have 1,000,000,000 bytes; its digests and numbers take a few.
const LIMIT: usize = 1_000_000_000 - 4_096;

pub(super) fn commit(commit: &Commit) -> Result<(), Fail> {
    let (run, record) = (commit.run.as_str(), &commit.record);
    let created = commit.create.as_ref().map(|create| &create.description);
    for graph in created.into_iter().chain(&commit.description) {
        row(run, || "the graph".into(), &[Some(graph)])?;
    }
    let parts = [
        Some(&record.updates),
        Some(&record.frontier),
        record.notes.as_ref(),
    ];
    row(run, || format!("step {}", record.step), &parts)?;
    if let Some(snapshot) = &commit.snapshot {
        self::snapshot(run, snapshot)?;
    }
    effects(run, &commit.effects)?;
    for event in &commit.events {
        row(
            run,
            || format!("event `{}`", event.name),
            &[Some(&event.payload)],
        )?;
    }
    Ok(())
}

pub(super) fn snapshot(run: &str, snapshot: &Snapshot) -> Result<(), Fail> {
    let what = || format!("the state after step {}", snapshot.step);
    row(run, what, &[Some(&snapshot.state)])
}

pub(super) fn effects(run: &str, effects: &[EffectRecord]) -> Result<(), Fail> {
    for effect in effects {
        let parts = [
            Some(&effect.excerpt),
            effect.response.as_ref(),
            effect.error.as_ref(),
        ];
        let what = || {
            format!(
                "the record of effect `{}` of step {}",
                effect.name, effect.step
            )
        };
        row(run, what, &parts)?;
    }
    Ok(())
}

pub(super) fn park(park: &Park) -> Result<(), Fail> {
    let run = park.run.as_str();
    for kept in &park.results {
        row(
            run,
            || format!("the result of node `{}`", kept.node),
            &[Some(&kept.result)],
        )?;
    }
    effects(run, &park.effects)?;
    questions(run, &park.questions)?;
    row(run, || "the error".into(), &[park.error.as_ref()])
}

pub(super) fn signal(signal: &NewSignal) -> Result<(), Fail> {
    let what = || format!("signal `{}`", signal.name);
    row(&signal.run, what, &[Some(&signal.value)])
}

/// `question` with its answer; both are one row.
pub(super) fn answer(answer: &Answer, question: Option<&Question>) -> Result<(), Fail> {
    if let Some(question) = question {
        self::question(&answer.run, question, Some(&answer.answer))?;
    }
    effects(&answer.run, answer.effect.as_slice())
}

pub(super) fn questions(run: &str, questions: &[Question]) -> Result<(), Fail> {
    let mut questions = questions.iter();
    questions.try_for_each(|question| self::question(run, question, None))
}

fn question(run: &str, question: &Question, answer: Option<&String>) -> Result<(), Fail> {
    let parts = [
        Some(&question.question),
        question.schema.as_ref(),
        question.default.as_ref(),
        question.reason.as_ref(),
        answer,
    ];
    row(run, || format!("question `{}`", question.id), &parts)
}

fn row(run: &str, what: impl FnOnce() -> String, parts: &[Option<&String>]) -> Result<(), Fail> {
    let bytes: usize = parts.iter().flatten().map(|part| part.len()).sum();
    if bytes <= LIMIT {
        return Ok(());
    }
    Err(Fail::Refused(StoreError::TooLarge {
        run: run.to_owned(),
        what: what(),
        bytes: bytes as u64,
        limit: LIMIT as u64,
    }))
}
