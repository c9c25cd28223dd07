//! Durable, deterministic graph workflows.

#![deny(missing_docs)]

mod cx;
#[cfg(doctest)]
mod doctests;
pub mod encode;
mod engine;
mod error;
pub mod graph;
mod hash;
mod machine;
mod node_error;
mod options;
mod panics;
mod run;
pub mod state;
pub mod store;
pub mod testing;

pub use cx::Cx;
pub use engine::{Engine, EngineBuilder, RunCall, TurnCall};
pub use error::Error;
pub use graph::{Graph, Route};
pub use hash::Digest;
pub use node_error::{Failure, NodeError};
pub use options::{ConflictPolicy, Options};
pub use run::{Run, StepInfo, TaskInfo};
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
        ConflictPolicy, Cx, Engine, Error, Failure, MemoryStore, Merge, NodeError, Options, Run,
        Status, Store,
    };
    pub use superstep_macros::{Route, State, graph, node};
}

/// What the macros' generated code uses. Not for people: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::encode;
    pub use crate::graph::*;
    pub use crate::state::{
        Clash, FieldInfo, FieldSet, ReduceError, Slot, State, StateInfo, Update, reduce,
    };
    pub use crate::{ConflictPolicy, Cx, Failure, NodeError};
    pub use serde;
}
