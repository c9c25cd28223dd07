use super::Status;

/// Which runs are listed: all by default.
///
/// ```
/// use superstep::{Status, store::RunFilter};
///
/// let to_look_at = RunFilter::new()
///     .graph("Researcher")
///     .status(Status::Interrupted)
///     .status(Status::Failed);
/// # assert_eq!(to_look_at.statuses.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunFilter {
    /// Only runs of the graph with this name.
    pub graph: Option<String>,
    /// Only runs with one of these statuses; with any if there is none.
    pub statuses: Vec<Status>,
}

impl RunFilter {
    /// All runs.
    pub const fn new() -> Self {
        Self {
            graph: None,
            statuses: Vec::new(),
        }
    }

    /// Only runs of the graph with that name.
    #[must_use]
    pub fn graph(mut self, name: impl Into<String>) -> Self {
        self.graph = Some(name.into());
        self
    }

    /// Only runs with this status; called again, with one of those given.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.statuses.push(status);
        self
    }
}
