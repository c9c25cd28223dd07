//! What can be set, in one place.

use serde::{Deserialize, Serialize};

/// What happens when two tasks of one step write different values to a field
/// whose reducer does not combine them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// The step fails with `Error::MergeConflict` and nothing of it is
    /// committed. The default.
    #[default]
    Fail,
    /// The write that comes last in merge order stands.
    LastWriterWins,
}
