//! Which task of a step is next: frontier order, and never more than
//! `max_per_node` of one node.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::graph::NodeId;

/// The tasks of a step that have not started, by position in the frontier.
#[derive(Debug)]
pub(super) enum Queue {
    /// No limit by node: one after the other.
    InOrder {
        open: Box<[usize]>,
        next: AtomicUsize,
    },
    /// One lane for each node.
    ByNode {
        lanes: Mutex<Vec<Lane>>,
        limit: usize,
    },
}

#[derive(Debug)]
pub(super) struct Lane {
    node: NodeId,
    waiting: VecDeque<usize>,
    running: usize,
}

/// A started task: its position in the frontier, and its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) position: usize,
    lane: usize,
}

impl Queue {
    pub(super) fn new(
        tasks: impl Iterator<Item = (usize, NodeId)>,
        max_per_node: Option<usize>,
    ) -> Self {
        let Some(limit) = max_per_node else {
            let open = tasks.map(|(position, _)| position).collect();
            return Self::InOrder {
                open,
                next: AtomicUsize::new(0),
            };
        };
        let mut lanes: Vec<Lane> = Vec::new();
        for (position, node) in tasks {
            match lanes.iter_mut().find(|lane| lane.node == node) {
                Some(lane) => lane.waiting.push_back(position),
                None => {
                    lanes.push(Lane {
                        node,
                        waiting: VecDeque::from([position]),
                        running: 0,
                    });
                }
            }
        }
        Self::ByNode {
            lanes: Mutex::new(lanes),
            limit,
        }
    }

    /// How many have not started.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::InOrder { open, next } => open.len().saturating_sub(next.load(Ordering::Relaxed)),
            Self::ByNode { lanes, .. } => lock(lanes).iter().map(|lane| lane.waiting.len()).sum(),
        }
    }

    /// Starts the first task in frontier order whose node is below its limit.
    pub(super) fn start(&self) -> Option<Started> {
        match self {
            Self::InOrder { open, next } => {
                let position = *open.get(next.fetch_add(1, Ordering::Relaxed))?;
                Some(Started { position, lane: 0 })
            }
            Self::ByNode { lanes, limit } => start_in_lane(&mut lock(lanes), *limit),
        }
    }

    /// A started task has finished.
    pub(super) fn finish(&self, started: Started) {
        if let Self::ByNode { lanes, .. } = self {
            lock(lanes)[started.lane].running -= 1;
        }
    }
}

fn lock(lanes: &Mutex<Vec<Lane>>) -> MutexGuard<'_, Vec<Lane>> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start_in_lane(lanes: &mut [Lane], limit: usize) -> Option<Started> {
    let free = lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| lane.running < limit);
    let first = free.filter_map(|(index, lane)| Some((*lane.waiting.front()?, index)));
    let (position, lane) = first.min()?;
    lanes[lane].running += 1;
    lanes[lane].waiting.pop_front();
    Some(Started { position, lane })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(nodes: &[NodeId], limit: Option<usize>) -> Queue {
        Queue::new(nodes.iter().copied().enumerate(), limit)
    }

    fn drain(queue: &Queue) -> Vec<usize> {
        std::iter::from_fn(|| queue.start().map(|started| started.position)).collect()
    }

    #[test]
    fn tasks_start_in_frontier_order() {
        let queue = queue(&[5, 3, 5, 1], None);
        assert_eq!(queue.len(), 4);
        assert_eq!(drain(&queue), [0, 1, 2, 3]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_full_node_is_passed_over_until_one_of_its_tasks_finishes() {
        let queue = queue(&[5, 5, 3, 5], Some(1));
        let first = queue.start().unwrap();
        assert_eq!(first.position, 0);
        assert_eq!(drain(&queue), [2]);
        queue.finish(first);
        assert_eq!(drain(&queue), [1]);
        assert_eq!(queue.len(), 1);
    }
}
