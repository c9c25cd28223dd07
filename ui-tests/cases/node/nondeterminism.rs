#![allow(unused)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Clone, Debug, Default, Serialize, Deserialize)]
struct Research {
    topic: String,
}

mod chrono {
    pub struct Utc;
    impl Utc {
        pub fn now() {}
    }
}

mod rand {
    pub fn random() -> u8 {
        4
    }
}

mod uuid {
    pub struct Uuid;
    impl Uuid {
        pub fn new_v4() {}
    }
}

mod tokio {
    pub fn spawn(_: impl Future) {}

    pub mod time {
        pub async fn sleep(_: std::time::Duration) {}
    }
}

#[node]
async fn plan(state: &Research, cx: &Cx) -> ResearchUpdate {
    use rand::random;
    use std::env;

    let begun = std::time::SystemTime::now();
    let stamp = chrono::Utc::now();
    let id = uuid::Uuid::new_v4();
    let dice = random();
    tokio::time::sleep(std::time::Duration::ZERO).await;
    tokio::spawn(async {});
    let key = env::var("KEY");
    ResearchUpdate::default()
}

#[node]
fn write(state: &Research) {
    let begun = std::time::Instant::now();
}

/// Written in another way.
#[node]
fn read(state: &Research) {
    use std as s;
    use s::env as e;
    type Clock = std::time::Instant;

    let begun = <std::time::SystemTime>::now();
    let again = std::time::SystemTime::r#now();
    let key = e::var("KEY");
    let later = Clock::now();
    {
        use std::env::var;
    }
    let var = |name: &str| name.len();
    let length = var("KEY");
}

#[node(allow(nondeterminism))]
fn look(state: &Research) {
    let begun = std::time::Instant::now();
}

fn main() {}
