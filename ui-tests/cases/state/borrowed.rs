// Without our macros: one error, which is that `Path` has no lifetime.
use std::path::Path;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Run {
    text: &'static str,
    pages: Option<(&'static [u8], u32)>,
    folder: &Path,
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
