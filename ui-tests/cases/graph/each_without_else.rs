use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Party {
    #[reduce(append)]
    greeted: Vec<String>,
}

#[derive(Route)]
enum Door {
    Open(Vec<String>),
    Late { guests: Vec<String>, loud: bool },
    Closed,
}

#[node]
fn open(_: &Party) -> Door {
    Door::Closed
}

#[node]
fn lock(_: &Party) {}

#[node]
fn lost(_: &Party) {}

mod hall {
    use super::Party;
    use superstep::prelude::*;

    #[node]
    pub fn greet(_: &Party, guest: String) {
        let _ = guest;
    }

    #[node]
    pub fn seat(_: &Party, (row, guest): (usize, String)) {
        let _ = (row, guest);
    }
}

// Wherever it is, and along with what else is wrong.
#[graph(
    state = Party,
    start -> [lock, each hall::greet(vec!["Ada".to_owned()])],
    lock -> open -> match {
        Door::Open(guests) => each hall::greet(guests),
        Door::Late { guests, loud: true } => [
            each hall::greet(guests.clone()) else end,
            each hall::seat(guests.into_iter().enumerate().filter(|(_, guest)| !guest.starts_with('A'))),
        ],
        Door::Late { guests, .. } => each hall::greet(guests) else each hall::seat(
            Vec::new(),
        ),
        Door::Closed => end,
    },
    hall::greet -> end,
    hall::seat -> end,
    lost -> end,
)]
struct Evening;

#[graph(state = Party, start -> lock -> each hall::greet(["Ada".to_owned()]), hall::greet -> end)]
struct Chain;

#[graph(
    state = Party,
    start -> [lock, open] -> lost,
    [lock, open] -> each hall::greet(["Ada".to_owned()]),
    lost -> end,
    hall::greet -> end,
)]
struct Join;

macro_rules! party {
    ($name:ident: $node:path, $items:expr) => {
        #[graph(state = Party, start -> each $node($items), $node -> end)]
        struct $name;
    };
}
party!(Made: hall::greet, ["Ada".to_owned()]);

fn main() {}
