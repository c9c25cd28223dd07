use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Research {
    prices: HashMap<String, u32>,
    #[serde(skip)]
    cache: Vec<u8>,
    #[reduce(append)]
    notes: Vec<u8>,
    replace_notes: u8,
}

fn main() {}
