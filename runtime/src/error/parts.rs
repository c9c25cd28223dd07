//! The parts of an error, for those who do not want to `match` on all of it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Error, with_causes};

impl Error {
    /// The run that it is about, if it is about one.
    pub fn run(&self) -> Option<&str> {
        match self {
            Self::NodeFailed { run, .. }
            | Self::NodeRefused { run, .. }
            | Self::NodeTimeout { run, .. }
            | Self::NodeIdle { run, .. }
            | Self::NodePanicked { run, .. }
            | Self::Panicked { run, .. }
            | Self::MergeConflict { run, .. }
            | Self::MergeFailed { run, .. }
            | Self::UndeclaredWrite { run, .. }
            | Self::NoProgress { run, .. }
            | Self::MaxStepsExceeded { run, .. }
            | Self::BudgetExceeded { run, .. }
            | Self::Backpressure { run, .. }
            | Self::RunNotFound { run, .. }
            | Self::InvalidRunId { run, .. }
            | Self::InvalidToken { run, .. }
            | Self::InputMismatch { run, .. }
            | Self::RunExists { run, .. }
            | Self::RunNotFinished { run, .. }
            | Self::TurnNotFound { run, .. }
            | Self::StepNotFound { run, .. }
            | Self::Pruned { run, .. }
            | Self::LabelNotFound { run, .. }
            | Self::LabelTaken { run, .. }
            | Self::EditPanicked { run, .. }
            | Self::EffectNotFound { run, .. }
            | Self::ResponseRefused { run, .. }
            | Self::WrongGraph { run, .. }
            | Self::GraphChanged { run, .. }
            | Self::EffectChanged { run, .. }
            | Self::EffectPassedOver { run, .. }
            | Self::OtherThread { run, .. }
            | Self::WaitRefused { run, .. }
            | Self::AskedTwice { run, .. }
            | Self::QuestionExpired { run, .. }
            | Self::RunFinished { run, .. }
            | Self::MailboxFull { run, .. }
            | Self::SignalRefused { run, .. }
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
            | Self::Draining { run, .. }
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
            | Self::NodeRefused { step, .. }
            | Self::NodeTimeout { step, .. }
            | Self::NodeIdle { step, .. }
            | Self::NodePanicked { step, .. }
            | Self::MergeConflict { step, .. }
            | Self::MergeFailed { step, .. }
            | Self::UndeclaredWrite { step, .. }
            | Self::NoProgress { step, .. }
            | Self::MaxStepsExceeded { step, .. }
            | Self::BudgetExceeded { step, .. }
            | Self::StepNotFound { step, .. }
            | Self::Pruned { step, .. }
            | Self::LabelTaken { step, .. }
            | Self::EffectNotFound { step, .. }
            | Self::Backpressure { step, .. }
            | Self::ResponseRefused { step, .. }
            | Self::EffectChanged { step, .. }
            | Self::EffectPassedOver { step, .. }
            | Self::OtherThread { step, .. }
            | Self::WaitRefused { step, .. }
            | Self::AskedTwice { step, .. }
            | Self::ReplayMismatch { step, .. }
            | Self::StepOpen { step, .. }
            | Self::NotRoundTrip { step, .. }
            | Self::IdempotencyViolation { step, .. }
            | Self::RuntimeLost { step, .. } => Some(*step),
            Self::Draining { step, .. } => *step,
            _ => None,
        }
    }

    /// Of a node that failed, what it said, with its causes: without the place and the input,
    /// and without what to do, which is nothing for the eyes of a customer.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::NodeFailed { source, .. } | Self::NodeRefused { source, .. } => {
                Some(with_causes(&**source))
            }
            Self::NodePanicked { message, .. } => Some(message.clone()),
            _ => None,
        }
    }

    /// The node that it is about, if it is about one: the node that failed, that asked for
    /// something else, or in which a call was made.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::NodeFailed { node, .. }
            | Self::NodeRefused { node, .. }
            | Self::NodeTimeout { node, .. }
            | Self::NodeIdle { node, .. }
            | Self::NodePanicked { node, .. }
            | Self::UndeclaredWrite { node, .. }
            | Self::Backpressure { node, .. }
            | Self::EffectChanged { node, .. }
            | Self::EffectPassedOver { node, .. }
            | Self::OtherThread { node, .. }
            | Self::WaitRefused { node, .. }
            | Self::AskedTwice { node, .. }
            | Self::DuplicateNode { node, .. } => Some(node),
            Self::ReplayMismatch { node, .. }
            | Self::EffectNotFound { node, .. }
            | Self::ResponseRefused { node, .. } => Some(node),
            Self::LeaseHeld { node, .. } => *node,
            _ => None,
        }
    }

    /// Whether the same call may succeed another time without anybody doing anything: a
    /// store that is away, a run that another process drives, a runtime that was shut down, an
    /// engine that drains, in whose place another comes, tasks that hold each other up.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store { source, .. } | Self::PruneFailed { source } => source.is_transient(),
            Self::LeaseHeld { node, .. } => node.is_none(),
            Self::LeaseLost { .. }
            | Self::RuntimeLost { .. }
            | Self::Draining { .. }
            | Self::Backpressure { .. } => true,
            _ => false,
        }
    }
}

