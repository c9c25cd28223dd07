//! How an owner's tasks reach the outside world: what succeeded is journaled
//! before its task sees it, and what is journaled is not called again.

use std::collections::HashMap;
use std::time::SystemTime;

use super::bugs::Bug;
use super::nodes::{Call, View};
use super::open_step::Attempt;
use super::outside::EffectId;
use super::reference::answer;
use super::world::Stage;
use crate::store::{EffectKind, EffectRecord, StoreError};

/// What an owner knows of the open step's journal.
pub(super) type Records = HashMap<EffectId, EffectRecord>;

/// What a call did to its attempt.
pub(super) enum Outcome {
    GoesOn,
    Fails,
}

/// One move on the way through the next call of a task: it is answered by its
/// record, or the outside world is called, or the answer is journaled.
pub(super) fn next_call(
    stage: &mut Stage,
    (epoch, records): (u64, &mut Records),
    view: &View<'_>,
    attempt: &mut Attempt,
    (name, n): Call,
) -> Result<Outcome, StoreError> {
    let id = (view.key, name.to_owned(), n);
    // A failure is on record for replays only.
    let known = records
        .get(&id)
        .filter(|record| record.kind == EffectKind::Done);
    if let Some(record) = known {
        replay(stage, view, attempt, (&id, record));
    } else if let Some(answer) = attempt.unrecorded {
        let record = EffectRecord {
            kind: EffectKind::Done,
            response: Some(answer.to_string()),
            ..blank(view, attempt, &id)
        };
        // What failed before it is recorded with it.
        let mut effects = attempt.effects.clone();
        effects.push(record.clone());
        if stage.bug == Some(Bug::EffectRecordedLate) {
            attempt.effects = effects;
        } else {
            stage.shelf.journal(epoch, effects)?;
            attempt.effects.clear();
        }
        stage.tally.recorded += 1;
        stage.shelf.watch.saw(&id, answer);
        records.insert(id, record);
        attempt.unrecorded = None;
        attempt.answers.push(Some(answer));
    } else {
        stage.shelf.watch.called(epoch, &id);
        attempt.unrecorded = stage.outside.call(stage.rates.failures);
        if attempt.unrecorded.is_none() && !view.bears_failure(&attempt.answers) {
            return Ok(Outcome::Fails);
        }
        if attempt.unrecorded.is_none() {
            let record = blank(view, attempt, &id);
            attempt.effects.push(record);
            attempt.answers.push(None);
        }
    }
    Ok(Outcome::GoesOn)
}

fn replay(
    stage: &mut Stage,
    view: &View<'_>,
    attempt: &mut Attempt,
    (id, record): (&EffectId, &EffectRecord),
) {
    stage.tally.replayed += 1;
    let watch = &mut stage.shelf.watch;
    if record.request != view.request(&attempt.answers) {
        watch.report("a record answers what was asked", format!("{record:?}"));
    }
    let answer = answer(record).unwrap_or_else(|reason| {
        watch.report("what is recorded can be read", reason);
        None
    });
    if let Some(answer) = answer {
        watch.saw(id, answer);
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
