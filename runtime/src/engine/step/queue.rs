//! Which task of a step is next: frontier order, and never more than
//! `max_per_node` of one node. At most `depth` tasks wait in the queue; the others are
//! admitted in frontier order as those start.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::graph::NodeId;

/// The tasks of a step that have not started, by position in the frontier.
#[derive(Debug)]
pub(super) enum Queue {
    /// No limit by node: one after the other. Those in the queue are simply the next ones.
    InOrder {
        open: Box<[usize]>,
        next: AtomicUsize,
        depth: usize,
        again: Again,
    },
    /// One lane for each node.
    ByNode {
        lanes: Mutex<Lanes>,
        limit: usize,
        depth: usize,
    },
}

/// Tasks that are to start once more.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// Looked at before the lock is taken: as a rule there are none.
    count: AtomicUsize,
    positions: Mutex<VecDeque<usize>>,
}

impl Again {
    fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    fn positions(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, position: usize) {
        let mut positions = self.positions();
        positions.push_back(position);
        self.count.store(positions.len(), Ordering::Release);
    }

    fn pop(&self) -> Option<usize> {
        if self.len() == 0 {
            return None;
        }
        let mut positions = self.positions();
        let first = positions.pop_front();
        self.count.store(positions.len(), Ordering::Release);
        first
    }
}

#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// How many wait in them.
    queued: usize,
    /// Those that are not admitted yet.
    outside: VecDeque<(usize, NodeId)>,
}

#[derive(Debug)]
struct Lane {
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
        depth: usize,
    ) -> Self {
        let Some(limit) = max_per_node else {
            let open = tasks.map(|(position, _)| position).collect();
            return Self::InOrder {
                open,
                next: AtomicUsize::new(0),
                again: Again::default(),
                depth,
            };
        };
        let mut lanes = Lanes {
            lanes: Vec::new(),
            queued: 0,
            outside: tasks.collect(),
        };
        lanes.admit(depth);
        Self::ByNode {
            lanes: Mutex::new(lanes),
            limit,
            depth,
        }
    }

    /// How many have not started.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::InOrder {
                open, next, again, ..
            } => again.len() + open.len().saturating_sub(next.load(Ordering::Relaxed)),
            Self::ByNode { lanes, .. } => {
                let lanes = lock(lanes);
                lanes.queued + lanes.outside.len()
            }
        }
    }

    /// The next task to be admitted, if the queue is full.
    pub(super) fn outside(&self) -> Option<usize> {
        match self {
            Self::InOrder {
                open, next, depth, ..
            } => {
                let at = next.load(Ordering::Relaxed).checked_add(*depth)?;
                open.get(at).copied()
            }
            Self::ByNode { lanes, .. } => {
                let lanes = lock(lanes);
                lanes.outside.front().map(|(position, _)| *position)
            }
        }
    }

    /// Starts the first task in the queue whose node is below its limit.
    pub(super) fn start(&self) -> Option<Started> {
        match self {
            Self::InOrder {
                open, next, again, ..
            } => {
                let position = match again.pop() {
                    Some(position) => position,
                    None => *open.get(next.fetch_add(1, Ordering::Relaxed))?,
                };
                Some(Started { position, lane: 0 })
            }
            Self::ByNode {
                lanes,
                limit,
                depth,
            } => {
                let mut lanes = lock(lanes);
                let started = lanes.start(*limit)?;
                lanes.admit(*depth);
                Some(started)
            }
        }
    }

    /// A task that has stopped to wait is to start once more, before those that have not started.
    pub(super) fn again(&self, position: usize, node: NodeId) {
        match self {
            Self::InOrder { again, .. } => again.push(position),
            Self::ByNode { lanes, .. } => {
                let mut lanes = lock(lanes);
                lanes.queued += 1;
                lanes.lane(node).waiting.push_front(position);
            }
        }
    }

    /// Whether the node of a started task is below its limit.
    pub(super) fn has_room(&self, started: Started) -> bool {
        match self {
            Self::InOrder { .. } => true,
            Self::ByNode { lanes, limit, .. } => lock(lanes).lanes[started.lane].running < *limit,
        }
    }

    /// A started task that had stepped aside works again, if its node is below its limit.
    pub(super) fn go_on(&self, started: Started) -> bool {
        let Self::ByNode { lanes, limit, .. } = self else {
            return true;
        };
        let lane = &mut lock(lanes).lanes[started.lane];
        let has_room = lane.running < *limit;
        lane.running += usize::from(has_room);
        has_room
    }

    /// A started task has finished, or has stepped aside.
    pub(super) fn finish(&self, started: Started) {
        if let Self::ByNode { lanes, .. } = self {
            lock(lanes).lanes[started.lane].running -= 1;
        }
    }
}

fn lock(lanes: &Mutex<Lanes>) -> MutexGuard<'_, Lanes> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lanes {
    fn admit(&mut self, depth: usize) {
        while self.queued < depth
            && let Some((position, node)) = self.outside.pop_front()
        {
            self.queued += 1;
            self.lane(node).waiting.push_back(position);
        }
    }

    /// The lane of a node; they keep their places.
    fn lane(&mut self, node: NodeId) -> &mut Lane {
        let known = self.lanes.iter().position(|lane| lane.node == node);
        let at = known.unwrap_or_else(|| {
            self.lanes.push(Lane {
                node,
                waiting: VecDeque::new(),
                running: 0,
            });
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }

    fn start(&mut self, limit: usize) -> Option<Started> {
        let free = (self.lanes.iter().enumerate()).filter(|(_, lane)| lane.running < limit);
        let first = free.filter_map(|(index, lane)| Some((*lane.waiting.front()?, index)));
        let (position, lane) = first.min()?;
        self.lanes[lane].running += 1;
        self.lanes[lane].waiting.pop_front();
        self.queued -= 1;
        Some(Started { position, lane })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(nodes: &[NodeId], limit: Option<usize>) -> Queue {
        deep(nodes, limit, usize::MAX)
    }

    fn deep(nodes: &[NodeId], limit: Option<usize>, depth: usize) -> Queue {
        Queue::new(nodes.iter().copied().enumerate(), limit, depth)
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
    #[test]
    fn who_is_outside_is_admitted_when_another_starts() {
        for limit in [None, Some(9)] {
            let queue = deep(&[5, 5, 5, 5], limit, 2);
            assert_eq!(queue.outside(), Some(2));
            queue.start().unwrap();
            assert_eq!((queue.outside(), queue.len()), (Some(3), 3));
            queue.start().unwrap();
            assert_eq!((queue.outside(), queue.len()), (None, 2));
            assert_eq!(drain(&queue), [2, 3]);
        }
    }

    #[test]
    fn only_what_is_admitted_starts() {
        let queue = deep(&[5, 5, 5, 3], Some(1), 2);
        let first = queue.start().unwrap();
        // The other node has room, and its task is outside.
        assert_eq!((queue.start(), queue.outside()), (None, Some(3)));
        queue.finish(first);
        assert_eq!(drain(&queue), [1, 3]);
        assert_eq!(queue.outside(), None);
    }
}
