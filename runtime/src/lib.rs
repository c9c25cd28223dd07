#![doc = include_str!("../README.md")]
//! # Where to look
//!
//! - [`macro@node`] makes a function a node, and [`macro@graph`] a struct a graph.
//! - [`derive@State`] says how the updates of a step combine, and [`derive@Route`] where a node can go next.
//! - [`Engine`] starts, resumes, corrects, replays, forks and shows runs; [`Run`] is what it returns.
//! - [`Cx`] is what a node may ask for: its task's keys, random numbers, the time, and the outside world by
//!   [`Effect`]s, which are recorded.
//! - An [at-most-once](Effect::at_most_once) effect may leave a question: [`Run::interrupts`] has it,
//!   and an [`Outcome`] answers it.
//! - [`fn@diff`] says where two runs part, and [`testing`] whether today's program agrees with yesterday's runs,
//!   and whether a graph gives the same result wherever its process dies.
//! - [`NodeError`] is what a node fails with, [`Failure`] what an `on error` row passes on, and [`Error`] what stops a run.
//! - [`SqliteStore`](store) and [`MemoryStore`] keep runs; [`Store`] is for one of your own.
//! - [`Graph::INFO`] describes a graph, and draws it.

#![deny(missing_docs)]
// docs.rs says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The macros' code names this crate like this.
#[cfg(test)]
extern crate self as superstep;

#[macro_use]
mod mistakes;

mod as_json;
mod const_text;
mod cx;
pub mod encode;
mod engine;
mod erased;
mod error;
pub mod graph;
mod hash;
mod json_diff;
mod machine;
mod node_error;
mod options;
mod panics;
mod rfc3339;
mod run;
mod run_diff;
#[cfg(feature = "schema")]
mod schema;
mod session;
#[cfg(test)]
mod simulator;
pub mod state;
pub mod store;
pub mod testing;

#[cfg(feature = "schema")]
pub use cx::{AnswerType, Ask, AskWithin, AskWithinOr};
pub use cx::{AtMostOnce, Cx, Effect, Sleep, TaskRng, Wait, Within, WithinOr, ok};
pub use engine::{
    AnswerCall, At, Drained, Engine, EngineBuilder, ForkCall, RunCall, SignalCall, TurnCall,
};
pub use error::Error;
pub use graph::{Graph, Part, Route};
pub use hash::Digest;
pub use json_diff::Difference;
pub use node_error::{Failed, Failure, FailureKind, NodeError};
pub use options::{ConflictPolicy, Options};
pub use run::{
    Interrupt, InterruptKind, Outcome, Run, RunError, SkippedTurn, StepInfo, TaskInfo, WaitInfo,
    WaitKind,
};
pub use run_diff::{Diff, Divergence, Divergences, RunRef, TaskDivergence, diff};
/// What derives the JSON Schema of an answer, in the version that Superstep uses.
///
/// ```
/// use superstep::schemars::JsonSchema;
///
/// #[derive(serde::Deserialize, JsonSchema)]
/// #[schemars(crate = "superstep::schemars")]
/// struct Approval {
///     /// What a form can show beside the field.
///     granted: bool,
///     limit: Option<u32>,
/// }
///
/// let schema = superstep::schemars::schema_for!(Approval);
/// assert_eq!(schema.get("required"), Some(&serde_json::json!(["granted"])));
/// ```
#[cfg(feature = "schema")]
pub use schemars;
pub use state::{Merge, State};
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
pub use store::{MemoryStore, Status, Store};
pub use superstep_macros::{Route, State, graph, node};

/// What most programs need: `use superstep::prelude::*;`.
pub mod prelude {
    #[cfg(feature = "sqlite")]
    pub use crate::SqliteStore;
    pub use crate::{
        ConflictPolicy, Cx, Engine, Error, Failed, Failure, FailureKind, Graph, MemoryStore, Merge,
        NodeError, Options, Outcome, Run, Status, Store,
    };
    pub use superstep_macros::{Route, State, graph, node};
}

/// What the macros' generated code uses. Not for direct use: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::encode;
    pub use crate::erased::{Input, Updates};
    pub use crate::graph::*;
    pub use crate::state::{
        Clash, FieldInfo, FieldSet, ListOf, ListOfTexts, ReduceError, Slot, State, StateInfo,
        Unread, Update, Whole, reduce, slots,
    };
    pub use crate::{ConflictPolicy, Cx, Failure, NodeError};
    pub use serde;
}
