//! The effects of a driven run's open step: in memory as they stand in the
//! store, and a little ahead of it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cx::{Call, Cx, EffectJournal, Found, MadeCall, Request, Written, recorded_time};
use crate::encode;
use crate::error::Error;
use crate::hash::{Digest, Hasher};
use crate::store::{EffectKind, EffectRecord, Journal, Question, QuestionKind, Store};

/// Records the effects of a run in its store, under its lease.
pub(super) struct LiveJournal {
    store: Arc<dyn Store>,
    run: String,
    epoch: u64,
    check: bool,
    open: Mutex<OpenStep>,
}

#[derive(Default)]
struct OpenStep {
    effects: BTreeMap<Call, EffectRecord>,
    /// Those of them that the store is not known to have as they are here. If
    /// the one who wrote it was dropped meanwhile, it may have it; then it is
    /// written again.
    news: BTreeSet<Call>,
    /// The open questions in the store.
    questions: Vec<Question>,
    /// The new ones.
    asked: Vec<Question>,
}

impl OpenStep {
    /// Puts a record in its place, which is news to the store.
    fn put(&mut self, record: EffectRecord) {
        let call = Call::of(&record);
        self.news.insert(call.clone());
        self.effects.insert(call, record);
    }

    fn unwritten(&self) -> Vec<EffectRecord> {
        let records = self.news.iter().filter_map(|call| self.effects.get(call));
        records.cloned().collect()
    }

    /// What a commit has to write. Of an intent the store may have an answer by
    /// now; it came too late, since the step went on without it.
    fn uncommitted(&self) -> Vec<EffectRecord> {
        let is_due = |(call, record): &(&Call, &EffectRecord)| {
            record.kind == EffectKind::Intent || self.news.contains(*call)
        };
        let due = self.effects.iter().filter(is_due);
        due.map(|(_, record)| record.clone()).collect()
    }

    /// Of one task, what a write in its `attempt` has to take along: readings of
    /// the clock, which never change, and what earlier attempts left unwritten,
    /// since nobody else is about to write that.
    fn overdue(&self, task: Digest, attempt: u32) -> Vec<EffectRecord> {
        let is_due =
            |record: &&EffectRecord| record.kind == EffectKind::Clock || record.attempt < attempt;
        let news = self.news.range((first_of(task), Bound::Unbounded));
        let news = news.take_while(|call| call.task == task);
        let records = news.filter_map(|call| self.effects.get(call));
        records.filter(is_due).cloned().collect()
    }

    /// The store has these.
    fn mark_written(&mut self, records: &[EffectRecord]) {
        for record in records {
            let call = Call::of(record);
            if self.effects.get(&call) == Some(record) {
                self.news.remove(&call);
            }
        }
    }

    /// Asks what became of `call`, unless that is asked already. `epoch` is
    /// another whenever the run is taken up again.
    fn ask(&mut self, epoch: u64, call: &Call, node: &str, request: &Request, reason: &str) {
        let Call { task, name, n } = call.clone();
        let is_open = |question: &Question| {
            (question.task, &question.name, question.n) == (task, &name, n)
                && question.kind == QuestionKind::Outcome
        };
        if self.questions.iter().chain(&self.asked).any(is_open) {
            return;
        }
        let Some(record) = self.effects.get(call).cloned() else {
            return; // only what was begun can be asked for
        };
        let step = record.step;
        // An answer that did not decode is none.
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
            .number(epoch)
            .finish();
        let id = id.to_string()[..16].to_owned();
        let text = QuestionText {
            effect: &name,
            request: &request.excerpt,
            reason,
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
        });
    }

    /// Those of one task.
    fn of(&self, task: Digest) -> impl Iterator<Item = (&Call, &EffectRecord)> {
        self.effects
            .range((first_of(task), Bound::Unbounded))
            .take_while(move |(call, _)| call.task == task)
    }
}

/// The least call that a task can make.
const fn first_of(task: Digest) -> Bound<Call> {
    Bound::Included(Call {
        task,
        name: String::new(),
        n: 0,
    })
}

impl LiveJournal {
    /// The journal of a run whose open step has these effects and open questions.
    pub(super) fn new(
        store: &Arc<dyn Store>,
        run: &str,
        epoch: u64,
        check: bool,
        effects: Vec<EffectRecord>,
        questions: Vec<Question>,
    ) -> Arc<Self> {
        let effects = effects
            .into_iter()
            .map(|record| (Call::of(&record), record))
            .collect();
        Arc::new(Self {
            store: Arc::clone(store),
            run: run.to_owned(),
            epoch,
            check,
            open: Mutex::new(OpenStep {
                effects,
                questions,
                ..OpenStep::default()
            }),
        })
    }

