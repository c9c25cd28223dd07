//! A run as it stood after one of its steps.

use super::handle::RunHandle;
use super::stored::{Asked, Stored};
use crate::error::Error;
use crate::machine::{Machine, Turn};
use crate::session::Graphs;
use crate::session::load::{corrupt, replay_steps, turn_of};
use crate::store::{Head, Snapshot, StepKind, StepRecord, TurnRecord};

/// How many records are read at once when a run's history is walked through.
const PAGE: u64 = 256;

impl RunHandle {
    /// The machine of a run after `step`, except for its frontier, which the
    /// record of that step has; and the graphs of the run.
    pub(super) fn past<'a>(
        &'a self,
        head: &'a Head,
        step: u64,
    ) -> Asked<'a, (Machine, StepRecord, Graphs)> {
        Box::pin(async move {
            let Past {
                snapshot,
                steps,
                last,
                graphs,
            } = self.at.past(head, step).await?;
            let (machine, _) = replay_steps(
                &self.core.blueprint,
                head,
                snapshot.as_ref(),
                &steps,
                &graphs,
            )?;
            Ok((machine, last, graphs))
        })
    }
}

/// What a run was after one of its steps, as it is stored.
pub(super) struct Past {
    snapshot: Option<Snapshot>,
    /// From the snapshot's step on.
    steps: Vec<StepRecord>,
    last: StepRecord,
    graphs: Graphs,
}

impl Stored {
    pub(super) fn past<'a>(&'a self, head: &'a Head, step: u64) -> Asked<'a, Past> {
        Box::pin(async move {
            if step > head.step {
                return Err(Error::StepNotFound {
                    run: head.run.clone(),
                    step,
                    last: head.step,
                });
            }
            let mut pruned = head.pruned;
            loop {
                let (snapshot, steps) = self.steps_up_to(head, step).await?;
                if let Some(last) = steps.last().filter(|last| last.step == step) {
                    return Ok(Past {
                        last: last.clone(),
                        graphs: self.compared(head, steps[0].step).await?,
                        snapshot,
                        steps,
                    });
                }
                // Steps may be pruned while they are being read.
                let now = self.head().await?.pruned;
                if now == pruned {
                    return Err(missing(head, step, pruned));
                }
                pruned = now;
            }
        })
    }

    /// The newest whole state at or before `step`, if it is a snapshot, and the
    /// steps from there on; none if they do not begin there.
    async fn steps_up_to(
        &self,
        head: &Head,
        step: u64,
    ) -> Result<(Option<Snapshot>, Vec<StepRecord>), Error> {
        let own = head.first_own_step();
        let start = if step < own { 0 } else { own };
        let snapshot = self.snapshot(step).await?;
        // What a fork begins with is newer than any snapshot of its origin.
        let snapshot = snapshot.filter(|snapshot| snapshot.step >= start);
        let from = snapshot.as_ref().map_or(start, |snapshot| snapshot.step);
        let mut steps = self.steps(from, step).await?;
        if steps.first().is_none_or(|first| first.step != from) {
            steps.clear();
        }
        Ok((snapshot, steps))
    }

    /// The turn that `step` belongs to, which is known also where its steps are pruned. Of
    /// corrections only those that are left count.
    pub(super) fn turn_at<'a>(&'a self, head: &'a Head, step: u64) -> Asked<'a, Turn> {
        Box::pin(async move {
            if head.counted_from <= step {
                return Ok(turn_of(head));
            }
            let turns = self.turns().await?;
            let (begun, later) = turns.split_at(turns.partition_point(|turn| turn.step <= step));
            let number = later
                .first()
                .map_or(head.turn, |next| next.turn.saturating_sub(1));
            let first = TurnRecord::new(0, 0);
            let turn = begun.last().unwrap_or(&first);
            // Of pruned turns without a token a database of an older schema knows nothing.
            let began = match turn.turn == number {
                true => turn.step,
                false => head.pruned.min(step),
            };
            Ok(Turn {
                number,
                step: began,
                counted_from: self.counted_from(began, step).await?,
            })
        })
    }

    /// The last correction in the steps behind `first` up to `last`, else `first`.
    async fn counted_from(&self, first: u64, last: u64) -> Result<u64, Error> {
        let mut to = last;
        while to > first {
            let from = to.saturating_sub(PAGE).max(first + 1);
            let page = self.steps(from, to).await?;
            let is_correction = |record: &&StepRecord| record.kind == StepKind::Update;
            if let Some(correction) = page.iter().rev().find(is_correction) {
                return Ok(correction.step);
            }
            to = from - 1;
        }
        Ok(first)
    }
}

fn missing(head: &Head, step: u64, pruned: u64) -> Error {
    if step < pruned {
        return Error::Pruned {
            run: head.run.clone(),
            step,
            first: pruned,
        };
    }
    let reason = "it, or what it stands on, is missing";
    corrupt(head, format!("step {step}"), reason.into())
}
