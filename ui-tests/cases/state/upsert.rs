use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Shop {
    #[reduce(upsert = id)]
    queue: VecDeque<Item>,
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Market {
    #[reduce(upsert = name)]
    items: Vec<Item>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Item {
    id: u32,
}

fn main() {}
