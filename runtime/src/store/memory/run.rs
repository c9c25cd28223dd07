use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::super::rules::{self, LeaseState};
use super::mailbox::Mailbox;
use crate::hash::Digest;
use crate::store::{
    Answer, EffectClass, EffectKey, EffectRecord, GraphChange, Head, Loaded, Mail, NewSignal, Park,
    Parked, PendingResult, Question, Recording, Registration, Snapshot, StepRecord, StoreError,
    TurnRecord, Wait,
};

/// One run and what belongs to it.
pub(super) struct Run {
    /// Its `lease` is left empty and filled from `lease` when it is handed out.
    pub(super) head: Head,
    pub(super) lease: LeaseState,
    pub(super) steps: BTreeMap<u64, StepRecord>,
    pub(super) snapshots: BTreeMap<u64, Snapshot>,
    pub(super) pending: BTreeMap<Digest, PendingResult>,
    pub(super) effects: BTreeMap<EffectKey, EffectRecord>,
    pub(super) questions: BTreeMap<String, Question>,
    pub(super) waits: BTreeMap<EffectKey, Wait>,
    pub(super) mailbox: Mailbox,
    pub(super) labels: BTreeMap<String, u64>,
    /// By the step that began it.
    pub(super) turns: BTreeMap<u64, TurnRecord>,
    /// Which step began a turn with which token.
    pub(super) tokens: BTreeMap<String, u64>,
    /// The steps at which its graph changes.
    pub(super) graphs: Vec<GraphChange>,
    /// Which runs branched off from it, by step.
    pub(super) forks: BTreeSet<(u64, String)>,
}

impl Run {
    pub(super) fn new(head: Head, now: SystemTime) -> Self {
        Self {
            head,
            lease: LeaseState::free(now),
            steps: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            pending: BTreeMap::new(),
            effects: BTreeMap::new(),
            questions: BTreeMap::new(),
            waits: BTreeMap::new(),
            mailbox: Mailbox::default(),
            labels: BTreeMap::new(),
            turns: BTreeMap::new(),
            tokens: BTreeMap::new(),
            graphs: Vec::new(),
            forks: BTreeSet::new(),
        }
    }

    pub(super) fn head(&self) -> Head {
        let mut head = self.head.clone();
        head.lease = self.lease.lease();
        head
    }

    /// Its own first step.
    pub(super) fn first(&self) -> u64 {
        self.head.first_own_step()
    }

    const fn open_step(&self) -> u64 {
        self.head.step + 1
    }

    pub(super) fn load(&self) -> Loaded {
        let snapshot = self.snapshots.values().next_back().cloned();
        let from = snapshot
            .as_ref()
            .map_or(self.first(), |snapshot| snapshot.step);
        let open = self.open_step();
        let mut loaded = Loaded::new(self.head());
        loaded.snapshot = snapshot;
        loaded.steps = self
            .steps
            .range(from..)
            .map(|(_, step)| step.clone())
            .collect();
        loaded.pending = self.pending.values().cloned().collect();
        let effects = self.effects.values().filter(|effect| effect.step == open);
        loaded.effects = effects.cloned().collect();
        let is_open = |question: &&Question| question.step == open && question.is_open();
        loaded.questions = self.questions.values().filter(is_open).cloned().collect();
        loaded.answers = self.answers();
        loaded.waits = self.open_waits().cloned().collect();
        loaded.signals = self.mailbox.behind(0);
        loaded
    }

    /// What the tasks of the open step wait for.
    fn open_waits(&self) -> impl Iterator<Item = &Wait> {
        let open = self.open_step();
        self.waits.values().filter(move |wait| wait.step == open)
    }

    /// The answers that its open step still waits for.
    fn answers(&self) -> Vec<Question> {
        let is_one =
            |asked: &&Question| self.open_waits().any(|wait| rules::has_answer(wait, asked));
        self.questions.values().filter(is_one).cloned().collect()
    }

    pub(super) fn journal(
        &mut self,
        recording: Recording,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let Recording {
            run,
            epoch,
            mut effects,
            ..
        } = recording;
        rules::held(&run, &self.lease, epoch)?;
        rules::of_open_step(&run, self.open_step(), &effects, &[])?;
        effects.retain(|record| {
            !(self.effect(record)).is_some_and(|kept| rules::stands(kept, record))
        });
        self.write_effects(effects, now);
        Ok(())
    }

