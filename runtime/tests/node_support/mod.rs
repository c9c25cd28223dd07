//! A state and a graph written by hand, so that these tests stand on `#[node]` alone.

use serde::{Deserialize, Serialize};
use superstep::encode::{DecodeError, EncodeError};
use superstep::graph::{Done, Graph, GraphInfo, Hops, IntoOutcome, NoRoute, NodeId, Provides};
use superstep::prelude::*;
use superstep::state::{Clash, FieldInfo, FieldSet, ReduceError, State, StateInfo, Update};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Research {
    pub topic: String,
    pub status: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResearchUpdate {
    pub status: Option<String>,
}

impl ResearchUpdate {
    pub fn status(status: impl Into<String>) -> Self {
        Self {
            status: Some(status.into()),
        }
    }
}

const fn field(name: &'static str) -> FieldInfo {
    FieldInfo {
        name,
        ty: "String",
        reducer: "replace",
        conflicts: true,
        default: false,
    }
}

impl State for Research {
    type Update = ResearchUpdate;

    const INFO: StateInfo = StateInfo {
        name: "Research",
        fields: &[field("topic"), field("status")],
        ephemeral: false,
    };

    fn conflict(_: &[ResearchUpdate]) -> Result<Option<Clash>, EncodeError> {
        Ok(None)
    }

    fn apply(&mut self, _: &mut [ResearchUpdate]) -> Result<(), ReduceError> {
        Ok(())
    }
}

impl Update for ResearchUpdate {
    fn fields(&self) -> FieldSet {
        FieldSet::EMPTY.with_if(1, self.status.is_some())
    }
}

impl IntoOutcome<Research> for ResearchUpdate {
    type Route = NoRoute;

    fn into_outcome(self) -> Result<(Option<ResearchUpdate>, NoRoute), NodeError> {
        Ok((Some(self), NoRoute))
    }
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
    type Input = ();

    const INFO: &'static GraphInfo = &GraphInfo {
        name: "Researcher",
        version: 1,
        conflict: None,
        max_steps: None,
        nodes: &[],
        edges: &[],
        joins: &[],
        state: Research::INFO,
    };

    fn start() -> Hops<()> {
        Hops::none()
    }

    async fn call(
        &self,
        _: NodeId,
        _: Option<()>,
        _: &Research,
        _: &Cx,
    ) -> Result<Done<Self>, NodeError> {
        Err(NodeError::permanent("no nodes"))
    }

    fn on_error(_: NodeId, _: Failure) -> Option<Hops<()>> {
        None
    }

    fn encode_input((): &()) -> Result<String, EncodeError> {
        Ok("null".to_owned())
    }

    fn decode_input(_: NodeId, _: &str) -> Result<(), DecodeError> {
        Ok(())
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

impl Provides<Cx> for Researcher {
    fn provide<'a>(&'a self, cx: &'a Cx) -> &'a Cx {
        cx
    }
}
