//! The effects and questions of the open step: as they are in the store, and a
//! little ahead of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cx::{Asks, Call, Found, MadeCall, Request, UNRECORDED, recorded_time};
use crate::encode;
use crate::hash::{Digest, Hasher};
use crate::node_error::NodeError;
use crate::store::{EffectKind, EffectRecord, Question, QuestionKind};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct OpenEffects {
    effects: BTreeMap<Call, EffectRecord>,
    /// Those that the store is not known to have as they are here. If whoever
    /// wrote one was dropped meanwhile, the store may have it; then it is
    /// written again.
    news: BTreeSet<Call>,
    /// The open questions in the store.
    questions: Vec<Question>,
    /// The new ones.
    asked: Vec<Question>,
    /// The Rust types of the responses of calls that may have to be asked about.
    expected: BTreeMap<Call, &'static str>,
}

impl OpenEffects {
    pub(crate) fn new(effects: Vec<EffectRecord>, questions: Vec<Question>) -> Self {
        if mistake!(EffectsForgotten) {
            return Self::default();
        }
        let effects = effects.into_iter();
        Self {
            effects: effects.map(|record| (Call::of(&record), record)).collect(),
            questions,
            ..Self::default()
        }
    }

    /// Whether nothing is recorded for the step.
    pub(crate) fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// What is known of `call` before it is made. What somebody answered counts only if it
    /// reads as a response.
    pub(crate) fn find(&self, call: &Call, asks: &Asks<'_>) -> Found {
        let Asks {
            request,
            at_most_once,
            reads,
        } = *asks;
        let Some(record) = self.effects.get(call) else {
            return Found::New;
        };
        let is_left_behind = record.is_left_behind() && !mistake!(LeftBehindStands);
        if is_left_behind && (!at_most_once || mistake!(LeftBehindRepeated)) {
            return Found::New;
        }
        let refusal = refusal(record).filter(|_| !mistake!(RefusedCalledAgain));
        // Another failure is kept for replays only: the task tries again.
        let is_tried_again = record.kind == EffectKind::Failed && refusal.is_none();
        if is_tried_again || record.kind == EffectKind::Clock || mistake!(EffectCalledAgain) {
            return Found::New;
        }
        if record.request != request.digest {
            return Found::Changed(record.excerpt.clone());
        }
        let response = record.response.clone().unwrap_or_default();
        match record.kind {
            EffectKind::Intent if mistake!(UnknownCalledAgain) => Found::New,
            EffectKind::Answered if mistake!(AnswerForgotten) => Found::Unknown(UNRECORDED.into()),
            EffectKind::Answered if mistake!(MisfitCalledAgain) && reads(&response).is_err() => {
                Found::New
            }
            EffectKind::Done => Found::Response(response),
            EffectKind::Answered => Found::answered(response, reads),
            EffectKind::Failed => Found::Failure(refusal.unwrap_or_default().to_owned()),
            EffectKind::Intent | EffectKind::Clock => Found::Unknown(UNRECORDED.into()),
        }
    }

    /// See [`EffectJournal::passed_over`](crate::cx::EffectJournal::passed_over).
    pub(crate) fn passed_over(
        &self,
        task: Digest,
        position: u32,
        asked: &dyn Fn(&str, u64) -> bool,
    ) -> Option<Call> {
        let came_to_something = |record: &EffectRecord| {
            matches!(record.kind, EffectKind::Done | EffectKind::Answered)
                && !record.is_left_behind()
                && record.call.is_some_and(|place| place <= position)
        };
        let mut records = self.of(task);
        let (call, _) = records
            .find(|(call, record)| came_to_something(record) && !asked(&call.name, call.n))?;
        Some(call.clone())
    }

    /// The recorded reading of the clock, if there is one.
    pub(crate) fn clock(&self, call: &Call) -> Option<SystemTime> {
        self.effects.get(call).and_then(recorded_time)
    }

    /// Puts a record in its place; the store does not have it yet.
    pub(crate) fn put(&mut self, record: EffectRecord) {
        let call = Call::of(&record);
        self.news.insert(call.clone());
        self.effects.insert(call, record);
    }

    /// What has to be written when the step stays open: effects and questions.
    pub(crate) fn leave(&self) -> (Vec<EffectRecord>, Vec<Question>) {
        if mistake!(ParkedEffectsLost) {
            return (Vec::new(), self.asked.clone());
        }
        if mistake!(QuestionsNotParked) {
            return (self.unwritten(), Vec::new());
        }
        (self.unwritten(), self.asked.clone())
    }

    fn unwritten(&self) -> Vec<EffectRecord> {
        let records = self.news.iter().filter_map(|call| self.effects.get(call));
        records.cloned().collect()
    }

