use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Research {
    #[reduce(append)]
    #[serde(alias = "remarks")]
    notes: Vec<String>,
    #[serde(alias = "notes", alias = "replace_remarks")]
    text: String,
}

fn main() {}
