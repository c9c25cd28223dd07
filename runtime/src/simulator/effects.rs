//! How an owner's tasks reach the outside world: what succeeded is journaled
//! before its task sees it, and what is journaled is not called again.

use std::time::SystemTime;

use super::bugs::Bug;
use super::nodes::{Call, View};
use super::open_step::Attempt;
use super::outside::EffectId;
use super::world::Stage;
use crate::cx::{self, Found, Request};
use crate::session::OpenEffects;
use crate::store::{EffectKind, EffectRecord, StoreError};

/// What a call did to its attempt.
pub(super) enum Outcome {
    GoesOn,
    Fails,
}

/// One move on the way through the next call of a task: it is answered by its
/// record, or the outside world is called, or the answer is journaled.
pub(super) fn next_call(
    stage: &mut Stage,
    (epoch, open): (u64, &mut OpenEffects),
    view: &View<'_>,
    attempt: &mut Attempt,
    (name, n): Call,
) -> Result<Outcome, StoreError> {
    let id = (view.key, name.to_owned(), n);
    if let Some(answer) = attempt.unrecorded {
        let record = EffectRecord {
            kind: EffectKind::Done,
            response: Some(answer.to_string()),
            ..blank(view, attempt, &id)
        };
        if stage.bug == Some(Bug::EffectRecordedLate) {
            open.put(record);
        } else {
            // What failed before it is recorded with it.
            let mut records = attempt.effects.clone();
            records.push(record);
            let due = open.record(records);
            stage.shelf.journal(epoch, due.clone())?;
            open.mark_written(&due);
            attempt.effects.clear();
        }
        stage.tally.recorded += 1;
        stage.shelf.watch.saw(&id, answer);
        attempt.unrecorded = None;
        attempt.answers.push(Some(answer));
        return Ok(Outcome::GoesOn);
    }
    let call = cx::Call {
        task: view.key,
        name: id.1.clone(),
        n,
    };
    let request = Request {
        digest: view.request(&attempt.answers),
        excerpt: String::new(),
    };
    match open.find(&call, &request) {
        Found::Response(text) => replay(stage, attempt, &id, &text),
        Found::New => return Ok(call_outside(stage, epoch, view, attempt, &id)),
        other => {
            let claim = "a record answers what was asked";
            stage
                .shelf
                .watch
                .report(claim, format!("{id:?}: {other:?}"));
            attempt.answers.push(None);
        }
    }
    Ok(Outcome::GoesOn)
}

fn call_outside(
    stage: &mut Stage,
    epoch: u64,
    view: &View<'_>,
    attempt: &mut Attempt,
    id: &EffectId,
) -> Outcome {
    stage.shelf.watch.called(epoch, id);
    attempt.unrecorded = stage.outside.call(stage.rates.failures);
    if attempt.unrecorded.is_none() && !view.bears_failure(&attempt.answers) {
        return Outcome::Fails;
    }
    if attempt.unrecorded.is_none() {
        let record = blank(view, attempt, id);
        attempt.effects.push(record);
        attempt.answers.push(None);
    }
    Outcome::GoesOn
}

fn replay(stage: &mut Stage, attempt: &mut Attempt, id: &EffectId, text: &str) {
    stage.tally.replayed += 1;
    let watch = &mut stage.shelf.watch;
    let answer = text.parse().ok();
    match answer {
        Some(answer) => watch.saw(id, answer),
        None => watch.report("what is recorded can be read", text.to_owned()),
    }
    attempt.answers.push(answer);
}

/// The record of a call that failed.
fn blank(view: &View<'_>, attempt: &Attempt, (task, name, n): &EffectId) -> EffectRecord {
    EffectRecord {
        step: view.step,
        task: *task,
        name: name.clone(),
        n: *n,
        kind: EffectKind::Failed,
        call: Some(attempt.answers.len() as u32),
        attempt: attempt.number as u32 + 1,
        request: view.request(&attempt.answers),
        excerpt: String::new(),
        response: None,
        error: Some("as the dice would have it".into()),
        recorded: SystemTime::UNIX_EPOCH,
    }
}
