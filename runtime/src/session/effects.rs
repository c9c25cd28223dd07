//! The effects and questions of the open step: as they are in the store, and a
//! little ahead of it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Bound;
use std::time::SystemTime;

use super::waits::{News, OpenWaits};
use crate::cx::{
    Asks, Call, CallId, Cx, Found, MadeCall, Request, Stopped, UNRECORDED, Waiting, Wanted,
    recorded_time,
};
use crate::encode;
use crate::hash::{Digest, Hasher};
use crate::node_error::NodeError;
use crate::store::{
    EffectClass, EffectKey, EffectKind, EffectRecord, Loaded, Mail, Question, QuestionKind, Status,
    Wait,
};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct OpenEffects {
    effects: BTreeMap<Call, EffectRecord>,
    /// Those that the store is not known to have as they are here. If whoever
    /// wrote one was dropped meanwhile, the store may have it; then it is
    /// written again.
    news: BTreeSet<Call>,
    /// The open questions about effects in the store.
    questions: Vec<Question>,
    /// The new ones.
    asked: Vec<Question>,
    /// The Rust types of the responses of calls that may have to be asked about.
    expected: BTreeMap<Call, &'static str>,
    pub(super) waits: OpenWaits,
}

impl OpenEffects {
    /// What is stored of the open step, and what has come for the run.
    pub(crate) fn stored(loaded: &mut Loaded) -> Self {
        let questions = mem::take(&mut loaded.questions).into_iter();
        let (of_nodes, of_effects): (Vec<Question>, Vec<Question>) =
            questions.partition(|asked| asked.kind == QuestionKind::Interrupt);
        let waits = OpenWaits::stored(
            mem::take(&mut loaded.waits),
            [of_nodes, mem::take(&mut loaded.answers)].concat(),
            mem::take(&mut loaded.signals),
            &loaded.effects,
        );
        let effects = Self::new(mem::take(&mut loaded.effects), of_effects);
        let mut open = Self { waits, ..effects };
        if loaded.head.status == Status::Failed {
            open.begin_anew();
        }
        open
    }

    /// Whoever resumes a failed run has its tasks tried again from their first attempts.
    fn begin_anew(&mut self) {
        self.waits.begin_anew();
        let tasks: BTreeSet<Digest> = self.effects.keys().map(|call| call.task).collect();
        tasks.into_iter().for_each(|task| self.retry(task));
    }

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

