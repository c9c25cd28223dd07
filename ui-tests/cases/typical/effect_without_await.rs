use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Letter {
    text: String,
}

// Shown in docs/compile-errors.md:
#[node]
async fn write(_: &Letter, cx: &Cx) -> Result<LetterUpdate, NodeError> {
    let text: String = cx
        .effect("write", &"a letter")
        .run(|| async { superstep::ok("Dear reader,".to_owned()) })?;
    Ok(Letter::update().text(text))
}

// Not shown:
fn main() {}
