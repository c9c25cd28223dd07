use std::time::SystemTime;

use super::super::rules::{self, History};
use super::{Kept, no_such_run};
use crate::store::{Head, Prune, Pruned, Pruning, StoreError};

impl Kept {
    pub(super) fn label(&mut self, run: &str, step: u64, label: &str) -> Result<(), StoreError> {
        let named = self.labels(run).get(label).copied();
        let exists = self.step(run, step).is_some();
        let stored = self.runs.get_mut(run).ok_or_else(|| no_such_run(run))?;
        if rules::label(run, label, step, named, exists)? {
            stored.labels.insert(label.to_owned(), step);
        }
        Ok(())
    }

    pub(super) fn prune(&mut self, prune: &Prune, now: SystemTime) -> Pruned {
        let prunable: Vec<Head> = self
            .runs
            .values()
            .filter(|run| rules::is_prunable(prune, &run.head, run.lease.is_live(now), now))
            .map(|run| run.head.clone())
            .collect();
        let mut pruned = Pruned::default();
        for run in rules::candidates(prune, prunable) {
            let steps = match prune.what {
                Pruning::Run => self.drop_run(&run),
                Pruning::History => self.drop_history(&run),
            };
            pruned.runs += u64::from(steps > 0);
            pruned.steps += steps;
        }
        pruned
    }

    fn drop_run(&mut self, run: &str) -> u64 {
        if self.last_branch(run).is_some() {
            return 0;
        }
        let Some(dropped) = self.runs.remove(run) else {
            return 0;
        };
        self.last_epoch = self.last_epoch.max(dropped.lease.epoch);
        self.outbox.retain(|_, event| event.run != run);
        if let Some(origin) = dropped.head.origin
            && let Some(before) = self.runs.get_mut(&origin.run)
        {
            before.forks.remove(&(origin.step, run.to_owned()));
        }
        dropped.steps.len() as u64
    }

    fn drop_history(&mut self, run: &str) -> u64 {
        let branch = self.last_branch(run);
        let Some(run) = self.runs.get_mut(run) else {
            return 0;
        };
        let before = run.steps.len();
        let mut history = History::new(run.first());
        history.snapshot = run.snapshots.keys().next_back().copied();
        history.branch = branch;
        let gone = rules::droppable(history);
        run.steps.retain(|step, _| !gone.contains(step));
        let dropped = (before - run.steps.len()) as u64;
        if dropped > 0 {
            run.head.pruned = gone.end;
            run.effects.retain(|call, _| !gone.contains(&call.step));
            run.questions
                .retain(|_, question| !gone.contains(&question.step));
            run.waits.retain(|wait, _| !gone.contains(&wait.step));
            run.labels.retain(|_, step| !gone.contains(step));
            run.snapshots
                .retain(|step, _| *step >= gone.end || rules::stands_on(*step, gone.end, branch));
        }
        dropped
    }
}
