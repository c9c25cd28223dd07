//! A run with the history that it shares with its origins.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::super::rules;
use super::Kept;
use super::run::Run;
use crate::hash::Digest;
use crate::store::{EffectRecord, Origin, Snapshot, StepRecord};

impl Kept {
    /// The run and its origins, newest first, each with the last of its steps
    /// that is the run's too.
    fn lineage(&self, run: &str) -> impl Iterator<Item = (&Run, u64)> {
        let newest = self.runs.get(run).map(|run| (run, u64::MAX));
        std::iter::successors(newest, |(run, last)| {
            let origin = run.head.origin.as_ref()?;
            let before = self.runs.get(&origin.run)?;
            Some((before, origin.step.min(*last)))
        })
    }

    /// As [`lineage`](Self::lineage), but oldest first, and only what holds steps
    /// from `from` on.
    fn history(&self, run: &str, from: u64) -> impl Iterator<Item = (&Run, u64)> {
        let mut stretches = Vec::new();
        for stretch in self.lineage(run) {
            stretches.push(stretch);
            if stretch.0.first() <= from {
                break;
            }
        }
        stretches.into_iter().rev()
    }

    pub(super) fn step(&self, run: &str, step: u64) -> Option<&StepRecord> {
        self.lineage(run)
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
        self.history(run, from).flat_map(own).collect()
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
        self.history(run, from).flat_map(own).collect()
    }

    pub(super) fn snapshot(&self, run: &str, step: u64) -> Option<Snapshot> {
        self.lineage(run).find_map(|(run, last)| {
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
        self.history(run, 0).flat_map(own).collect()
    }

    /// The last step at which a fork of the run begins.
    pub(super) fn last_branch(&self, run: &str) -> Option<u64> {
        let (step, _) = self.runs.get(run)?.forks.last()?;
        Some(*step)
    }

    /// What a fork's head says of pruned steps: where the steps that lead up
    /// to its origin begin without a gap.
    pub(super) fn pruned_before(&self, origin: &Origin) -> u64 {
        let pruned = self.runs.get(&origin.run).map_or(0, |run| run.head.pruned);
        let steps = || -> Result<_, Infallible> {
            let steps = self.steps(&origin.run, 0, origin.step);
            Ok(steps.iter().rev().map(|step| step.step).collect())
        };
        let Ok(pruned) = rules::pruned_before(origin.step, pruned, steps);
        pruned
    }
}
