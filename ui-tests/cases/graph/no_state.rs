use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[node]
fn plan(_: &Trip) {}

#[graph(start -> plan -> end)]
struct Journey;

#[graph(state = 3, start -> plan -> end)]
struct Misread;

async fn travel() -> Result<String, Error> {
    let engine = Engine::builder(Journey).build()?;
    engine.run("misread", Trip::default()).await?;
    let engine = Engine::builder(Misread).build()?;
    let run = engine.run("trip", Trip::default()).await?;
    Ok(run.state().city.clone())
}

fn main() {
    let _ = travel();
}
