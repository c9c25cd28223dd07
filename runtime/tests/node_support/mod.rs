//! A graph written by hand, so that these tests depend on `#[node]` alone.

use serde::{Deserialize, Serialize};
use superstep::__private::Input;
use superstep::graph::{Graph, GraphInfo, Hops, NodeId, Provides, Running};
use superstep::prelude::*;
use superstep::state::State;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Research {
    pub topic: String,
    pub status: String,
}

/// A dependency.
pub struct Llm(pub &'static str);

/// A dependency behind a trait.
pub trait Search: Send + Sync {
    fn find(&self, what: &str) -> String;
}

impl Search for Llm {
    fn find(&self, what: &str) -> String {
        format!("{}:{what}", self.0)
    }
}

/// A graph without rows: enough to run single nodes.
pub struct Researcher {
    pub llm: Llm,
    pub web: Box<dyn Search>,
}

impl Researcher {
    pub fn new() -> Self {
        Self {
            llm: Llm("llm"),
            web: Box::new(Llm("web")),
        }
    }
}

impl Graph for Researcher {
    type State = Research;

    const INFO: &'static GraphInfo = &GraphInfo {
        name: "Researcher",
        version: 1,
        conflict: None,
        max_steps: None,
        compatible: &[],
        migrate: None,
        nodes: &[],
        edges: &[],
        joins: &[],
        state: Research::INFO,
    };

    fn start() -> Hops {
        Hops::none()
    }

    fn call<'a>(&'a self, _: NodeId, _: Option<Input>, _: &'a Research, _: &'a Cx) -> Running<'a> {
        Box::pin(async { Err(NodeError::permanent("no nodes")) })
    }
}

impl Provides<Llm> for Researcher {
    fn provide<'a>(&'a self, _: &'a Cx) -> &'a Llm {
        &self.llm
    }
}

impl Provides<dyn Search> for Researcher {
    fn provide<'a>(&'a self, _: &'a Cx) -> &'a (dyn Search + 'static) {
        &*self.web
    }
}
