//! A run with the history that it shares with its origins.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::super::rules;
use super::Kept;
use super::run::Run;
use crate::hash::Digest;
use crate::store::{
    EffectKey, EffectRecord, GraphChange, Listed, Origin, Page, Snapshot, StepRecord, TurnRecord,
};

impl Kept {
    /// The run and its origins, newest first, each with the last of its steps
    /// that is part of the run's history.
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

    fn steps_between(&self, run: &str, from: u64, to: u64) -> impl Iterator<Item = &StepRecord> {
        self.history(run, from).flat_map(move |(run, last)| {
            let steps = run.steps.range(from..).map(|(_, step)| step);
            steps.take_while(move |step| step.step <= to.min(last))
        })
    }

    pub(super) fn steps(
        &self,
        run: &str,
        from: u64,
        to: u64,
        page: &Page<u64>,
    ) -> Listed<StepRecord, u64> {
        let steps = self.steps_between(run, rules::first_step(from, page), to);
        rules::cut(steps.cloned(), page, |step| step.step)
    }

    pub(super) fn digests(&self, run: &str, page: &Page<u64>) -> Listed<(u64, Digest), u64> {
        let steps = self.steps_between(run, rules::first_step(0, page), u64::MAX);
        let digests = steps.map(|step| (step.step, step.digest));
        rules::cut(digests, page, |(step, _)| *step)
    }

    pub(super) fn effects(
        &self,
        run: &str,
        from: u64,
        to: u64,
        page: &Page<EffectKey>,
    ) -> Listed<EffectRecord, EffectKey> {
        let effects = self.history(run, from).flat_map(|(run, last)| {
            let effects = run.effects.range::<EffectKey, _>(rules::beyond(page));
            let effects = effects.map(|(_, effect)| effect);
            effects
                .skip_while(move |effect| effect.step < from)
                .take_while(move |effect| effect.step <= to.min(last))
        });
        rules::cut(effects.cloned(), page, EffectRecord::key)
    }

    pub(super) fn snapshot(&self, run: &str, step: u64) -> Option<Snapshot> {
        self.lineage(run).find_map(|(run, last)| {
            let newest = run.snapshots.range(..=step.min(last)).next_back()?;
            Some(newest.1.clone())
        })
    }

    pub(super) fn changes(&self, run: &str) -> Vec<GraphChange> {
        let own = |(run, last): (&Run, u64)| -> Vec<GraphChange> {
            let changes = run.graphs.iter().filter(|change| change.step <= last);
            changes.copied().collect()
        };
        self.history(run, 0).flat_map(own).collect()
    }

    /// A fork begins under the graph of the step at which it branches off.
    pub(super) fn changed_before(&self, origin: &Origin) -> Option<GraphChange> {
        let last = self.runs.get(&origin.run)?.head.changed?;
        if last.step <= origin.step {
            return Some(last);
        }
        // It came later: what was before has to be looked for.
        self.lineage(&origin.run).find_map(|(run, last)| {
            let to = last.min(origin.step);
            let mut changes = run.graphs.iter().rev();
            changes.find(|change| change.step <= to).copied()
        })
    }

    pub(super) fn turns(&self, run: &str, page: &Page<u64>) -> Listed<TurnRecord, u64> {
        let turns = self.history(run, 0).flat_map(|(run, last)| {
            let turns = run.turns.range::<u64, _>(rules::beyond(page));
            let turns = turns.map(|(_, turn)| turn);
            turns.take_while(move |turn| turn.step <= last)
        });
        rules::cut(turns.cloned(), page, |turn| turn.step)
    }

    pub(super) fn turn(&self, run: &str, token: &str) -> Option<TurnRecord> {
        let run = self.runs.get(run)?;
        run.turns.get(run.tokens.get(token)?).cloned()
    }

    /// The run's own label hides its origin's.
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
            let steps = self.steps_between(&origin.run, 0, origin.step);
            let mut steps: Vec<u64> = steps.map(|step| step.step).collect();
            steps.reverse();
            Ok(steps)
        };
        let Ok(pruned) = rules::pruned_before(origin.step, pruned, steps);
        pruned
    }
}
