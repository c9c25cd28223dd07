use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Research {
    #[reduce(append)]
    notes: Vec<u8>,
    replace_notes: bool,
    #[reduce(upsert = id)]
    items: Vec<Item>,
    remove_items: bool,
    #[serde(rename = "status")]
    state: u8,
    status: u8,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Item {
    id: u32,
}

fn main() {}
