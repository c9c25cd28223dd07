//! Finds provable endless loops: the same frontier again with the same state,
//! while only closed nodes ran, so that nothing from outside can end it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::encode::EncodeError;
use crate::erased::AnyState;
use crate::graph::{GraphInfo, NodeId};
use crate::hash::{Digest, Hasher};
use crate::machine::Task;

/// This many first recurrences compare states. Later ones do so around powers
/// of two, so that a long loop that does change the state stays cheap.
const ALWAYS: u64 = 16;

/// How many frontiers whose tasks carry inputs are remembered. A graph has a limited
/// number without; those with inputs may differ in every round.
const WITH_INPUTS: usize = 1_024;

/// Watches the frontiers of a run.
#[derive(Debug)]
pub(crate) struct LoopWatch {
    info: &'static GraphInfo,
    /// The nodes from which a walk over closed nodes alone comes back. If
    /// there are none, as usual, watching costs nothing.
    circles: Option<Circles>,
    /// The frontiers that occurred since the last task that was not closed.
    seen: HashMap<Shape, Seen>,
    /// Those of them that carry inputs, the oldest first.
    with_inputs: VecDeque<Shape>,
    /// How often they recurred, all counted together: a loop of many
    /// frontiers compares no more than one of few.
    recurrences: u64,
    changes: u64,
    /// The last step may have left something in an ephemeral field that the
    /// state's encoding skips, so that equal encodings prove nothing.
    hidden: bool,
}

/// A frontier without its keys, which differ in every round.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Shape {
    /// One task without an input, and nothing that waits: the usual case in a loop, which is
    /// spared the hash.
    Lone(NodeId),
    /// The hash of all its nodes, inputs, join arrivals and deferred tasks.
    Other(Digest),
}

/// One frontier that occurred.
#[derive(Debug)]
struct Seen {
    /// Number of changes to the state at its last occurrence.
    changes: u64,
    /// The state was noted last time, to be compared with the next one.
    is_noted: bool,
    states: Vec<Digest>,
}

impl LoopWatch {
    pub(crate) fn new(info: &'static GraphInfo, circles: Option<Circles>) -> Self {
        Self {
            info,
            circles,
            seen: HashMap::new(),
            with_inputs: VecDeque::new(),
            recurrences: 0,
            changes: 0,
            hidden: false,
        }
    }

    /// Starts over: something from outside changed the run.
    pub(crate) fn reset(&mut self) {
        self.seen.clear();
        self.with_inputs.clear();
        self.recurrences = 0;
    }

    /// Notes that the state may have changed, and whether in a way that does
    /// not show in its encoding.
    pub(crate) fn changed(&mut self, hidden: bool) {
        self.changes += 1;
        self.hidden = hidden;
    }

    /// Whether `frontier` could be part of an endless loop at all. If a task
    /// in it is not closed, what was seen before proves nothing any more.
    pub(crate) fn is_watching(&mut self, frontier: &[Task]) -> bool {
        let Some(circles) = &self.circles else {
            return false;
        };
        let closed = frontier
            .iter()
            .all(|task| self.info.nodes[task.node as usize].closed);
        let is_circling = closed && frontier.iter().any(|task| circles[task.node as usize]);
        if !closed {
            self.reset();
        }
        is_circling && !self.hidden
    }

    /// Notes a frontier and its state; returns whether both occurred before.
    pub(crate) fn recurs(
        &mut self,
        frontier: Shape,
        has_inputs: bool,
        state: &dyn AnyState,
    ) -> Result<bool, EncodeError> {
        let changes = self.changes;
        let Some(seen) = self.seen.get_mut(&frontier) else {
            self.note_first(frontier, has_inputs, state)?;
            return Ok(false);
        };
        if std::mem::replace(&mut seen.changes, changes) == changes {
            return Ok(true);
        }
        self.recurrences += 1;
        let is_due = self.recurrences <= ALWAYS || self.recurrences.is_power_of_two();
        if !std::mem::replace(&mut seen.is_noted, is_due) && !is_due {
            return Ok(false);
        }
        let state = digest(state)?;
        let was_there = seen.states.contains(&state);
        if !was_there {
            seen.states.push(state);
        }
        Ok(was_there)
    }

    /// A frontier that occurs for the first time. One with inputs may never
    /// come again, so its state is noted at its first recurrence only.
    fn note_first(
        &mut self,
        frontier: Shape,
        has_inputs: bool,
        state: &dyn AnyState,
    ) -> Result<(), EncodeError> {
        let states = if has_inputs {
            if self.with_inputs.len() == WITH_INPUTS
                && let Some(oldest) = self.with_inputs.pop_front()
            {
                self.seen.remove(&oldest);
            }
            self.with_inputs.push_back(frontier);
            Vec::new()
        } else {
            vec![digest(state)?]
        };
        let seen = Seen {
            changes: self.changes,
            is_noted: !has_inputs,
            states,
        };
        self.seen.insert(frontier, seen);
        Ok(())
    }
}

fn digest(state: &dyn AnyState) -> Result<Digest, EncodeError> {
    Ok(Hasher::new().part(state.to_text()?).finish())
}

/// For each node, whether it lies on a cycle of closed nodes, or between two.
pub(crate) type Circles = Arc<[bool]>;

/// The closed cycles of a graph, if it has any.
pub(crate) fn closed_circles(info: &GraphInfo) -> Option<Circles> {
    let count = info.nodes.len();
    let mut next: Vec<Vec<NodeId>> = vec![Vec::new(); count];
    for edge in info.edges {
        let closed = |node: NodeId| {
            info.nodes
                .get(node as usize)
                .is_some_and(|node| node.closed)
        };
        if closed(edge.from) && closed(edge.to) {
            next[edge.from as usize].push(edge.to);
        }
    }
    // A node is on a cycle if it remains when nodes with no
    // way in or no way out are removed again and again.
    let mut alive = vec![true; count];
    loop {
        let mut entered = vec![false; count];
        for (targets, _) in next.iter().zip(&alive).filter(|(_, alive)| **alive) {
            targets
                .iter()
                .for_each(|target| entered[*target as usize] = true);
        }
        let before = alive.iter().filter(|alive| **alive).count();
        for node in 0..count {
            let leaves = next[node].iter().any(|target| alive[*target as usize]);
            alive[node] &= leaves && entered[node];
        }
        if alive.iter().filter(|alive| **alive).count() == before {
            return alive.contains(&true).then(|| alive.into());
        }
    }
}
