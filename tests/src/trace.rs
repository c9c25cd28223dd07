use std::time::SystemTime;

use serde::Serialize;
use superstep::graph::Graph;
use superstep::{Engine, Error, StepInfo, encode};

/// Everything that a run left behind, except the time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The last state as canonical JSON.
    pub state: String,
    /// Chain values, digests, updates and routes of every step.
    pub history: Vec<StepInfo>,
}

/// The trace of run `id`.
///
/// # Errors
/// Those of [`Engine::get`] and [`Engine::history`].
pub async fn trace<G>(engine: &Engine<G>, id: &str) -> Result<Trace, Error>
where
    G: Graph<State: Serialize>,
{
    let run = engine.get(id).await?;
    let mut history = engine.history(id).await?;
    for step in &mut history {
        step.committed = SystemTime::UNIX_EPOCH;
    }
    Ok(Trace {
        state: encode::to_string(run.state()).expect("a stored state has an encoding"),
        history,
    })
}
