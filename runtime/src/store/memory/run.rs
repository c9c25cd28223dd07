use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::super::rules::{self, LeaseState};
use crate::hash::Digest;
use crate::store::{
    Answer, EffectKey, EffectRecord, GraphChange, Head, Loaded, Park, PendingResult, Question,
    Recording, Snapshot, Status, StepRecord, StoreError, TurnRecord,
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
        let is_open = |question: &&Question| question.step == open && question.answer.is_none();
        loaded.questions = self.questions.values().filter(is_open).cloned().collect();
        loaded
    }

    pub(super) fn journal(
        &mut self,
        recording: Recording,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        rules::held(&recording.run, &self.lease, recording.epoch)?;
        rules::of_open_step(&recording.run, self.open_step(), &recording.effects, &[])?;
        let mut effects = recording.effects;
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
    }

    pub(super) fn park(&mut self, park: Park, now: SystemTime) -> Result<(), StoreError> {
        let Some(lease) = rules::park(&park.run, &self.lease, park.epoch)? else {
            return Ok(());
        };
        let open = self.open_step();
        rules::of_open_step(&park.run, open, &park.effects, &park.questions)?;
        self.lease = lease;
        self.head.status = park.status;
        self.head.error = park.error;
        self.head.updated = now;
        let results = park.results.into_iter().map(|kept| (kept.task, kept));
        self.pending.extend(results);
        self.write_effects(park.effects, now);
        for mut question in park.questions {
            question.asked = now;
            (question.answer, question.token) = (None, None);
            // An answer may have come while the run was driven: it is kept.
            self.questions
                .entry(question.id.clone())
                .or_insert(question);
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, answer: Answer, now: SystemTime) -> Result<(), StoreError> {
        let stored = self.questions.get(&answer.question);
        let effect = answer
            .effect
            .as_ref()
            .and_then(|effect| self.effect(effect));
        if !rules::answer(&answer, stored, effect, self.head.step)? {
            return Ok(());
        }
        if let Some(stored) = self.questions.get_mut(&answer.question) {
            stored.answer = Some(answer.answer);
            stored.token = Some(answer.token);
        }
        self.write_effects(answer.effect.into_iter().collect(), now);
        Ok(())
    }

    /// As in the SQL query of the other store: only a question in the open
    /// step keeps these two from being stuck, and no timer is kept here.
    pub(super) fn is_stuck(&self, now: SystemTime) -> bool {
        let asks = |run: &Self| {
            let open = run.open_step();
            run.questions.values().any(|question| question.step == open)
        };
        matches!(self.head.status, Status::Interrupted | Status::Sleeping)
            && !self.lease.is_live(now)
            && !asks(self)
    }
}