    /// What a commit has to write. The store may have an answer to an intent by
    /// now; it came too late, since the step went on without it.
    fn uncommitted(&self) -> Vec<EffectRecord> {
        if mistake!(NewsNotCommitted) {
            return Vec::new();
        }
        let is_due = |(call, record): &(&Call, &EffectRecord)| {
            record.kind == EffectKind::Intent || self.news.contains(*call)
        };
        let due = self.effects.iter().filter(is_due);
        due.map(|(_, record)| record.clone()).collect()
    }

    /// Takes `records` of one attempt, and returns what has to be written now.
    pub(crate) fn record(&mut self, records: Vec<EffectRecord>) -> Vec<EffectRecord> {
        let last = records.last().map(|record| (record.task, record.attempt));
        let mut due = last.map_or_else(Vec::new, |(task, attempt)| self.overdue(task, attempt));
        records.iter().for_each(|record| self.put(record.clone()));
        due.extend(records);
        due
    }

    /// What a write in a task's `attempt` has to include: readings of
    /// the clock, which never change, and what earlier attempts left unwritten,
    /// since nobody else will write that.
    pub(crate) fn overdue(&self, task: Digest, attempt: u32) -> Vec<EffectRecord> {
        let is_due =
            |record: &&EffectRecord| record.kind == EffectKind::Clock || record.attempt < attempt;
        let news = self.news.range((first_of(task), Bound::Unbounded));
        let news = news.take_while(|call| call.task == task);
        let records = news.filter_map(|call| self.effects.get(call));
        records.filter(is_due).cloned().collect()
    }

    /// The store has these.
    pub(crate) fn mark_written(&mut self, records: &[EffectRecord]) {
        for record in records {
            let call = Call::of(record);
            if self.effects.get(&call) == Some(record) {
                self.news.remove(&call);
            }
        }
    }

    /// No store takes these: the responses among them are forgotten, so that what
    /// else is on record can be kept.
    pub(crate) fn withdraw(&mut self, records: &[EffectRecord]) {
        for record in records.iter().filter(|one| one.kind == EffectKind::Done) {
            let call = Call::of(record);
            if self.news.remove(&call) {
                self.effects.remove(&call);
            }
        }
    }

    /// If somebody is asked what became of `call`, its response has to be a `ty`.
    pub(crate) fn expect(&mut self, call: Call, ty: &'static str) {
        self.expected.insert(call, ty);
    }

    /// Asks what became of `call`, unless that is asked already. `epoch` changes
    /// whenever the run is resumed.
    pub(crate) fn ask(
        &mut self,
        epoch: u64,
        call: &Call,
        node: &str,
        request: &Request,
        reason: &str,
    ) {
        if self.is_asked(call) {
            return;
        }
        let Call { task, name, n } = call.clone();
        let Some(record) = self.effects.get(call).cloned() else {
            return; // only what was begun can be asked about
        };
        let step = record.step;
        // An answer that did not decode does not count.
        if record.kind != EffectKind::Intent {
            self.put(EffectRecord {
                kind: EffectKind::Intent,
                response: None,
                ..record
            });
        }
        let id = Hasher::new()
            .part("question")
            .part(task.as_bytes())
            .part(&name)
            .number(n)
            .number(if mistake!(QuestionAgain) { 0 } else { epoch })
            .finish();
        let id = id.to_string()[..16].to_owned();
        let text = QuestionText {
            effect: &name,
            request: &request.excerpt,
            reason,
            expects: self.expected.get(call).copied(),
        };
        self.asked.push(Question {
            id,
            kind: QuestionKind::Outcome,
            step,
            task,
            node: node.to_owned(),
            n,
            // Texts always have an encoding.
            question: encode::to_string(&text).unwrap_or_default(),
            name,
            schema: None,
            asked: UNIX_EPOCH,
            answer: None,
            token: None,
        });
    }

    /// Whether a question is open about what became of `call`.
    fn is_asked(&self, call: &Call) -> bool {
        let is_it = |question: &Question| {
            (question.task, &question.name, question.n) == (call.task, &call.name, call.n)
                && question.kind == QuestionKind::Outcome
        };
        self.questions.iter().chain(&self.asked).any(is_it)
    }

