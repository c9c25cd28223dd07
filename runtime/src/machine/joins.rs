//! Joins: who has arrived where.

use crate::cx::KeyId;
use crate::graph::{END, GraphInfo, NodeId};

/// The arrivals at every join row of a graph. Set semantics: a source has
/// arrived or it has not; firing clears.
#[derive(Clone, Debug)]
pub(crate) struct Joins {
    info: &'static GraphInfo,
    /// For each join row, for each of its sources in written order: the first
    /// task with which it arrived.
    arrived: Vec<Vec<Option<KeyId>>>,
}

impl Joins {
    pub(crate) fn new(info: &'static GraphInfo) -> Self {
        Self {
            info,
            arrived: info
                .joins
                .iter()
                .map(|join| vec![None; join.sources.len()])
                .collect(),
        }
    }

    /// Notes that `node` arrived at `join`; if that completes it, returns the
    /// arrivals in source order and clears the join.
    pub(crate) fn arrive(&mut self, join: u32, node: NodeId, key: KeyId) -> Option<Box<[KeyId]>> {
        let row = &self.info.joins[join as usize];
        let is_end = |edge: &u32| self.info.edges[*edge as usize].to == END;
        // A join that leads only to `end` cannot be left waiting.
        if row.edges.iter().all(is_end) {
            return None;
        }
        let sources = row.sources;
        let arrived = &mut self.arrived[join as usize];
        for (slot, source) in arrived.iter_mut().zip(sources) {
            if *source == node && slot.is_none() {
                *slot = Some(key);
            }
        }
        let complete: Option<Box<[KeyId]>> = arrived.iter().copied().collect();
        if complete.is_some() {
            arrived.fill(None);
        }
        complete
    }

    /// Forgets every arrival.
    pub(crate) fn clear(&mut self) {
        self.arrived
            .iter_mut()
            .for_each(|sources| sources.fill(None));
    }

    /// The joins that wait: row, and its arrivals as (source, key).
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u32, Vec<(NodeId, KeyId)>)> {
        self.arrived
            .iter()
            .zip(self.info.joins)
            .zip(0..)
            .filter_map(|((arrived, join), row)| {
                let arrivals: Vec<_> = join
                    .sources
                    .iter()
                    .zip(arrived)
                    .filter_map(|(source, key)| Some((*source, (*key)?)))
                    .collect();
                (!arrivals.is_empty()).then_some((row, arrivals))
            })
    }

    pub(crate) fn keys_mut(&mut self) -> impl Iterator<Item = &mut KeyId> {
        self.arrived.iter_mut().flatten().flatten()
    }

    /// For people: which joins wait for whom.
    pub(crate) fn describe(&self) -> String {
        let name = |node: NodeId| format!("`{}`", self.info.node_name(node));
        let rows = self.waiting().map(|(row, arrivals)| {
            let join = &self.info.joins[row as usize];
            let targets: Vec<_> = join
                .edges
                .iter()
                .map(|edge| {
                    format!(
                        "`{}`",
                        self.info.node_name(self.info.edges[*edge as usize].to)
                    )
                })
                .collect();
            let here: Vec<_> = arrivals.iter().map(|(source, _)| name(*source)).collect();
            let missing: Vec<_> = (join.sources.iter())
                .filter(|source| !arrivals.iter().any(|(here, _)| here == *source))
                .map(|source| name(*source))
                .collect();
            format!(
                "the join into {} has {} and still waits for {}, which can no longer run; \
                 where one way may not be taken, collect with `defer` instead of a join",
                targets.join(", "),
                here.join(", "),
                missing.join(", ")
            )
        });
        rows.collect::<Vec<_>>().join("; ")
    }
}
