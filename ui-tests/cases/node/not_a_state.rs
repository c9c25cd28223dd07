#![allow(unused)]

use superstep::prelude::*;

struct Notes;

#[node]
fn plan(notes: &Notes) {}

#[node]
async fn search(notes: &Notes, cx: &Cx) -> bool {
    true
}

// However many nodes there are over it, the graph says it once.
#[graph(state = Notes, start -> plan -> search, search -> match { true => plan, false => end })]
struct Journey;

async fn drive(engine: Engine<Journey>) -> Result<(), Error> {
    engine.run("trip", Notes).await?;
    let state = engine.get("trip").await?.into_state();
    Ok(())
}

fn main() {
    let engine = Engine::builder(Journey).build();
}
