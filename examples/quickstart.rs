//! The smallest durable run: greet every guest, then count them.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Party {
    guests: Vec<String>,
    #[reduce(append)]
    greetings: Vec<String>,
    summary: String,
}

#[derive(Route)]
enum Door {
    Guests(Vec<String>),
}

#[node]
fn open(state: &Party) -> Door {
    Door::Guests(state.guests.clone())
}

#[node]
async fn greet(_state: &Party, guest: String) -> PartyUpdate {
    Party::update().greetings([format!("Hello, {guest}!")])
}

#[node]
fn count(state: &Party) -> PartyUpdate {
    Party::update().summary(format!("{} guests greeted", state.greetings.len()))
}

#[graph(
    state = Party,
    start -> open,
    open -> match { Door::Guests(guests) => each greet(guests) else count },
    greet -> count -> end,
)]
struct Host;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SqliteStore::open("quickstart.db")?;
    let engine = Engine::builder(Host).store(store).build()?;
    let guests = ["Ada", "Grace", "Katherine"].map(String::from).to_vec();
    let run = engine
        .run(
            "party-1",
            Party {
                guests,
                ..Default::default()
            },
        )
        .await?;
    println!("{:#?}\nafter {} steps", run.state(), run.steps());
    Ok(())
}
