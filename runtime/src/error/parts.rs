//! The parts of an error, for those who want no `match` over all of it.

use super::Error;

impl Error {
    /// The run that it is about, if it is about one.
    pub fn run(&self) -> Option<&str> {
        match self {
            Self::NodeFailed { run, .. }
            | Self::NodeTimeout { run, .. }
            | Self::NodePanicked { run, .. }
            | Self::Panicked { run, .. }
            | Self::MergeConflict { run, .. }
            | Self::MergeFailed { run, .. }
            | Self::UndeclaredWrite { run, .. }
            | Self::EmptyEach { run, .. }
            | Self::NoProgress { run, .. }
            | Self::MaxStepsExceeded { run, .. }
            | Self::BudgetExceeded { run, .. }
            | Self::RunNotFound { run, .. }
            | Self::InvalidRunId { run, .. }
            | Self::InputMismatch { run, .. }
            | Self::RunExists { run, .. }
            | Self::RunNotFinished { run, .. }
            | Self::TurnNotFound { run, .. }
            | Self::StepNotFound { run, .. }
            | Self::Pruned { run, .. }
            | Self::LabelNotFound { run, .. }
            | Self::LabelTaken { run, .. }
            | Self::EditPanicked { run, .. }
            | Self::WrongGraph { run, .. }
            | Self::GraphChanged { run, .. }
            | Self::EffectChanged { run, .. }
            | Self::OtherThread { run, .. }
            | Self::ReplayMismatch { run, .. }
            | Self::StepOpen { run, .. }
            | Self::QuestionNotFound { run, .. }
            | Self::AlreadyAnswered { run, .. }
            | Self::AnswerRefused { run, .. }
            | Self::Undecodable { run, .. }
            | Self::Corrupt { run, .. }
            | Self::NotRoundTrip { run, .. }
            | Self::TooLarge { run, .. }
            | Self::LeaseHeld { run, .. }
            | Self::LeaseLost { run, .. }
            | Self::IdempotencyViolation { run, .. }
            | Self::RuntimeLost { run, .. }
            | Self::Store { run, .. } => Some(run),
            Self::InvalidLabel { .. }
            | Self::NoRuntime { .. }
            | Self::NoTimeDriver { .. }
            | Self::NoStore { .. }
            | Self::DuplicateNode { .. }
            | Self::InvalidOption { .. }
            | Self::PruneFailed { .. } => None,
        }
    }

    /// The step that it is about, if it is about one.
    pub const fn step(&self) -> Option<u64> {
        match self {
            Self::NodeFailed { step, .. }
            | Self::NodeTimeout { step, .. }
            | Self::NodePanicked { step, .. }
            | Self::MergeConflict { step, .. }
            | Self::MergeFailed { step, .. }
            | Self::UndeclaredWrite { step, .. }
            | Self::EmptyEach { step, .. }
            | Self::NoProgress { step, .. }
            | Self::MaxStepsExceeded { step, .. }
            | Self::BudgetExceeded { step, .. }
            | Self::StepNotFound { step, .. }
            | Self::Pruned { step, .. }
            | Self::LabelTaken { step, .. }
            | Self::EffectChanged { step, .. }
            | Self::OtherThread { step, .. }
            | Self::ReplayMismatch { step, .. }
            | Self::StepOpen { step, .. }
            | Self::NotRoundTrip { step, .. }
            | Self::IdempotencyViolation { step, .. }
            | Self::RuntimeLost { step, .. } => Some(*step),
            _ => None,
        }
    }

    /// The node that it is about, if it is about one: the node that failed, that asked for
    /// something else, or in which a call was made.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::NodeFailed { node, .. }
            | Self::NodeTimeout { node, .. }
            | Self::NodePanicked { node, .. }
            | Self::UndeclaredWrite { node, .. }
            | Self::EffectChanged { node, .. }
            | Self::OtherThread { node, .. }
            | Self::DuplicateNode { node, .. }
            | Self::EmptyEach { from: node, .. } => Some(node),
            Self::ReplayMismatch { node, .. } => Some(node),
            Self::LeaseHeld { node, .. } => *node,
            _ => None,
        }
    }

    /// Whether the same call may go well another time without anybody doing anything: a
    /// store that is away, a run that another process drives, a runtime that was shut down.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store { source, .. } | Self::PruneFailed { source } => source.is_transient(),
            Self::LeaseHeld { node, .. } => node.is_none(),
            Self::LeaseLost { .. } | Self::RuntimeLost { .. } => true,
            _ => false,
        }
    }

    /// One stable word for the kind of error, under which a failed run keeps it, too: see
    /// [`Run::error`](crate::Run::error).
    ///
    /// ```
    /// # use superstep::Error;
    /// let error = Error::RunNotFound { run: "order-7".into() };
    /// assert_eq!((error.code(), error.run()), ("run_not_found", Some("order-7")));
    /// ```
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NodeFailed { .. } => "node_failed",
            Self::NodeTimeout { .. } => "node_timeout",
            Self::NodePanicked { .. } => "node_panicked",
            Self::Panicked { .. } => "panicked",
            Self::MergeConflict { .. } => "merge_conflict",
            Self::MergeFailed { .. } => "merge_failed",
            Self::UndeclaredWrite { .. } => "undeclared_write",
            Self::EmptyEach { .. } => "empty_each",
            Self::NoProgress { .. } => "no_progress",
            Self::MaxStepsExceeded { .. } => "max_steps_exceeded",
            Self::BudgetExceeded { .. } => "budget_exceeded",
            Self::RunNotFound { .. } => "run_not_found",
            Self::InvalidRunId { .. } => "invalid_run_id",
            Self::InputMismatch { .. } => "input_mismatch",
            Self::RunExists { .. } => "run_exists",
            Self::RunNotFinished { .. } => "run_not_finished",
            Self::TurnNotFound { .. } => "turn_not_found",
            Self::StepNotFound { .. } => "step_not_found",
            Self::Pruned { .. } => "pruned",
            Self::LabelNotFound { .. } => "label_not_found",
            Self::LabelTaken { .. } => "label_taken",
            Self::InvalidLabel { .. } => "invalid_label",
            Self::EditPanicked { .. } => "edit_panicked",
            Self::WrongGraph { .. } => "wrong_graph",
            Self::GraphChanged { .. } => "graph_changed",
            Self::EffectChanged { .. } => "effect_changed",
            Self::OtherThread { .. } => "other_thread",
            Self::ReplayMismatch { .. } => "replay_mismatch",
            Self::StepOpen { .. } => "step_open",
            Self::QuestionNotFound { .. } => "question_not_found",
            Self::AlreadyAnswered { .. } => "already_answered",
            Self::AnswerRefused { .. } => "answer_refused",
            Self::Undecodable { .. } => "undecodable",
            Self::Corrupt { .. } => "corrupt",
            Self::NotRoundTrip { .. } => "not_round_trip",
            Self::TooLarge { .. } => "too_large",
            Self::LeaseHeld { .. } => "lease_held",
            Self::LeaseLost { .. } => "lease_lost",
            Self::IdempotencyViolation { .. } => "idempotency_violation",
            Self::NoRuntime { .. } => "no_runtime",
            Self::NoTimeDriver { .. } => "no_time_driver",
            Self::RuntimeLost { .. } => "runtime_lost",
            Self::NoStore { .. } => "no_store",
            Self::DuplicateNode { .. } => "duplicate_node",
            Self::InvalidOption { .. } => "invalid_option",
            Self::PruneFailed { .. } => "prune_failed",
            Self::Store { .. } => "store",
        }
    }
}