    fn open(&self) -> MutexGuard<'_, OpenStep> {
        // Every change is complete in itself.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for attempt `by`, unless it was given up.
    fn open_to(&self, by: &Cx) -> Option<MutexGuard<'_, OpenStep>> {
        let open = self.open();
        (!by.is_given_up()).then_some(open)
    }

    async fn write_down(&self, effects: Vec<EffectRecord>) -> Result<(), Error> {
        let journal = Journal {
            run: self.run.clone(),
            epoch: self.epoch,
            effects: effects.clone(),
        };
        (self.store.journal(journal).await).map_err(|error| Error::from_store(&self.run, error))?;
        self.open().mark_written(&effects);
        Ok(())
    }

    /// What is to be written with the step, and the hash of all its effects.
    pub(super) fn seal(&self, notes: Option<&str>) -> (Vec<EffectRecord>, Option<Digest>) {
        let open = self.open();
        let digest = journal_digest(notes, open.effects.values());
        (open.uncommitted(), digest)
    }

    /// The step is committed: its effects and questions are history.
    pub(super) fn begin_step(&self) {
        let mut open = self.open();
        open.effects.clear();
        open.news.clear();
        open.questions.clear();
        open.asked.clear();
    }

    /// What is to be written when the step stays open: effects and questions.
    pub(super) fn leave(&self) -> (Vec<EffectRecord>, Vec<Question>) {
        let open = self.open();
        (open.unwritten(), open.asked.clone())
    }

    /// The open questions, old and new, by id.
    pub(super) fn questions(&self) -> Vec<Question> {
        let open = self.open();
        let mut all = [&open.questions[..], &open.asked].concat();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }
}

impl EffectJournal for LiveJournal {
    fn find(&self, call: &Call, _position: u32, request: &Request) -> Found {
        let open = self.open();
        let Some(record) = open.effects.get(call) else {
            return Found::New;
        };
        // A failure is kept for replays only: the task tries again.
        if matches!(record.kind, EffectKind::Failed | EffectKind::Clock) {
            return Found::New;
        }
        if record.request != request.digest {
            return Found::Changed(record.excerpt.clone());
        }
        let response = record.response.clone().unwrap_or_default();
        match record.kind {
            EffectKind::Done => Found::Response(response),
            EffectKind::Answered => Found::Answered(response),
            EffectKind::Intent | EffectKind::Failed | EffectKind::Clock => Found::Unknown,
        }
    }

    fn clock(&self, call: &Call, _position: u32) -> Option<SystemTime> {
        let open = self.open();
        open.effects.get(call).and_then(recorded_time)
    }

    fn write(&self, by: &Cx, records: Vec<EffectRecord>) -> Option<Written<'_>> {
        let effects = {
            let mut open = self.open_to(by)?;
            let last = records.last().map(|record| (record.task, record.attempt));
            let mut effects =
                last.map_or_else(Vec::new, |(task, attempt)| open.overdue(task, attempt));
            records.iter().for_each(|record| open.put(record.clone()));
            effects.extend(records);
            effects
        };
        Some(Box::pin(self.write_down(effects)))
    }

    fn note(&self, by: &Cx, record: EffectRecord) {
        if let Some(mut open) = self.open_to(by) {
            open.put(record);
        }
    }

    fn settle(&self, task: Digest, attempt: u32) -> Written<'_> {
        let overdue = self.open().overdue(task, attempt);
        if overdue.is_empty() {
            return Box::pin(ready(Ok(())));
        }
        Box::pin(self.write_down(overdue))
    }

    fn ask(&self, by: &Cx, call: &Call, request: &Request, reason: &str) {
        if let Some(mut open) = self.open_to(by) {
            open.ask(self.epoch, call, by.node(), request, reason);
        }
    }

    fn is_empty(&self) -> bool {
        self.open().effects.is_empty()
    }

    fn finish(&self, task: Digest, calls: Vec<MadeCall>, buffered: Vec<EffectRecord>) {
        let mut open = self.open();
        buffered.into_iter().for_each(|record| open.put(record));
        // It went on without the answers.
        open.asked.retain(|asked| asked.task != task);
        let places = calls.into_iter();
        let mut places: BTreeMap<(String, u64), (u32, bool)> = places
            .map(|call| ((call.name, call.n), (call.position, call.seen)))
            .collect();
        let moved: Vec<EffectRecord> = open
            .of(task)
            .filter_map(|(call, record)| {
                let place = places.remove(&(call.name.clone(), call.n));
                // The node went on without an outcome that was recorded too late
                // for it, and so must a replay.
                let place = place
                    .filter(|(_, seen)| *seen || record.kind == EffectKind::Intent)
                    .map(|(place, _)| place);
                (record.call != place).then(|| EffectRecord {
                    call: place,
                    ..record.clone()
                })
            })
            .collect();
        moved.into_iter().for_each(|record| open.put(record));
    }

    fn ask_for_unknown(&self, task: Digest, node: &str, reason: &str) -> bool {
        let mut open = self.open();
        let unknown: Vec<(Call, Request)> = open
            .of(task)
            .filter(|(_, record)| record.kind == EffectKind::Intent)
            .map(|(call, record)| {
                let EffectRecord {
                    request, excerpt, ..
                } = record;
                let (digest, excerpt) = (*request, excerpt.clone());
                (call.clone(), Request { digest, excerpt })
            })
            .collect();
        for (call, request) in &unknown {
            open.ask(self.epoch, call, node, request, reason);
        }
        !unknown.is_empty()
    }

    fn checks_round_trip(&self) -> bool {
        self.check
    }
}

/// What is asked of an effect whose outcome nobody knows.
#[derive(serde::Serialize)]
struct QuestionText<'a> {
    effect: &'a str,
    request: &'a str,
    reason: &'a str,
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
