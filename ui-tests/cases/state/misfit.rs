use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Research {
    #[reduce(append)]
    count: u64,
    #[reduce(sum)]
    text: String,
    #[reduce(union)]
    list: Vec<u8>,
    #[reduce(merge)]
    merged: Option<u8>,
    #[reduce(max)]
    most: Mean,
    #[reduce(ephemeral)]
    flash: Mean,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mean(f64);

fn main() {}
