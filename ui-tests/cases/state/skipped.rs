use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Research {
    #[serde(skip)]
    cache: Vec<u8>,
    #[serde(default, skip_serializing)]
    #[reduce(append)]
    notes: Vec<u8>,
    #[serde(skip)]
    #[reduce(ephemeral)]
    flash: u8,
}

fn main() {}
