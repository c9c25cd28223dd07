//! Fills orders: reserves in parallel, pays at most once, ships, and undoes what was done if
//! the order falls through. Killed anywhere and started again, it continues.

mod graph;
mod order;
mod request;
mod world;

use std::process::ExitCode;

use superstep::prelude::*;

use crate::graph::Shop;
use crate::order::Order;
use crate::request::{Request, USAGE};
use crate::world::{Bank, Carrier, Warehouse, World};

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let request = match Request::parse(args) {
        Ok(request) => request,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match fill(&request).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One order after the other, so that the output is in order, too.
async fn fill(request: &Request) -> Result<(), Failed> {
    std::fs::create_dir_all(&request.out)?;
    let world = World::open(&request.books(), request.die_at)?;
    let shop = Shop {
        warehouse: Warehouse(world.clone()),
        bank: Bank(world.clone()),
        carrier: Carrier(world),
    };
    let store = SqliteStore::open(request.database())?;
    let engine = Engine::builder(shop).store(store).build()?;
    for name in &request.orders {
        if let Some(outcome) = &request.answer {
            answer(&engine, name, outcome).await?;
        }
        say_where_it_stands(&engine, name).await?;
        let order = order::find(name).unwrap_or_default();
        tell(&engine.run(name, order).await?);
    }
    println!("the books of the others: {}", request.books().display());
    Ok(())
}

/// Tells the run what somebody has found in the bank's books.
async fn answer(
    engine: &Engine<Shop>,
    name: &str,
    outcome: &Outcome<String>,
) -> Result<(), Failed> {
    let run = engine.get(name).await?;
    let [asked] = run.interrupts() else {
        return Err(format!("{name} asks nothing").into());
    };
    Ok(engine.answer(name, &asked.id, outcome).await?)
}

/// A run that was started before is continued, or is there to be read.
async fn say_where_it_stands(engine: &Engine<Shop>, name: &str) -> Result<(), Error> {
    match engine.get(name).await {
        Err(Error::RunNotFound { .. }) => println!("{name}"),
        Err(error) => return Err(error),
        Ok(run) if run.status().is_final() => println!("{name}, as it was filled before"),
        Ok(run) => println!("{name}, going on after step {}", run.steps()),
    }
    Ok(())
}

fn tell(run: &Run<Order>) {
    for line in &run.state().story {
        println!("    {line}");
    }
    for asked in run.interrupts() {
        let (name, effect) = (run.id(), &asked.name);
        println!("    nobody knows what became of `{effect}`: look into the bank's books, then");
        println!("    say `orders {name} --answer happened`, or did-not-happen, or refused");
    }
}