macro_rules! codes {
    ($($variant:ident: $word:literal,)+) => {
        impl Error {
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
                    $(Self::$variant { .. } => $word,)+
                }
            }

            /// The words of all variants.
            #[cfg(test)]
            pub(super) const CODES: &[&str] = &[$($word),+];
        }
    };
}

codes! {
    NodeFailed: "node_failed",
    NodeRefused: "node_refused",
    NodeTimeout: "node_timeout",
    NodeIdle: "node_idle",
    NodePanicked: "node_panicked",
    Panicked: "panicked",
    MergeConflict: "merge_conflict",
    MergeFailed: "merge_failed",
    UndeclaredWrite: "undeclared_write",
    NoProgress: "no_progress",
    MaxStepsExceeded: "max_steps_exceeded",
    BudgetExceeded: "budget_exceeded",
    Backpressure: "backpressure",
    RunNotFound: "run_not_found",
    InvalidRunId: "invalid_run_id",
    InvalidToken: "invalid_token",
    InputMismatch: "input_mismatch",
    RunExists: "run_exists",
    RunNotFinished: "run_not_finished",
    TurnNotFound: "turn_not_found",
    StepNotFound: "step_not_found",
    Pruned: "pruned",
    LabelNotFound: "label_not_found",
    LabelTaken: "label_taken",
    InvalidLabel: "invalid_label",
    EditPanicked: "edit_panicked",
    EffectNotFound: "effect_not_found",
    ResponseRefused: "response_refused",
    WrongGraph: "wrong_graph",
    GraphChanged: "graph_changed",
    EffectChanged: "effect_changed",
    EffectPassedOver: "effect_passed_over",
    OtherThread: "other_thread",
    WaitRefused: "wait_refused",
    AskedTwice: "asked_twice",
    RunFinished: "run_finished",
    MailboxFull: "mailbox_full",
    SignalRefused: "signal_refused",
    ReplayMismatch: "replay_mismatch",
    StepOpen: "step_open",
    QuestionNotFound: "question_not_found",
    AlreadyAnswered: "already_answered",
    QuestionExpired: "question_expired",
    AnswerRefused: "answer_refused",
    Undecodable: "undecodable",
    Corrupt: "corrupt",
    NotRoundTrip: "not_round_trip",
    TooLarge: "too_large",
    LeaseHeld: "lease_held",
    LeaseLost: "lease_lost",
    IdempotencyViolation: "idempotency_violation",
    NoRuntime: "no_runtime",
    NoTimeDriver: "no_time_driver",
    RuntimeLost: "runtime_lost",
    Draining: "draining",
    NoStore: "no_store",
    DuplicateNode: "duplicate_node",
    InvalidOption: "invalid_option",
    PruneFailed: "prune_failed",
    Store: "store",
}

impl Serialize for Error {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut parts = serializer.serialize_map(None)?;
        parts.serialize_entry("code", self.code())?;
        parts.serialize_entry("message", &self.to_string())?;
        if let Some(run) = self.run() {
            parts.serialize_entry("run", run)?;
        }
        if let Some(step) = self.step() {
            parts.serialize_entry("step", &step)?;
        }
        if let Some(node) = self.node() {
            parts.serialize_entry("node", node)?;
        }
        if let Some(cause) = self.cause() {
            parts.serialize_entry("cause", &cause)?;
        }
        parts.serialize_entry("transient", &self.is_transient())?;
        parts.end()
    }
}
