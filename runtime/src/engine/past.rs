//! A run as it stood after one of its steps.

use std::sync::Arc;

use super::core::Core;
use super::load::{corrupt, replay_steps};
use super::migrate::Reducers;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::Machine;
use crate::store::{Head, Snapshot, StepKind, StepRecord, Store};

/// So many records are read at once when a run's history is walked through.
const PAGE: u64 = 256;

impl<G: Graph> Core<G> {
    /// The machine of a run after `step`, but for its frontier, which the
    /// record of that step has.
    pub(super) async fn past(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
        step: u64,
    ) -> Result<(Machine<G>, StepRecord), Error> {
        if step > head.step {
            return Err(Error::StepNotFound {
                run: head.run.clone(),
                step,
                last: head.step,
            });
        }
        let mut pruned = head.pruned;
        loop {
            let (snapshot, steps) = self.steps_up_to(store, head, step).await?;
            if let Some(last) = steps.last().filter(|last| last.step == step) {
                let last = last.clone();
                let reducers = Reducers::of(self, &**store, head).await?;
                let (machine, _) = replay_steps(self, head, snapshot.as_ref(), &steps, &reducers)?;
                return Ok((machine, last));
            }
            // Steps may go while they are being looked at.
            let now = self.head(store, &head.run).await?.pruned;
            if now == pruned {
                return Err(missing(head, step, pruned));
            }
            pruned = now;
        }
    }

    /// The newest whole state at or before `step`, if it is a snapshot, and the
    /// steps from there on; none if they do not begin there.
    async fn steps_up_to(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
        step: u64,
    ) -> Result<(Option<Snapshot>, Vec<StepRecord>), Error> {
        let said = |error| Error::from_store(&head.run, error);
        let own = head.origin.as_ref().map_or(0, |origin| origin.step + 1);
        let start = if step < own { 0 } else { own };
        let snapshot = store.snapshot(&head.run, step).await.map_err(said)?;
        // What a fork begins with is newer than any snapshot of its origin.
        let snapshot = snapshot.filter(|snapshot| snapshot.step >= start);
        let from = snapshot.as_ref().map_or(start, |snapshot| snapshot.step);
        let mut steps = store.steps(&head.run, from, step).await.map_err(said)?;
        if steps.first().is_none_or(|first| first.step != from) {
            steps.clear();
        }
        Ok((snapshot, steps))
    }

    /// The turn that `step` belongs to, and the step that began it.
    ///
    /// Steps between may be pruned, with turns among them. Then the number is
    /// too high, and all that it has to be is new for the next turn.
    pub(super) async fn turn_at(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
        step: u64,
    ) -> Result<(u64, u64), Error> {
        let mut turn = head.turn;
        let mut to = head.turn_step;
        if to <= step {
            return Ok((turn, to));
        }
        while to > 0 {
            let from = to.saturating_sub(PAGE);
            let page = store.steps(&head.run, from, to).await;
            let page = page.map_err(|error| Error::from_store(&head.run, error))?;
            let begun = page
                .iter()
                .rev()
                .filter(|record| record.kind == StepKind::Turn);
            for record in begun {
                if record.step <= step {
                    return Ok((turn, record.step));
                }
                turn = turn.saturating_sub(1);
            }
            to = from.saturating_sub(1);
        }
        let first = if turn == 0 { 0 } else { head.pruned.min(step) };
        Ok((turn, first))
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
    let reason = "it is missing, or what it stands on";
    corrupt(head, format!("step {step}"), reason.into())
}
