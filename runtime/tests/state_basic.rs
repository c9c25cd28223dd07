//! The first thing that anyone does with a state.

use serde::{Deserialize, Serialize};
use superstep::State;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Research {
    topic: String,
    #[reduce(append)]
    notes: Vec<String>,
    #[reduce(sum)]
    tokens: u64,
    #[reduce(last)]
    status: String,
}

#[test]
fn updates_apply_in_merge_order() {
    let mut state = Research::default();
    let mut updates = [
        Research::update().notes(["a"]).tokens(2).status("one"),
        Research::update()
            .notes(["b"])
            .tokens(3)
            .status("two")
            .topic("t"),
    ];
    assert_eq!(Research::conflict(&updates), Ok(None));
    state.apply(&mut updates).unwrap();
    assert_eq!(
        state,
        Research {
            topic: "t".into(),
            notes: vec!["a".into(), "b".into()],
            tokens: 5,
            status: "two".into(),
        }
    );
}
