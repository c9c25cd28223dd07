//! The smallest durable run with a fan-out: one greeting a guest.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Party {
    guests: Vec<String>,
    #[reduce(append)]
    greetings: Vec<String>,
}

#[derive(Route)]
enum Door {
    Open(Vec<String>),
}

#[node]
fn open(state: &Party) -> Door {
    Door::Open(state.guests.clone())
}

/// The call of `compose` is recorded: no retry, resume or replay makes it again.
#[node]
async fn greet(_state: &Party, guest: String, cx: &Cx) -> Result<PartyUpdate, NodeError> {
    let greeting = cx.effect("compose", &guest).run(|| compose(&guest)).await?;
    Ok(Party::update().greetings([greeting]))
}

/// Stands for a model, a web page, another service.
async fn compose(guest: &str) -> Result<String, std::io::Error> {
    Ok(format!("Hello, {guest}!"))
}

#[graph(
    state = Party,
    start -> open,
    open -> match { Door::Open(guests) => each greet(guests) else end },
    greet -> end,
)]
struct Host;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SqliteStore::open("quickstart.db")?;
    let engine = Engine::builder(Host).store(store).build()?;
    let guests = ["Ada", "Grace", "Alan"].map(String::from).to_vec();
    let input = Party {
        guests,
        ..Default::default()
    };
    let run = engine.run("party-1", input).await?;
    println!(
        "{} after {} steps",
        run.state().greetings.join(" "),
        run.steps()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use superstep::testing::crash_everywhere;

    use super::*;

    #[tokio::test]
    async fn a_crash_anywhere_changes_nothing() {
        let engine = |store| Engine::builder(Host).store(store).build().unwrap();
        let input = || Party {
            guests: ["Ada", "Grace", "Alan"].map(String::from).to_vec(),
            ..Default::default()
        };
        let report = crash_everywhere(engine, input).await.unwrap();
        assert_eq!(report.steps, 2);
    }
}
