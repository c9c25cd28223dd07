use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Serialize, Deserialize)]
struct Research {
    #[reduce(apend)]
    notes: Vec<String>,
    #[reduce(concatenate)]
    more: Vec<String>,
    #[reduce()]
    none: Vec<String>,
    #[reduce(upsert)]
    records: Vec<String>,
    #[reduce(with)]
    with: u8,
    #[reduce(sum = 3)]
    sum: u8,
    plain: Option<u8>,
    list: Box<[u8]>,
    bytes: Vec<u8>,
}

fn main() {
    // The setters are there all the same, so that only the attributes are reported.
    let _ = Research::update().notes(["a"]).replace_notes(["b"]).remove_records(1);
    // What they take is inferred from them.
    let _ = Research::update().plain(None).bytes(Vec::new()).list(std::iter::empty().collect());
}
