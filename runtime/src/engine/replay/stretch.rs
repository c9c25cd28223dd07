//! Which turns of a run are of this graph.

use std::sync::Arc;

use super::super::compatible::{lived_in, stored_graph};
use super::super::handle::RunHandle;
use crate::erased::{Program, SharedState};
use crate::error::Error;
use crate::machine::Blueprint;
use crate::options::ConflictPolicy;
use crate::run::SkippedTurn;
use crate::session::load::replay_steps;
use crate::store::{Head, Store, StoreExt, TurnRecord};

/// Consecutive turns, all of whose steps are of this graph.
#[derive(Debug)]
pub(super) struct Stretch {
    /// The number of the first of them.
    pub(super) turn: u64,
    pub(super) first: u64,
    pub(super) end: u64,
    /// The last of them.
    pub(super) last: TurnRecord,
}

impl Stretch {
    /// The step before, if it is not the run's beginning.
    pub(super) const fn before(&self) -> Option<u64> {
        self.first.checked_sub(1)
    }

    /// The step whose record it begins with, and the turn that it belongs to.
    pub(super) fn base(&self) -> (u64, u64) {
        match self.before() {
            None => (0, 0),
            Some(step) => (step, self.turn.saturating_sub(1)),
        }
    }
}

impl RunHandle {
    /// The turns of a run that are of this graph, and the others.
    pub(super) async fn stretches(
        &self,
        head: &Head,
    ) -> Result<(Vec<Stretch>, Vec<SkippedTurn>), Error> {
        let today = self.at.engine().fingerprint();
        let graphs = self.at.lived(head).await?;
        // A run that has had one graph all along is one stretch, whatever its turns.
        let turns = match head.changed {
            Some(_) => self.at.turns().await?,
            None => Vec::new(),
        };
        let first = TurnRecord::new(0, 0);
        let begun: Vec<TurnRecord> = std::iter::once(first).chain(turns).collect();
        let (mut stretches, mut skipped) = (Vec::<Stretch>::new(), Vec::new());
        for (at, turn) in begun.iter().enumerate() {
            let end = begun
                .get(at + 1)
                .map_or(head.step, |next| next.step.saturating_sub(1));
            let of = graphs.of(turn.step, end);
            if of.iter().any(|graph| *graph != today) {
                skipped.push(SkippedTurn {
                    turn: turn.turn,
                    steps: (turn.step, end),
                    graphs: of,
                });
                continue;
            }
            match stretches.last_mut() {
                Some(last) if last.end + 1 == turn.step => {
                    (last.end, last.last) = (end, turn.clone());
                }
                _ => stretches.push(Stretch {
                    turn: turn.turn,
                    first: turn.step,
                    end,
                    last: turn.clone(),
                }),
            }
        }
        Ok((stretches, skipped))
    }
}

/// The state of a run after `step`, without an engine.
pub(crate) async fn state_after(
    program: &Arc<dyn Program>,
    store: &dyn Store,
    head: &Head,
    step: u64,
) -> Result<SharedState, Error> {
    let said = |error| Error::from_store(&head.run, error);
    let snapshot = store.snapshot(&head.run, step).await.map_err(said)?;
    let own = head.first_own_step();
    let start = if step < own { 0 } else { own };
    let snapshot = snapshot.filter(|snapshot| snapshot.step >= start);
    let from = snapshot.as_ref().map_or(start, |snapshot| snapshot.step);
    let steps = store.all_steps(&head.run, from, step).await.map_err(said)?;
    let mut graphs = lived_in(store, program.info().fingerprint(), head).await?;
    for graph in graphs.others(from) {
        let text = stored_graph(store, head, graph).await?;
        graphs.compare(graph, &program.info().differences(&text));
    }
    let blueprint = Blueprint {
        program: Arc::clone(program),
        circles: None,
        conflict: ConflictPolicy::LastWriterWins,
    };
    let (machine, _) = replay_steps(&blueprint, head, snapshot.as_ref(), &steps, &graphs)?;
    Ok(Arc::clone(machine.state()))
}
