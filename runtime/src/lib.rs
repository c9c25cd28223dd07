//! Durable, deterministic graph workflows.

#![deny(missing_docs)]

mod cx;
pub mod encode;
pub mod graph;
mod hash;
mod node_error;
mod options;
pub mod state;
pub mod store;
pub mod testing;

pub use cx::Cx;
pub use graph::{Graph, Route};
pub use hash::Digest;
pub use node_error::{Failure, NodeError};
pub use options::ConflictPolicy;
pub use state::{Merge, State};
pub use superstep_macros::{Route, State, graph, node};

/// What most programs need: `use superstep::prelude::*;`.
pub mod prelude {
    pub use crate::{ConflictPolicy, Cx, Failure, Merge, NodeError};
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
