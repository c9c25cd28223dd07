//! Which task of a step is next: frontier order, and never more than
//! `max_per_node` of one node.

use std::collections::VecDeque;

use crate::graph::NodeId;

/// The tasks of a step that have not started, by position in the frontier.
#[derive(Debug)]
pub(super) struct Queue {
    /// One lane without a limit, or one for each node with it.
    lanes: Vec<Lane>,
    limit: usize,
}

#[derive(Debug)]
struct Lane {
    node: NodeId,
    waiting: VecDeque<usize>,
    running: usize,
}

impl Queue {
    pub(super) fn new(
        tasks: impl Iterator<Item = (usize, NodeId)>,
        max_per_node: Option<usize>,
    ) -> Self {
        let mut lanes: Vec<Lane> = Vec::new();
        for (position, node) in tasks {
            let lane = match max_per_node {
                None => lanes.first_mut(),
                Some(_) => lanes.iter_mut().find(|lane| lane.node == node),
            };
            match lane {
                Some(lane) => lane.waiting.push_back(position),
                None => lanes.push(Lane {
                    node,
                    waiting: VecDeque::from([position]),
                    running: 0,
                }),
            }
        }
        Self {
            lanes,
            limit: max_per_node.unwrap_or(usize::MAX),
        }
    }

    /// How many have not started.
    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }

    /// Starts the first task in frontier order whose node is below its limit:
    /// its lane and its position.
    pub(super) fn start(&mut self) -> Option<(usize, usize)> {
        let limit = self.limit;
        let (lane, _) = self
            .lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.running < limit)
            .filter_map(|(index, lane)| Some((index, *lane.waiting.front()?)))
            .min_by_key(|(_, position)| *position)?;
        self.lanes[lane].running += 1;
        self.lanes[lane]
            .waiting
            .pop_front()
            .map(|position| (lane, position))
    }

    /// A task of `lane` has finished.
    pub(super) fn finish(&mut self, lane: usize) {
        self.lanes[lane].running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(nodes: &[NodeId], limit: Option<usize>) -> Queue {
        Queue::new(nodes.iter().copied().enumerate(), limit)
    }

    fn drain(queue: &mut Queue) -> Vec<usize> {
        std::iter::from_fn(|| queue.start().map(|(_, position)| position)).collect()
    }

    #[test]
    fn tasks_start_in_frontier_order() {
        assert_eq!(drain(&mut queue(&[5, 3, 5, 1], None)), [0, 1, 2, 3]);
    }

    #[test]
    fn a_full_node_is_passed_over_until_one_of_its_tasks_finishes() {
        let mut queue = queue(&[5, 5, 3, 5], Some(1));
        let (lane, first) = queue.start().unwrap();
        assert_eq!(first, 0);
        assert_eq!(drain(&mut queue), [2]);
        queue.finish(lane);
        assert_eq!(drain(&mut queue), [1]);
        assert_eq!(queue.len(), 1);
    }
}
