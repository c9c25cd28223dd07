//! A run with the history that it shares with its origins.

use std::collections::BTreeMap;

use super::Kept;
use super::run::Run;
use crate::hash::Digest;
use crate::store::{EffectRecord, Origin, Snapshot, StepRecord};

impl Kept {
    /// The run and its origins, newest first, each with the last of its steps
    /// that is the run's too.
    fn lineage(&self, run: &str) -> Vec<(&Run, u64)> {
        let mut found = Vec::new();
        let mut next = self.runs.get(run).map(|run| (run, u64::MAX));
        while let Some((run, last)) = next {
            found.push((run, last));
            next = run.head.origin.as_ref().and_then(|origin| {
                let before = self.runs.get(&origin.run)?;
                Some((before, last.min(origin.step)))
            });
        }
        found
    }

    pub(super) fn step(&self, run: &str, step: u64) -> Option<&StepRecord> {
        (self.lineage(run).into_iter())
            .filter(|(_, last)| step <= *last)
            .find_map(|(run, _)| run.steps.get(&step))
    }

    pub(super) fn steps(&self, run: &str, from: u64, to: u64) -> Vec<StepRecord> {
        let own = |(run, last): (&Run, u64)| -> Vec<StepRecord> {
            let within = run
                .steps
                .range(from..)
                .take_while(|(step, _)| **step <= to.min(last));
            within.map(|(_, step)| step.clone()).collect()
        };
        self.lineage(run).into_iter().rev().flat_map(own).collect()
    }

    pub(super) fn digests(&self, run: &str) -> Vec<(u64, Digest)> {
        let steps = self.steps(run, 0, u64::MAX);
        steps.iter().map(|step| (step.step, step.digest)).collect()
    }

    pub(super) fn effects(&self, run: &str, from: u64, to: u64) -> Vec<EffectRecord> {
        let own = |(run, last): (&Run, u64)| -> Vec<EffectRecord> {
            let within =
                |effect: &&EffectRecord| from <= effect.step && effect.step <= to.min(last);
            run.effects.values().filter(within).cloned().collect()
        };
        self.lineage(run).into_iter().rev().flat_map(own).collect()
    }

    pub(super) fn snapshot(&self, run: &str, step: u64) -> Option<Snapshot> {
        self.lineage(run).into_iter().find_map(|(run, last)| {
            let newest = run.snapshots.range(..=step.min(last)).next_back()?;
            Some(newest.1.clone())
        })
    }

    /// A label of the run's own hides one of its origin's.
    pub(super) fn labels(&self, run: &str) -> BTreeMap<String, u64> {
        let own = |(run, last): (&Run, u64)| -> Vec<(String, u64)> {
            let labels = run.labels.iter().filter(|(_, step)| **step <= last);
            labels.map(|(label, step)| (label.clone(), *step)).collect()
        };
        self.lineage(run).into_iter().rev().flat_map(own).collect()
    }

    /// The last step at which a fork of the run begins.
    pub(super) fn last_branch(&self, run: &str) -> Option<u64> {
        let origins = self
            .runs
            .values()
            .filter_map(|fork| fork.head.origin.as_ref());
        origins
            .filter(|origin| origin.run == run)
            .map(|origin| origin.step)
            .max()
    }

    /// What a fork's head says of pruned steps: where the steps that lead up
    /// to its origin begin without a gap.
    pub(super) fn pruned_before(&self, origin: &Origin) -> u64 {
        let steps = self.steps(&origin.run, 0, origin.step);
        super::super::rules::pruned_before(origin.step, steps.iter().rev().map(|step| step.step))
    }
}
