//! What tasks wait for: until when, and whether it is there.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::super::clock;
use crate::store::{
    Deadline, EffectClass, EffectKind, EffectRecord, NewSignal, Park, Question, Signal, Status,
    StoreError, Wait,
};

/// The time of an event of a run: it never goes back within the run, whatever the clock does.
/// `latest` is when the run last changed; for signals and waits, or when its last signal was sent,
/// if that was later.
pub fn time_of_run(now: SystemTime, latest: SystemTime) -> SystemTime {
    now.max(latest)
}

/// `wait` as it is kept: what is `stored` of it stays, its deadline above all. `now` is the
/// [time of the run](time_of_run).
pub fn registered(wait: Wait, stored: Option<&Wait>, now: SystemTime) -> Wait {
    if let Some(stored) = stored {
        return Wait {
            parked: wait.parked,
            attempt: wait.attempt,
            ..stored.clone()
        };
    }
    let deadline = match wait.deadline {
        Deadline::Never => Deadline::Never,
        Deadline::In(time) => match now.checked_add(time) {
            Some(due) => Deadline::At(clock::whole_up(due)),
            None if wait.class == EffectClass::Time => Deadline::At(clock::far()),
            None => Deadline::Never,
        },
        Deadline::At(time) => Deadline::At(clock::whole_up(time)),
    };
    Wait {
        since: now,
        deadline,
        ..wait
    }
}

/// Whether the signal is one that `wait` takes: it has its name, and came in time. What was there
/// when the wait was registered did, also if its deadline had passed.
pub fn takes(wait: &Wait, signal: &Signal) -> bool {
    let in_time = |due: SystemTime| signal.sent <= due.max(wait.since);
    wait.class == EffectClass::Signal
        && wait.name == signal.name
        && wait.deadline.time().is_none_or(in_time)
}

/// Whether the deadline of `wait` has come by `now`. Who asks without waiting is told at once, also
/// while the clock is behind the time of the run.
pub fn is_due(wait: &Wait, now: SystemTime) -> bool {
    let is_due = |due| due <= now || due == wait.since;
    wait.deadline.time().is_some_and(is_due)
}

/// Whether `wait` is for the answer of `question`, and there is one.
pub fn has_answer(wait: &Wait, question: &Question) -> bool {
    question.answer.is_some()
        && wait.class == EffectClass::Question
        && question.wait().is_some_and(|key| key == wait.key())
}

/// `question` as it is asked with its wait, which is one of `waits` as they are kept; `now` is the
/// [time of the run](time_of_run).
pub fn asked(question: Question, waits: &[Wait], now: SystemTime) -> Question {
    let key = question.wait();
    let wait = waits.iter().find(|wait| Some(wait.key()) == key);
    Question {
        asked: now,
        deadline: wait.and_then(|wait| wait.deadline.time()),
        answer: None,
        token: None,
        answered_by: None,
        ..question
    }
}

/// What became of `question`, for whose answer nobody waits any more: its time was over, and the
/// record of its wait says what counts instead.
pub fn expired(question: Question, record: &EffectRecord) -> Question {
    Question {
        answer: record.response.clone(),
        answered_by: Some(Question::DEADLINE.to_owned()),
        ..question
    }
}

/// What has come for a run, and no task of it has got yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Come<'a> {
    /// The signals that it has not received.
    pub signals: &'a [Signal],
    /// Questions of its open step, answered ones among them.
    pub questions: &'a [Question],
}

impl Come<'_> {
    /// Whether something of it is for `wait`.
    pub fn is_for(&self, wait: &Wait) -> bool {
        self.signals.iter().any(|signal| takes(wait, signal))
            || (self.questions.iter()).any(|question| has_answer(wait, question))
    }
}

/// Whether the time of `wait` is over by `now`, and nothing came: nothing is `recorded` of it, and
/// nothing that has `come` is for it.
pub fn is_over(
    wait: &Wait,
    recorded: Option<&EffectRecord>,
    now: SystemTime,
    come: Come<'_>,
) -> bool {
    is_due(wait, now) && recorded.is_none() && (!come.is_for(wait) || mistake!(DefaultOverAnswer))
}

/// The latest time in a run in which `wait` was found to be over: no signal that comes later came in
/// time for it.
pub fn time_after(wait: &Wait, latest: SystemTime) -> SystemTime {
    match wait.deadline {
        Deadline::At(due) if wait.class == EffectClass::Signal => {
            latest.max(clock::after(due, Duration::from_millis(1)))
        }
        _ => latest,
    }
}

/// Whether what is `recorded` of a wait is that its time is over: the same call has found that
/// before.
pub fn is_recorded_over(recorded: Option<&EffectRecord>) -> bool {
    recorded.is_some_and(|record| record.kind == EffectKind::Elapsed)
}

/// Whether the task that stopped because of `wait` has to start again: what it waits for is there.
pub fn is_ready(wait: &Wait, now: SystemTime, come: Come<'_>) -> bool {
    wait.parked && (is_due(wait, now) || come.is_for(wait))
}

/// Whether a run must not be parked with these `waits`, as they are kept: what one of its tasks stopped
/// for is there, among the `signals` and `questions` of the run that it does not take or withdraw
/// with the same write.
pub fn is_called(
    park: &Park,
    waits: &[Wait],
    now: SystemTime,
    mut signals: Vec<Signal>,
    mut questions: Vec<Question>,
) -> bool {
    let taken: BTreeSet<u64> = (park.effects.iter())
        .filter_map(|effect| effect.signal)
        .collect();
    signals.retain(|signal| !taken.contains(&signal.number));
    questions.retain(|asked| !park.withdrawn.contains(&asked.id));
    let come = Come {
        signals: &signals,
        questions: &questions,
    };
    waits.iter().any(|wait| is_ready(wait, now, come))
}

/// When a run with these waits wakes by itself, if it does.
pub fn wakes<'a>(waits: impl Iterator<Item = &'a Wait>) -> Option<SystemTime> {
    let parked = waits.filter(|wait| wait.parked);
    parked.filter_map(|wait| wait.deadline.time()).min()
}

/// Whether a run with that status starts again when something comes for it.
pub const fn can_wake(status: Status) -> bool {
    matches!(status, Status::Interrupted | Status::Sleeping)
}

/// Whether a signal is to be kept, for a run with that `status` that has not received `unreceived`
/// others; not if it `is_known`, since it came before.
pub fn signal(
    status: Status,
    signal: &NewSignal,
    is_known: bool,
    unreceived: u64,
) -> Result<bool, StoreError> {
    let run = || signal.run.clone();
    if is_known {
        return Ok(false);
    }
    if status.is_final() {
        return Err(StoreError::RunFinished { run: run() });
    }
    if unreceived >= signal.most {
        let most = signal.most;
        return Err(StoreError::MailboxFull { run: run(), most });
    }
    Ok(true)
}
