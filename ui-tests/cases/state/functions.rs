use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Serialize, Deserialize)]
struct Run {
    text: String,
    #[serde(with = "by_name")]
    known: fn(u32) -> u32,
    next: Vec<Box<dyn Fn(&Run) -> u32>>,
}

mod by_name {
    pub fn serialize<S: serde::Serializer>(_: &fn(u32) -> u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("known")
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(
        _: D,
    ) -> Result<fn(u32) -> u32, D::Error> {
        Ok(|number| number)
    }
}

#[node]
fn plan(run: &Run) -> RunUpdate {
    Run::update().text("planned")
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
