use std::time::Duration;

use serde::Serialize;

use super::Status;

/// What [`Store::prune`](crate::store::Store::prune) and
/// [`Engine::prune`](crate::Engine::prune) drop.
///
/// A run that another one branched off from is kept as long as that one, and so
/// are the steps that are its history.
///
/// ```
/// use std::time::Duration;
/// use superstep::{Status, store::Prune};
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
///
/// // Finished runs that nobody has touched for a month, except the newest hundred.
/// let runs = Prune::runs().older_than(30 * DAY).keep_newest(100);
/// // Failed runs after a year, too.
/// let failed = Prune::runs().statuses([Status::Failed]).older_than(365 * DAY);
/// // The early steps of every run that has not moved since yesterday.
/// let steps = Prune::history().older_than(DAY);
/// # assert_eq!((runs.keep_newest, failed.statuses.len(), steps.older_than), (100, 1, DAY));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prune {
    /// Which part of them.
    pub what: Pruning,
    /// Only runs of this graph.
    pub graph: Option<String>,
    /// Only runs with one of these statuses. A run under a live lease is always left alone.
    pub statuses: Vec<Status>,
    /// Only runs whose head has not moved for this long, by the store's clock.
    pub older_than: Duration,
    /// Of the runs that match all of this, keep this many: those whose heads moved last.
    pub keep_newest: usize,
}

impl Prune {
    /// Finished runs of any age: those that are completed, or cancelled, which no run is yet.
    pub fn runs() -> Self {
        Self::of(Pruning::Run, [Status::Completed, Status::Cancelled])
    }

    /// The steps before the newest snapshot, of runs of any age and
    /// status. A run without a snapshot keeps its steps;
    /// [`Engine::snapshot`](crate::Engine::snapshot) writes one.
    pub fn history() -> Self {
        Self::of(Pruning::History, Status::ALL)
    }

    fn of(what: Pruning, statuses: impl Into<Vec<Status>>) -> Self {
        Self {
            what,
            graph: None,
            statuses: statuses.into(),
            older_than: Duration::ZERO,
            keep_newest: 0,
        }
    }

    /// Only runs of the graph with that name.
    #[must_use]
    pub fn graph(mut self, name: impl Into<String>) -> Self {
        self.graph = Some(name.into());
        self
    }

    /// Only runs that have not moved for this long, by the store's clock.
    #[must_use]
    pub const fn older_than(mut self, age: Duration) -> Self {
        self.older_than = age;
        self
    }

    /// Only runs with one of these statuses, replacing those set before.
    #[must_use]
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = Status>) -> Self {
        self.statuses = statuses.into_iter().collect();
        self
    }

    /// Of the runs that match all the rest, keeps this many: those that
    /// moved last.
    #[must_use]
    pub const fn keep_newest(mut self, runs: usize) -> Self {
        self.keep_newest = runs;
        self
    }
}

/// Which part of a run is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pruning {
    /// Everything, including undelivered events.
    Run,
    /// The steps between the input, or the step that began a fork, and the
    /// newest snapshot, with their effects, their questions and their labels.
    History,
}

/// What [`Store::prune`](crate::store::Store::prune) dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// How many runs were dropped, or had steps dropped.
    pub runs: u64,
    /// How many steps.
    pub steps: u64,
}

impl Pruned {
    /// These counts.
    pub const fn new(runs: u64, steps: u64) -> Self {
        Self { runs, steps }
    }
}
