use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Borrowed<'a> {
    text: &'a str,
    #[reduce(append)]
    pages: Vec<u32>,
}

#[node]
fn plan(_: &Borrowed<'static>) -> BorrowedUpdate {
    Borrowed::update().text("planned").pages([1])
}

#[node]
fn write(_: &Borrowed<'static>, page: u32) -> (BorrowedUpdate, bool) {
    (Borrowed::update().replace_pages([page]), page > 1)
}

#[graph(
    state = Borrowed<'static>,
    start -> plan -> write(1),
    write -> match { true => end, false => plan },
)]
struct Writer;

async fn run(run: Borrowed<'static>) -> Result<(), Error> {
    let engine = Engine::builder(Writer).no_store().build()?;
    let run = engine.run("run", run).await?;
    println!("{}", run.state().text);
    Ok(())
}

fn main() {}
