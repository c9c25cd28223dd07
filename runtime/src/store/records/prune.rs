use std::time::Duration;

use super::Status;

/// What [`Store::prune`](crate::store::Store::prune) is to drop.
///
/// A run that another one branched off from is kept as long as that one, and so
/// are the steps that are its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// What of them.
    pub what: Pruning,
    /// Only runs of this graph.
    pub graph: Option<String>,
    /// Only runs that stand so. A run under a live lease is always left alone.
    pub statuses: Vec<Status>,
    /// Only runs whose head has not moved for so long, by the store's clock.
    pub older_than: Duration,
    /// Of the runs that all this is true of, keep so many: those whose heads moved last.
    pub keep_newest: usize,
}

/// What of a run is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pruning {
    /// Everything.
    Run,
    /// The steps between the input and the newest snapshot, with their effects,
    /// their answered questions and their labels.
    History,
}

/// What [`Store::prune`](crate::store::Store::prune) dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many runs were dropped, or had steps dropped.
    pub runs: u64,
    /// How many steps.
    pub steps: u64,
}
