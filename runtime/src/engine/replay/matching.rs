//! How a record and today's graph are matched.

use crate::encode::DecodeError;
use crate::hash::Digest;
use crate::machine::Machine;
use crate::store::StepRecord;

/// What comes next differs from the record.
pub(crate) struct Other {
    /// The key of the task that the first difference follows from, if there is one.
    pub(crate) parent: Option<Digest>,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// By number where the graph is the same, by name where it may have changed.
pub(crate) trait Matching: Send + Sync {
    /// Before a step: makes the machine's frontier that after the step `before`, if it
    /// is not there by itself.
    fn prepare(&self, machine: &mut Machine, before: &StepRecord) -> Result<(), DecodeError>;

    /// A recorded update as today's program would write it.
    fn recorded_update(&self, update: &str) -> Result<String, DecodeError>;

    /// A route that `record` has, as text: edges, and how many tasks each.
    fn recorded_route(&self, record: &StepRecord, to: &[(u32, u64)]) -> String;

    /// The same for a route that was taken now.
    fn route(&self, to: &[(u32, u64)]) -> String;

    /// After a step: what comes next, if it is not what `record` says.
    fn follows(
        &self,
        machine: &mut Machine,
        record: &StepRecord,
    ) -> Result<Option<Other>, DecodeError>;
}
