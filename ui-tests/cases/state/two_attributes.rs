use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
#[superstep(crate = superstep, crate = superstep)]
struct Research {
    #[reduce(append)]
    #[reduce(sum)]
    notes: Vec<u8>,
    #[reduce(append, last)]
    more: Vec<u8>,
}

#[derive(State, Debug, Clone, Serialize, Deserialize)]
#[superstep(krate = superstep)]
struct Other {
    a: u8,
}

fn main() {}