    /// What is kept of the call that `record` is about.
    fn effect(&self, record: &EffectRecord) -> Option<&EffectRecord> {
        self.effects.get(&record.key())
    }

    pub(super) fn write_effects(&mut self, effects: Vec<EffectRecord>, now: SystemTime) {
        for mut effect in effects {
            effect.recorded = now;
            self.mailbox.take(effect.signal);
            self.effects.insert(effect.key(), effect);
        }
    }

    /// Moves what belongs to the open step into `open`.
    pub(super) fn move_open_step(&mut self, open: u64) {
        let before = open - 1;
        let moved = |step: &mut u64| {
            if *step == before {
                *step = open;
            }
        };
        self.effects = std::mem::take(&mut self.effects)
            .into_values()
            .map(|mut effect| {
                moved(&mut effect.step);
                (effect.key(), effect)
            })
            .collect();
        for question in self.questions.values_mut() {
            moved(&mut question.step);
        }
        let waits = std::mem::take(&mut self.waits).into_values();
        self.waits = waits
            .map(|mut wait| {
                moved(&mut wait.step);
                // What it saw before is not what it would see now.
                wait.parked &= wait.step != open;
                (wait.key(), wait)
            })
            .collect();
    }

    pub(super) fn register(
        &mut self,
        registration: Registration,
        now: SystemTime,
    ) -> Result<Mail, StoreError> {
        let Registration {
            run,
            epoch,
            effects,
            waits,
            closed,
            questions,
            withdrawn,
            over,
            known,
            ..
        } = registration;
        let open = self.open_step();
        rules::held(&run, &self.lease, epoch)?;
        rules::of_open_step(&run, open, &over, &questions)?;
        rules::waits_of_open_step(&run, open, &waits)?;
        self.journal(Recording::new(run, epoch, effects), now)?;
        for key in &closed {
            self.waits.remove(key);
        }
        self.withdraw(&withdrawn);
        let time = self.time(now);
        let waits = waits.into_iter().map(|wait| {
            let stored = self.waits.get(&wait.key());
            let wait = rules::registered(wait, stored, time);
            self.waits.insert(wait.key(), wait.clone());
            wait
        });
        let waits = waits.collect();
        let asked = self.ask(questions, time);
        let (unreceived, answers) = (self.mailbox.behind(0), self.answers());
        let come = rules::Come {
            signals: &unreceived,
            questions: &answers,
        };
        let (mut ended, mut keys) = (Vec::new(), Vec::new());
        for record in over {
            let key = record.key();
            let recorded = self.effects.get(&key);
            let is_over = |wait: &&Wait| rules::is_over(wait, recorded, now, come);
            if let Some(wait) = self.waits.get(&key).filter(is_over) {
                self.head.updated = rules::time_after(wait, self.head.updated);
                self.waits.remove(&key);
                self.expire(&record);
                ended.push(record);
                keys.push(key);
            } else if rules::is_recorded_over(recorded) {
                self.waits.remove(&key);
                keys.push(key);
            }
        }
        self.write_effects(ended, now);
        let mut mail = self.mail(known, now);
        (mail.waits, mail.questions, mail.over) = (waits, asked, keys);
        Ok(mail)
    }

    /// The time of what happens to the run `now`.
    fn time(&self, now: SystemTime) -> SystemTime {
        rules::time_of_run(now, self.mailbox.latest(self.head.updated))
    }

    pub(super) fn mail(&self, known: u64, now: SystemTime) -> Mail {
        let mut mail = Mail::new(now);
        mail.signals = self.mailbox.behind(known);
        mail.answers = self.answers();
        mail
    }

    /// Asks what is not asked yet, after its waits are registered; returns all as they are kept. An
    /// answer may have come while the run was driven: it is kept.
    fn ask(&mut self, questions: Vec<Question>, time: SystemTime) -> Vec<Question> {
        let waits: Vec<Wait> = self.open_waits().cloned().collect();
        let asked = questions.into_iter().map(|question| {
            let kept = self.questions.entry(question.id.clone());
            let kept = kept.or_insert_with(|| rules::asked(question, &waits, time));
            kept.clone()
        });
        asked.collect()
    }

    fn withdraw(&mut self, ids: &[String]) {
        self.questions.retain(|id, _| !ids.contains(id));
    }

