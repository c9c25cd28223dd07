// Alone, this struct is no error: rustc and serde say nothing.
use std::cell::Cell;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Run {
    text: String,
    page: Cell<u32>,
    last: Option<std::cell::Cell<u32>>,
}

#[node]
fn plan(run: &Run) -> RunUpdate {
    run.page.set(1);
    Run::update().text("planned").page(Cell::new(2))
}

#[graph(state = Run, start -> plan -> end)]
struct Writer;

async fn run(run: Run) -> Result<(), Error> {
    let engine = Engine::builder(Writer).no_store().build()?;
    let run = engine.run("run", run).await?;
    println!("{}", run.state().text);
    Ok(())
}

fn main() {}
