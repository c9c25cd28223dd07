use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Research {
    #[reduce(append)]
    notes: Vec<String>,
    #[serde(rename = "replaceNotes")]
    other: Vec<String>,
    page_count: u32,
    _page_count: u32,
}

fn main() {}
