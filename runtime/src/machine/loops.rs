//! Finds provable endless loops: the same frontier again with the same state,
//! while only closed nodes ran, so that nothing from outside can end it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::encode::{self, EncodeError};
use crate::graph::{GraphInfo, NodeId};
use crate::hash::{Digest, Hasher};
use crate::machine::Task;
use crate::state::State;

/// After this many recurrences of a frontier, states are compared only around
/// powers of two, so that a long loop that does change the state stays cheap.
const ALWAYS: u64 = 16;

/// Watches the frontiers of a run.
#[derive(Debug)]
pub(crate) struct LoopWatch {
    info: &'static GraphInfo,
    /// The nodes from which a walk over closed nodes alone comes back. Where
    /// there are none, which is the rule, watching costs nothing.
    circles: Option<Circles>,
    seen: HashMap<Digest, Seen>,
    changes: u64,
    /// The last step may have left something in an ephemeral field that the
    /// state's encoding skips, so that equal encodings prove nothing.
    hidden: bool,
}

/// One frontier that occurred since the last task that was not closed.
#[derive(Debug, Default)]
struct Seen {
    times: u64,
    /// Number of changes to the state at its last occurrence.
    changes: u64,
    states: Vec<Digest>,
}

impl LoopWatch {
    pub(crate) fn new(info: &'static GraphInfo, circles: Option<Circles>) -> Self {
        Self {
            info,
            circles,
            seen: HashMap::new(),
            changes: 0,
            hidden: false,
        }
    }

    /// Starts over: something from outside changed the run.
    pub(crate) fn reset(&mut self) {
        self.seen.clear();
    }

    /// Notes that the state may have changed, and whether in a way that does
    /// not show in its encoding.
    pub(crate) fn changed(&mut self, hidden: bool) {
        self.changes += 1;
        self.hidden = hidden;
    }

    /// Whether `frontier` could be part of an endless loop at all. If a task
    /// in it is not closed, what was seen before proves nothing any more.
    pub(crate) fn is_watching<I>(&mut self, frontier: &[Task<I>]) -> bool {
        let Some(circles) = &self.circles else {
            return false;
        };
        let closed = frontier
            .iter()
            .all(|task| self.info.nodes[task.node as usize].closed);
        if !closed {
            self.seen.clear();
        }
        closed && !self.hidden && frontier.iter().any(|task| circles[task.node as usize])
    }

    /// Notes a frontier (the hash of its nodes, inputs, join arrivals and
    /// deferred tasks) and its state; whether both were there before.
    pub(crate) fn recurs(
        &mut self,
        frontier: Digest,
        state: &impl State,
    ) -> Result<bool, EncodeError> {
        let changes = self.changes;
        let seen = self.seen.entry(frontier).or_default();
        seen.times += 1;
        let unchanged = seen.times > 1 && seen.changes == changes;
        seen.changes = changes;
        if !unchanged {
            if !is_compared(seen.times) {
                return Ok(false);
            }
            let state = Hasher::new().part(encode::to_string(state)?).finish();
            if !seen.states.contains(&state) {
                seen.states.push(state);
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_compared(times: u64) -> bool {
    let power = 1 << times.ilog2();
    times <= ALWAYS || times - power < 2
}

/// For each node, whether it lies on a circle of closed nodes, or between two.
pub(crate) type Circles = Arc<[bool]>;

/// The closed circles of a graph, if it has any.
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
    // A node is on a circle if taking away, again and again, what has no
    // way in or no way out does not take it away.
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