    /// Nobody has answered what the wait of `record` was for.
    fn expire(&mut self, record: &EffectRecord) {
        let key = record.key();
        let mut questions = self.questions.values_mut();
        if let Some(asked) = questions.find(|asked| asked.wait().as_ref() == Some(&key)) {
            *asked = rules::expired(asked.clone(), record);
        }
    }

    pub(super) fn signal(&mut self, signal: NewSignal, now: SystemTime) -> Result<(), StoreError> {
        let is_known = self.mailbox.knows(&signal.id);
        if !rules::signal(
            self.head.status,
            &signal,
            is_known,
            self.mailbox.unreceived(),
        )? {
            return Ok(());
        }
        let sent = self.mailbox.put(signal, self.time(now));
        let can_wake = rules::can_wake(self.head.status);
        let come = rules::Come {
            signals: &[sent],
            questions: &[],
        };
        if can_wake && (self.open_waits()).any(|wait| rules::is_ready(wait, now, come)) {
            self.wake(now);
        }
        Ok(())
    }

    /// Something that it waits for is there.
    pub(super) fn wake(&mut self, now: SystemTime) {
        let wakes = self.head.wakes.map_or(now, |wakes| wakes.min(now));
        self.head.wakes = Some(wakes);
    }

    pub(super) fn park(&mut self, park: Park, now: SystemTime) -> Result<Parked, StoreError> {
        let Some(lease) = rules::park(&park.run, &self.lease, park.epoch)? else {
            return Ok(Parked::Left);
        };
        let open = self.open_step();
        rules::of_open_step(&park.run, open, &park.effects, &park.questions)?;
        rules::waits_of_open_step(&park.run, open, &park.waits)?;
        let time = self.time(now);
        let registered =
            |wait: &Wait| rules::registered(wait.clone(), self.waits.get(&wait.key()), time);
        let waits: Vec<Wait> = park.waits.iter().map(registered).collect();
        let waits_on = rules::can_wake(park.status);
        if waits_on && !waits.is_empty() {
            let questions = self.questions.values().cloned().collect();
            if rules::is_called(&park, &waits, now, self.mailbox.behind(0), questions) {
                return Ok(Parked::Mail(self.mail(park.known, now)));
            }
        }
        let answered = |id: &String| {
            let asked = self.questions.get(id);
            asked.is_some_and(|asked| asked.answer.is_some())
        };
        self.head.wakes = match park.asked.iter().any(answered) {
            true => Some(now),
            false => rules::wakes(waits.iter()),
        };
        self.head.wakes = self.head.wakes.filter(|_| waits_on);
        self.waits = waits.into_iter().map(|wait| (wait.key(), wait)).collect();
        self.lease = lease;
        self.head.status = park.status;
        self.head.error = park.error;
        self.head.updated = time;
        let results = park.results.into_iter().map(|kept| (kept.task, kept));
        self.pending.extend(results);
        self.write_effects(park.effects, now);
        self.withdraw(&park.withdrawn);
        self.ask(park.questions, time);
        Ok(Parked::Left)
    }

    pub(super) fn answer(&mut self, answer: Answer, now: SystemTime) -> Result<(), StoreError> {
        let stored = self.questions.get(&answer.question);
        let effect = answer
            .effect
            .as_ref()
            .and_then(|effect| self.effect(effect));
        let at = (self.head.step, self.head.status);
        if !rules::answer(&answer, stored, effect, at, now)? {
            return Ok(());
        }
        if let Some(stored) = self.questions.get_mut(&answer.question) {
            stored.answer = Some(answer.answer);
            stored.token = Some(answer.token);
            stored.answered_by = answer.by;
        }
        self.write_effects(answer.effect.into_iter().collect(), now);
        if rules::can_wake(self.head.status) {
            self.wake(now);
        }
        Ok(())
    }

    /// As in the SQL query of the other store.
    pub(super) fn is_stuck(&self, now: SystemTime) -> bool {
        let open = self.open_step();
        let mut questions = self.questions.values();
        let asks = questions.any(|asked| asked.step == open && asked.is_open());
        let receives = self
            .open_waits()
            .any(|wait| wait.class == EffectClass::Signal);
        rules::can_wake(self.head.status)
            && !self.lease.is_live(now)
            && self.head.wakes.is_none()
            && !asks
            && !receives
    }
}
