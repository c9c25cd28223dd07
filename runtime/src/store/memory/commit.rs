use std::time::SystemTime;

use super::super::rules::{self, Facts, Grant, LeaseState, Verdict};
use super::run::Run;
use super::{Kept, no_such_run};
use crate::store::{
    Commit, Committed, Creation, GraphChange, Head, Snapshot, StepKind, StoreError, TurnRecord,
};

impl Kept {
    pub(super) fn commit(
        &mut self,
        commit: Commit,
        now: SystemTime,
    ) -> Result<Committed, StoreError> {
        let verdict = match self.runs.get(&commit.run) {
            Some(run) => rules::judge(&commit, &facts(run, &commit), now, || {
                Ok(rules::Life::Unknown)
            })?,
            None => {
                let past = (self.branch(&commit), self.last_epoch);
                Verdict::Write(rules::begin(&commit, past, now)?)
            }
        };
        match verdict {
            Verdict::Already(lease) => Ok(Committed::Already(lease)),
            Verdict::TokenSpent => Ok(Committed::TokenSpent),
            Verdict::Write(Grant { lease, state, .. }) => {
                self.write(commit, state, now)?;
                Ok(Committed::Now(lease))
            }
        }
    }

    fn branch(&self, commit: &Commit) -> Option<crate::hash::Digest> {
        let origin = commit.create.as_ref()?.origin.as_ref()?;
        self.step(&origin.run, origin.step).map(|step| step.chain)
    }

    fn write(
        &mut self,
        mut commit: Commit,
        lease: LeaseState,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.tell(&mut commit);
        if let (Some(graph), Some(text)) = (commit.record.graph, commit.description.take()) {
            self.graphs.entry(graph).or_insert(text);
        }
        if let Some(create) = commit.create.take() {
            self.create(&commit, create, now);
        }
        let branch = self.last_branch(&commit.run);
        let run = self.run(&commit.run)?;
        if let Some(snapshot) = commit.snapshot.take() {
            run.put_snapshot(snapshot, branch);
        }
        run.advance(commit, lease, now);
        Ok(())
    }

    fn tell(&mut self, commit: &mut Commit) {
        for mut event in commit.events.drain(..) {
            self.last_event += 1;
            event.id = self.last_event;
            event.run = commit.run.clone();
            event.step = commit.record.step;
            self.outbox.insert(event.id, event);
        }
    }

    fn create(&mut self, commit: &Commit, create: Creation, now: SystemTime) {
        let pruned = create
            .origin
            .as_ref()
            .map_or(0, |origin| self.pruned_before(origin));
        if let Some(origin) = &create.origin
            && let Some(before) = self.runs.get_mut(&origin.run)
        {
            before.forks.insert((origin.step, commit.run.clone()));
        }
        self.graphs
            .entry(create.fingerprint)
            .or_insert(create.description);
        let mut head = Head::new(
            commit.run.clone(),
            create.graph,
            create.fingerprint,
            commit.status,
            commit.record.step,
            commit.record.chain,
            now,
        );
        head.version = create.version;
        head.changed = (create.origin.as_ref()).and_then(|origin| self.changed_before(origin));
        head.seed = create.seed;
        head.origin = create.origin;
        head.pruned = pruned;
        self.runs.insert(commit.run.clone(), Run::new(head, now));
    }

    pub(super) fn put_snapshot(
        &mut self,
        run: &str,
        epoch: u64,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let branch = self.last_branch(run);
        let stored = self.runs.get_mut(run).ok_or_else(|| no_such_run(run))?;
        rules::held(run, &stored.lease, epoch)?;
        rules::at_head(run, stored.head.step, snapshot.step)?;
        stored.put_snapshot(snapshot, branch);
        Ok(())
    }
}

fn facts(run: &Run, commit: &Commit) -> Facts {
    let mut facts = Facts::new(run.head.step, run.head.chain, run.lease.clone());
    facts.key = run.steps.get(&commit.record.step).map(|step| step.key);
    facts.token_spent = (commit.token.as_ref()).is_some_and(|token| run.tokens.contains_key(token));
    facts
}

impl Run {
    fn advance(&mut self, commit: Commit, lease: LeaseState, now: SystemTime) {
        self.lease = lease;
        let begins_turn = rules::begins_turn(&commit);
        if commit.record.kind == StepKind::Update {
            self.move_open_step(commit.record.step + 1);
            if rules::can_wake(commit.status) {
                self.wake(now);
            }
        } else {
            self.head.wakes = None;
            let error = self.head.error.take();
            if let Some(turn) = self.turns.get_mut(&self.head.turn_step)
                && begins_turn
            {
                turn.error = error;
            }
            self.pending.clear();
        }
        for key in &commit.unheard {
            self.effects.remove(key);
        }
        self.write_effects(commit.effects, now);
        if begins_turn {
            let step = commit.record.step;
            let mut turn = TurnRecord::new(commit.turn, step);
            turn.token = commit.token.clone();
            self.tokens
                .extend(commit.token.clone().map(|token| (token, step)));
            self.turns.insert(step, turn);
        }
        if let Some(change) = GraphChange::of(&commit.record) {
            self.graphs.push(change);
            self.head.changed = Some(change);
        }
        self.head.status = commit.status;
        self.head.step = commit.record.step;
        self.head.chain = commit.record.chain;
        self.head.turn = commit.turn;
        self.head.turn_step = commit.turn_step;
        self.head.counted_from = commit.counted_from;
        if begins_turn {
            self.head.token = commit.token;
        }
        self.head.updated = rules::time_of_run(now, self.head.updated);
        let mut record = commit.record;
        record.committed = now;
        self.steps.insert(record.step, record);
    }

    fn put_snapshot(&mut self, snapshot: Snapshot, branch: Option<u64>) {
        let pruned = self.head.pruned;
        self.snapshots
            .retain(|step, _| *step > snapshot.step || rules::stands_on(*step, pruned, branch));
        self.snapshots.insert(snapshot.step, snapshot);
    }
}
