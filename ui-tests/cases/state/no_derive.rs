// Ours is the one at the graph; that nobody made `RunUpdate` and `Run::update` is rustc's to say.
use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Run {
    text: String,
}

#[node]
async fn plan(run: &Run) -> Result<RunUpdate, NodeError> {
    let _ = run;
    Ok(Run::update().text("planned"))
}

#[node]
fn write(_: &Run, page: u32) -> (RunUpdate, bool) {
    (Run::update().text("written"), page > 1)
}

#[graph(
    state = Run,
    start -> plan -> write(1),
    write -> match { true => end, false => plan },
)]
struct Writer;

async fn run(run: Run) -> Result<(), Error> {
    let engine = Engine::builder(Writer).no_store().build()?;
    let run = engine.run("run", run).await?;
    println!("{}", run.state().text);
    Ok(())
}

fn main() {}