    /// Whether nothing is recorded for the step, and nobody waits in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.waits.is_empty()
    }

    /// For the step that follows.
    pub(super) fn next_step(&mut self) {
        let waits = mem::take(&mut self.waits).next_step();
        *self = Self {
            waits,
            ..Self::default()
        };
    }

    /// What is known of `call` before it is made. What somebody answered counts only if it
    /// reads as a response.
    pub(crate) fn find(&self, call: &Call, asks: &Asks<'_>) -> Found {
        let Asks {
            request,
            at_most_once,
            attempt,
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
        // Another failure is kept for replays, and for the attempt that saw it and has waited since,
        // whether or not anything has come. Asked for something else, after a correction, it is tried
        // again.
        let is_seen =
            record.seen.is_some() && record.attempt == attempt && record.request == request.digest;
        let is_read_again = is_seen && self.keeps_order(call.task);
        let is_tried_again =
            record.kind == EffectKind::Failed && refusal.is_none() && !is_read_again;
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
            EffectKind::Failed => Found::Failure(record.error.clone().unwrap_or_default()),
            EffectKind::Intent | EffectKind::Clock | EffectKind::Elapsed => {
                Found::Unknown(UNRECORDED.into())
            }
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
        let is_passed_over = |(call, record): &(&Call, &EffectRecord)| {
            call.class == EffectClass::Effect
                && came_to_something(record)
                && !asked(&call.name, call.n)
        };
        let (call, _) = records.find(is_passed_over)?;
        Some(call.clone())
    }

    /// Whether `task` has waited, also if nothing has come for it yet: then its records say what it
    /// has seen, and in which order.
    fn keeps_order(&self, task: Digest) -> bool {
        self.has_waited(task) || self.waits.has(task)
    }

    /// Whether something of a wait is on record of `task`.
    fn has_waited(&self, task: Digest) -> bool {
        self.of(task).any(|(call, _)| call.class.is_wait())
    }

    /// See [`EffectJournal::order`](crate::cx::EffectJournal::order).
    pub(super) fn order(&self, task: Digest) -> Vec<CallId> {
        match self.keeps_order(task) {
            true => by_seen(self.of(task).map(|(_, record)| record)),
            false => Vec::new(),
        }
    }

    /// What a wait has come to.
    pub(super) fn came(&self, call: &Call) -> Option<EffectRecord> {
        self.effects.get(call).cloned()
    }

    /// Attempt `by` waits for `call`.
    pub(super) fn want(&mut self, by: &Cx, call: &Call, waiting: Waiting<'_>) -> Wanted {
        match self.waits.want(by, call, waiting) {
            Some(record) => {
                self.put(record.clone());
                Wanted::Came(Box::new(record))
            }
            None => Wanted::NotYet(self.waits.is_news(call)),
        }
    }

    /// What attempt `by` has done and not recorded yet: it goes with the next write, and each
    /// record says as the how-manieth the node got it.
    pub(super) fn catch_up(
        &mut self,
        task: Digest,
        calls: &[MadeCall],
        buffered: Vec<EffectRecord>,
    ) {
        buffered.into_iter().for_each(|record| self.put(record));
        let seen = |call: &Call| {
            let made = |made: &&MadeCall| {
                (made.class, &made.name, made.n) == (call.class, &call.name, call.n)
            };
            calls.iter().find(made).map(|made| made.seen)
        };
        let moved = self.of(task).filter_map(|(call, record)| {
            let seen = seen(call)?.filter(|_| record.kind != EffectKind::Clock);
            (seen != record.seen).then(|| EffectRecord {
                seen,
                ..record.clone()
            })
        });
        let moved: Vec<EffectRecord> = moved.collect();
        moved.into_iter().for_each(|record| self.put(record));
    }

    /// All of `task` that is not written, and what any task has received.
    pub(super) fn unwritten_of(&self, task: Digest) -> Vec<EffectRecord> {
        let is_due = |call: &&Call| call.task == task || call.class.is_wait();
        let news = self.news.iter().filter(is_due);
        news.filter_map(|call| self.effects.get(call))
            .cloned()
            .collect()
    }

    /// The same, if `task` has waited and has to write it before it calls the outside world.
    pub(super) fn flush(
        &mut self,
        task: Digest,
        calls: &[MadeCall],
        buffered: Vec<EffectRecord>,
    ) -> Vec<EffectRecord> {
        self.catch_up(task, calls, buffered);
        match mistake!(ReceivedUnwritten) {
            true => Vec::new(),
            false => self.unwritten_of(task),
        }
    }

    /// Whether `task` has to [flush](Self::flush).
    pub(super) fn has_to_flush(&self, task: Digest) -> bool {
        self.has_waited(task)
    }

    /// Attempt `by` at `task` stops to wait.
    pub(super) fn stop(&mut self, by: &Cx, task: Digest, stopped: Stopped) {
        let Stopped {
            calls,
            buffered,
            open,
        } = stopped;
        if open.is_empty() && !self.has_waited(task) {
            return; // it asks what became of an effect: what it saw, it sees again
        }
        self.catch_up(task, &calls, buffered);
        self.waits.stop(by, task, &open);
    }

    /// `task` is tried again, if it has waited: what it saw is in no order any more, and failures
    /// are tried again.
    pub(super) fn retry(&mut self, task: Digest) {
        self.waits.start(task);
        if !self.keeps_order(task) {
            return;
        }
        let seen = self.of(task).filter(|(_, record)| record.seen.is_some());
        let unseen = seen.map(|(_, record)| EffectRecord {
            seen: None,
            ..record.clone()
        });
        let unseen: Vec<EffectRecord> = unseen.collect();
        unseen.into_iter().for_each(|record| self.put(record));
    }

    /// The store was told of waits, and has answered.
    pub(super) fn told(&mut self, mail: Mail, news: News) {
        for record in self.waits.told(mail, news) {
            let call = Call::of(&record);
            self.effects.insert(call, record);
        }
    }

    /// The status of a run that waits for this.
    pub(crate) fn waits_as(&self) -> Status {
        let asks = !self.questions.is_empty() || !self.asked.is_empty();
        match asks || self.waits.is_empty() || self.waits.has_others_than_times() {
            true => Status::Interrupted,
            false => Status::Sleeping,
        }
    }

    /// The ids of the questions that were open when the run was loaded.
    pub(super) fn asked_before(&self) -> Vec<String> {
        let asked = self.questions.iter().map(|asked| asked.id.clone());
        asked.filter(|_| !mistake!(AnswerPassedOver)).collect()
    }

    /// The records that the store may have although no task has got them: the step goes without
    /// them.
    pub(super) fn unheard(&self) -> Vec<EffectKey> {
        let unheard = self.waits.unheard().into_iter();
        unheard
            .filter(|key| {
                let is_it = |record: &EffectRecord| record.key() == *key;
                !self.effects.values().any(is_it)
            })
            .collect()
    }

    /// All that the tasks of the open step wait for.
    pub(super) fn all_waits(&self) -> Vec<Wait> {
        match mistake!(WaitsNotParked) {
            true => Vec::new(),
            false => self.waits.waits(),
        }
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
            return (Vec::new(), self.unasked());
        }
        if mistake!(QuestionsNotParked) {
            return (self.unwritten(), Vec::new());
        }
        (self.unwritten(), self.unasked())
    }

    /// All that is asked, and not in the store.
    fn unasked(&self) -> Vec<Question> {
        [self.asked.clone(), self.waits.unasked()].concat()
    }

    fn unwritten(&self) -> Vec<EffectRecord> {
        let in_doubt = self.in_doubt();
        // Of what was begun somebody may have said what became of it.
        let is_due = |(call, record): &(&Call, &EffectRecord)| {
            let is_in_doubt = in_doubt.contains(&call.task) && record.kind != EffectKind::Intent;
            self.news.contains(*call) || is_in_doubt
        };
        let due = self.effects.iter().filter(is_due);
        due.map(|(_, record)| record.clone()).collect()
    }

    /// The tasks of whose records nobody knows for certain which form the store has: what a task
    /// has received is written by others, too, and of two writes at once one may be dropped after it
    /// was the last.
    fn in_doubt(&self) -> BTreeSet<Digest> {
        let waits = self.effects.keys().filter(|call| call.class.is_wait());
        waits.map(|call| call.task).collect()
    }

    /// What a commit has to write. The store may have an answer to an intent by
    /// now; it came too late, since the step went on without it.
    fn uncommitted(&self) -> Vec<EffectRecord> {
        if mistake!(NewsNotCommitted) {
            return Vec::new();
        }
        let in_doubt = self.in_doubt();
        let is_due = |(call, record): &(&Call, &EffectRecord)| {
            record.kind == EffectKind::Intent
                || self.news.contains(*call)
                || in_doubt.contains(&call.task)
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
    /// since nobody else will write that; and what any task has received, so that nothing that came
    /// later is on record before it.
    pub(crate) fn overdue(&self, task: Digest, attempt: u32) -> Vec<EffectRecord> {
        let is_due = |record: &&EffectRecord| {
            record.task == task && (record.kind == EffectKind::Clock || record.attempt < attempt)
                || record.class.is_wait()
        };
        let records = self.news.iter().filter_map(|call| self.effects.get(call));
        records.filter(is_due).cloned().collect()
    }

    /// The store has these. What has changed since has to be written again, even if it was written
    /// before: of two writes at once, nobody knows which came last.
    pub(crate) fn mark_written(&mut self, records: &[EffectRecord]) {
        for record in records {
            let call = Call::of(record);
            match self.effects.get(&call) {
                Some(now) if now == record => drop(self.news.remove(&call)),
                Some(_) => drop(self.news.insert(call)),
                None => {}
            }
        }
    }

    /// No store takes these: the responses among them are forgotten, so that what
    /// else is on record can be kept.
    pub(crate) fn withdraw(&mut self, records: &[EffectRecord]) {
        // What was received came from there.
        let is_response =
            |one: &&EffectRecord| one.kind == EffectKind::Done && !one.class.is_wait();
        for record in records.iter().filter(is_response) {
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
        let Call { task, name, n, .. } = call.clone();
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
        // Texts always have an encoding.
        let text = encode::to_string(&text).unwrap_or_default();
        let kind = QuestionKind::Outcome;
        self.asked.push(Question {
            n,
            ..Question::new(id, kind, step, task, node, name, text)
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
        self.waits.finish(task);
        let has_waited = self.has_waited(task);
        let places = calls.into_iter();
        let mut places: BTreeMap<CallId, (u32, Option<u32>)> = places
            .map(|call| ((call.class, call.name, call.n), (call.position, call.seen)))
            .collect();
        let moved: Vec<EffectRecord> = self
            .of(task)
            .filter_map(|(call, record)| {
                let made = places.remove(&call.id());
                // The node continued without an outcome that was recorded too late
                // for it, and so must a replay.
                let place = made
                    .filter(|(_, seen)| seen.is_some() || record.kind == EffectKind::Intent)
                    .map(|(place, _)| place);
                // Nobody looks at that of a task that has not waited.
                let seen = match has_waited && record.kind != EffectKind::Clock {
                    true => made.and_then(|(_, seen)| seen),
                    false => record.seen,
                };
                let is_moved = (record.call, record.seen) != (place, seen);
                (is_moved && !mistake!(UncalledKeptInPlace)).then(|| EffectRecord {
                    call: place,
                    seen,
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
        let mut all = [&self.questions[..], &self.asked, &self.waits.questions()].concat();
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
    fn of(&self, task: Digest) -> impl Iterator<Item = (&Call, &EffectRecord)> + Clone {
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
pub(super) const fn first_of(task: Digest) -> Bound<Call> {
    Bound::Included(Call {
        task,
        class: EffectClass::Effect,
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

/// What a task has on record, in the order in which it got it; nothing of one that has not
/// received anything.
pub(crate) fn in_order<'a>(records: impl Iterator<Item = &'a EffectRecord> + Clone) -> Vec<CallId> {
    match records.clone().any(|record| record.class.is_wait()) {
        true => by_seen(records),
        false => Vec::new(),
    }
}

fn by_seen<'a>(records: impl Iterator<Item = &'a EffectRecord>) -> Vec<CallId> {
    let seen = records.filter_map(|record| Some((record.seen?, Call::of(record).id())));
    let mut seen: Vec<(u32, CallId)> = seen.collect();
    seen.sort();
    seen.into_iter().map(|(_, call)| call).collect()
}

/// `SHA-256(notes, records)`, each record with all but the time of its writing; class, order and
/// signal only of tasks that have waited. `None` for a step without notes and effects.
pub(crate) fn journal_digest<'a>(
    notes: Option<&str>,
    records: impl Iterator<Item = &'a EffectRecord> + Clone,
) -> Option<Digest> {
    if notes.is_none() && records.clone().next().is_none() {
        return None;
    }
    let waits = records.clone().filter(|record| record.class.is_wait());
    let waited: BTreeSet<Digest> = waits.map(|record| record.task).collect();
    let hasher = Hasher::new().part(notes.unwrap_or_default());
    let hasher = records.fold(hasher, |hasher, record| {
        let hasher = hashed(hasher, record);
        match waited.contains(&record.task) {
            true => in_its_order(hasher, record),
            false => hasher,
        }
    });
    Some(hasher.finish())
}

fn in_its_order(hasher: Hasher, record: &EffectRecord) -> Hasher {
    hasher
        .part(record.class.as_str())
        .number(record.seen.map_or(0, |seen| u64::from(seen) + 1))
        .number(record.signal.unwrap_or_default())
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
