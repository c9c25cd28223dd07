//! The graph's arrows, indexed by where they leave and where they arrive.

use crate::graph::model::{END, Kind, Model, NodeId, START};

/// Positions for `start` and `end` after the nodes.
pub(super) struct Arcs {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Edges that leave each position, by number; a join's are at each source.
    pub(super) out: Lists,
    /// Edges that arrive at each position.
    pub(super) into: Lists,
    /// `from` and `to` of each edge, as positions.
    pub(super) from: Vec<usize>,
    pub(super) to: Vec<usize>,
}

/// Lists of numbers end to end: `items[offsets[i]..offsets[i + 1]]` is list `i`.
pub(super) struct Lists {
    offsets: Vec<u32>,
    items: Vec<u32>,
}

impl Arcs {
    pub(super) fn new(model: &Model) -> Self {
        let (start, end) = (model.nodes.len(), model.nodes.len() + 1);
        let position = |node: NodeId| match node {
            START => start,
            END => end,
            node => node as usize,
        };
        let from: Vec<usize> = model.edges.iter().map(|edge| position(edge.from)).collect();
        let to: Vec<usize> = model.edges.iter().map(|edge| position(edge.to)).collect();
        Self {
            start,
            end,
            out: Lists::new(end + 1, &from),
            into: Lists::new(end + 1, &to),
            from,
            to,
        }
    }

    /// What can be reached along `edges` from the positions in `from`, if a join
    /// opens as soon as one source has arrived.
    pub(super) fn forward(
        &self,
        from: impl IntoIterator<Item = usize>,
        take: impl Fn(u32) -> bool,
    ) -> Vec<bool> {
        self.walk(from, &self.out, &self.to, take)
    }

    /// The positions from which one of `to` can be reached.
    pub(super) fn backward(&self, to: impl IntoIterator<Item = usize>) -> Vec<bool> {
        self.walk(to, &self.into, &self.from, |_| true)
    }

    fn walk(
        &self,
        from: impl IntoIterator<Item = usize>,
        lists: &Lists,
        other: &[usize],
        take: impl Fn(u32) -> bool,
    ) -> Vec<bool> {
        let mut seen = vec![false; self.end + 1];
        let mut open: Vec<usize> = from.into_iter().collect();
        for position in &open {
            seen[*position] = true;
        }
        while let Some(position) = open.pop() {
            for edge in lists.of(position).iter().filter(|edge| take(**edge)) {
                let next = other[*edge as usize];
                if !std::mem::replace(&mut seen[next], true) {
                    open.push(next);
                }
            }
        }
        seen
    }

    /// What a run can reach: a join opens when all of its sources have arrived.
    /// Joins for which `opened` holds open by themselves.
    pub(super) fn reached(&self, model: &Model, opened: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut missing: Vec<usize> = model.joins.iter().map(|join| join.sources.len()).collect();
        let mut seen = vec![false; self.end + 1];
        let mut open = vec![self.start];
        seen[self.start] = true;
        let fire = |join: usize, seen: &mut Vec<bool>, open: &mut Vec<usize>| {
            for edge in model.joins[join].edges.clone() {
                let next = self.to[edge as usize];
                if !std::mem::replace(&mut seen[next], true) {
                    open.push(next);
                }
            }
        };
        for join in (0..model.joins.len()).filter(|join| opened(*join)) {
            fire(join, &mut seen, &mut open);
        }
        while let Some(position) = open.pop() {
            for edge in self.out.of(position) {
                let joins = matches!(model.edges[*edge as usize].kind, Kind::Join(_));
                let next = self.to[*edge as usize];
                // A join whose sources are all wrong leaves from `start`.
                if (!joins || position == self.start) && !std::mem::replace(&mut seen[next], true) {
                    open.push(next);
                }
            }
            for join in model
                .nodes
                .get(position)
                .map_or(&[][..], |node| &node.joins)
            {
                missing[*join as usize] -= 1;
                if missing[*join as usize] == 0 {
                    fire(*join as usize, &mut seen, &mut open);
                }
            }
        }
        seen
    }
}

impl Lists {
    /// Sorts the numbers `0..keys.len()` into `lists` lists by their keys.
    fn new(lists: usize, keys: &[usize]) -> Self {
        let mut offsets = vec![0; lists + 1];
        for key in keys {
            offsets[key + 1] += 1;
        }
        for list in 0..lists {
            offsets[list + 1] += offsets[list];
        }
        let mut next = offsets.clone();
        let mut items = vec![0; keys.len()];
        for (item, key) in keys.iter().enumerate() {
            items[next[*key] as usize] = item as u32;
            next[*key] += 1;
        }
        Self { offsets, items }
    }

    pub(super) fn of(&self, list: usize) -> &[u32] {
        &self.items[self.offsets[list] as usize..self.offsets[list + 1] as usize]
    }
}
