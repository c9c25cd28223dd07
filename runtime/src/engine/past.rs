//! A run as it stood after one of its steps.

use super::handle::RunHandle;
use super::stored::Stored;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{Machine, Turn};
use crate::session::Graphs;
use crate::session::load::{corrupt, replay_steps, turn_of};
use crate::store::{Head, Snapshot, StepKind, StepRecord};

/// How many records are read at once when a run's history is walked through.
const PAGE: u64 = 256;

impl<G: Graph> RunHandle<G> {
    /// The machine of a run after `step`, except for its frontier, which the
    /// record of that step has; and the graphs of the run.
    pub(super) async fn past(
        &self,
        head: &Head,
        step: u64,
    ) -> Result<(Machine<G>, StepRecord, Graphs), Error> {
        if step > head.step {
            return Err(Error::StepNotFound {
                run: head.run.clone(),
                step,
                last: head.step,
            });
        }
        let mut pruned = head.pruned;
        loop {
            let (snapshot, steps) = steps_up_to(&self.at, head, step).await?;
            if let Some(last) = steps.last().filter(|last| last.step == step) {
                let last = last.clone();
                let graphs = self.graphs(head, steps[0].step).await?;
                let (machine, _) = replay_steps(
                    &self.core.blueprint,
                    head,
                    snapshot.as_ref(),
                    &steps,
                    &graphs,
                )?;
                return Ok((machine, last, graphs));
            }
            // Steps may be pruned while they are being read.
            let now = self.head().await?.pruned;
            if now == pruned {
                return Err(missing(head, step, pruned));
            }
            pruned = now;
        }
    }

    /// The turn that `step` belongs to.
    ///
    /// Steps in between may be pruned, with turns among them. Then the number is
    /// too high, but it only has to be new for the next turn.
    pub(super) async fn turn_at(&self, head: &Head, step: u64) -> Result<Turn, Error> {
        let mut number = head.turn;
        let mut counted_from = None;
        let mut to = head.counted_from;
        if to <= step {
            return Ok(turn_of(head));
        }
        // What came from outside after the turn had begun: corrections, turns.
        while to > 0 {
            let from = to.saturating_sub(PAGE);
            let page = self.at.steps(from, to).await?;
            for record in page.iter().rev() {
                let is_turn = record.kind == StepKind::Turn;
                if record.step <= step && (is_turn || record.kind == StepKind::Update) {
                    counted_from.get_or_insert(record.step);
                }
                if is_turn && record.step <= step {
                    let (step, counted_from) = (record.step, counted_from.unwrap_or(record.step));
                    return Ok(Turn {
                        number,
                        step,
                        counted_from,
                    });
                }
                number = number.saturating_sub(u64::from(is_turn));
            }
            to = from.saturating_sub(1);
        }
        let first = if number == 0 {
            0
        } else {
            head.pruned.min(step)
        };
        let counted_from = counted_from.unwrap_or(first);
        Ok(Turn {
            number,
            step: first,
            counted_from,
        })
    }
}

/// The newest whole state at or before `step`, if it is a snapshot, and the
/// steps from there on; none if they do not begin there.
async fn steps_up_to(
    at: &Stored,
    head: &Head,
    step: u64,
) -> Result<(Option<Snapshot>, Vec<StepRecord>), Error> {
    let own = head.origin.as_ref().map_or(0, |origin| origin.step + 1);
    let start = if step < own { 0 } else { own };
    let snapshot = at.snapshot(step).await?;
    // What a fork begins with is newer than any snapshot of its origin.
    let snapshot = snapshot.filter(|snapshot| snapshot.step >= start);
    let from = snapshot.as_ref().map_or(start, |snapshot| snapshot.step);
    let mut steps = at.steps(from, step).await?;
    if steps.first().is_none_or(|first| first.step != from) {
        steps.clear();
    }
    Ok((snapshot, steps))
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