    /// A task is done: `calls` are those of its last attempt, `buffered` what is
    /// not recorded yet. Whatever else earlier attempts recorded is marked as not called.
    pub(crate) fn finish(
        &mut self,
        task: Digest,
        calls: Vec<MadeCall>,
        buffered: Vec<EffectRecord>,
    ) {
        if !mistake!(BufferedRecordsLost) {
            buffered.into_iter().for_each(|record| self.put(record));
        }
        // It continued without the answers.
        self.asked.retain(|asked| asked.task != task);
        let places = calls.into_iter();
        let mut places: BTreeMap<(String, u64), (u32, bool)> = places
            .map(|call| ((call.name, call.n), (call.position, call.seen)))
            .collect();
        let moved: Vec<EffectRecord> = self
            .of(task)
            .filter_map(|(call, record)| {
                let place = places.remove(&(call.name.clone(), call.n));
                // The node continued without an outcome that was recorded too late
                // for it, and so must a replay.
                let place = place
                    .filter(|(_, seen)| *seen || record.kind == EffectKind::Intent)
                    .map(|(place, _)| place);
                let is_moved = record.call != place && !mistake!(UncalledKeptInPlace);
                is_moved.then(|| EffectRecord {
                    call: place,
                    ..record.clone()
                })
            })
            .collect();
        moved.into_iter().for_each(|record| self.put(record));
    }

    /// Asks about every effect of `task` whose outcome nobody knows; returns whether
    /// there is one. What a fork's origin left behind is the origin's to ask about, until the
    /// fork has come to that call and asked itself.
    pub(crate) fn ask_for_unknown(
        &mut self,
        epoch: u64,
        task: Digest,
        node: &str,
        reason: &str,
    ) -> bool {
        let unknown: Vec<(Call, Request)> = self
            .of(task)
            .filter(|(_, record)| record.kind == EffectKind::Intent)
            .filter(|(call, record)| !record.is_left_behind() || self.is_asked(call))
            .filter(|_| !mistake!(UnknownCalledAgain))
            .map(|(call, record)| {
                let EffectRecord {
                    request, excerpt, ..
                } = record;
                let (digest, excerpt) = (*request, excerpt.clone());
                (call.clone(), Request { digest, excerpt })
            })
            .collect();
        for (call, request) in &unknown {
            self.ask(epoch, call, node, request, reason);
        }
        !unknown.is_empty()
    }

    /// The open questions, old and new, by id.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let mut all = [&self.questions[..], &self.asked].concat();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    /// What has to be written with the step, and the hash of all its effects.
    pub(crate) fn seal(&self, notes: Option<&str>) -> (Vec<EffectRecord>, Option<Digest>) {
        if mistake!(NewsNotSealed) {
            let news = self.uncommitted();
            let digest = journal_digest(notes, news.iter());
            return (news, digest);
        }
        let digest = journal_digest(notes, self.effects.values());
        (self.uncommitted(), digest)
    }

    /// Those of one task.
    fn of(&self, task: Digest) -> impl Iterator<Item = (&Call, &EffectRecord)> {
        self.effects
            .range((first_of(task), Bound::Unbounded))
            .take_while(move |(call, _)| call.task == task)
    }
}

/// The failure of a call that is not made again: as a rule it was refused, which is a clear no.
pub(crate) fn refusal(record: &EffectRecord) -> Option<&str> {
    let failure = record.error.as_deref();
    let failure = failure.filter(|_| record.kind == EffectKind::Failed);
    failure.filter(|text| NodeError::stands(text))
}

/// The smallest call that a task can make.
const fn first_of(task: Digest) -> Bound<Call> {
    Bound::Included(Call {
        task,
        name: String::new(),
        n: 0,
    })
}

/// What is asked about an effect whose outcome nobody knows.
#[derive(serde::Serialize)]
struct QuestionText<'a> {
    effect: &'a str,
    request: &'a str,
    reason: &'a str,
    /// The Rust type of the response; nothing if no attempt of this process made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    expects: Option<&'a str>,
}

/// `SHA-256(notes, records)`, each record with all but the time of its writing;
/// `None` for a step without notes and effects.
pub(crate) fn journal_digest<'a>(
    notes: Option<&str>,
    records: impl Iterator<Item = &'a EffectRecord>,
) -> Option<Digest> {
    let mut records = records.peekable();
    if notes.is_none() && records.peek().is_none() {
        return None;
    }
    let hasher = Hasher::new().part(notes.unwrap_or_default());
    Some(records.fold(hasher, hashed).finish())
}

fn hashed(hasher: Hasher, record: &EffectRecord) -> Hasher {
    let optional = |hasher: Hasher, text: &Option<String>| match text {
        Some(text) => hasher.number(1).part(text),
        None => hasher.number(0),
    };
    let hasher = hasher
        .part(record.task.as_bytes())
        .part(&record.name)
        .number(record.n)
        .part(record.kind.as_str())
        .number(record.call.map_or(0, |call| u64::from(call) + 1))
        .number(u64::from(record.attempt))
        .part(record.request.as_bytes())
        .part(&record.excerpt);
    let hasher = optional(hasher, &record.response);
    optional(hasher, &record.error)
}
