//! What goes wrong in a step, as the run's error.

use crate::error::Error;
use crate::machine::StepError;
use crate::panics::caught;

/// Merges with the user's reducers, whose panics are errors of the step.
pub(crate) fn catch_reducers(
    merge: impl FnOnce() -> Result<(), StepError>,
) -> Result<(), StepError> {
    caught(merge).unwrap_or_else(|panic| {
        let message = format!("a reducer panicked: {panic}");
        Err(StepError::Reduce {
            field: "?",
            message,
        })
    })
}

/// What the engine says of a step that could not be merged.
pub(crate) fn step_error(run: &str, step: u64, error: StepError) -> Error {
    let run = run.to_owned();
    match error {
        StepError::Conflict { field, nodes } => Error::MergeConflict {
            run,
            step,
            field,
            nodes,
        },
        StepError::Undeclared { field, node } => Error::UndeclaredWrite {
            run,
            step,
            node,
            field,
        },
        StepError::Reduce { field, message } => Error::MergeFailed {
            run,
            step,
            field,
            message,
        },
        StepError::Encode(source) => Error::NotRoundTrip { run, step, source },
        StepError::NothingToStart { node } => Error::EmptyEach {
            run,
            step,
            from: "start",
            to: node,
        },
    }
}
