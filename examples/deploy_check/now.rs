//! The program to be deployed: it pays only smaller claims without a review.

use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Claim {
    pub text: String,
    pub amount: u64,
    pub category: String,
    #[reduce(append)]
    pub log: Vec<String>,
}

#[derive(Route)]
enum Verdict {
    Pay,
    LookAt,
}

#[node]
async fn sort(state: &Claim, cx: &Cx) -> Result<ClaimUpdate, NodeError> {
    let category = cx
        .effect("model", &state.text)
        .run(|| ask_model(&state.text));
    Ok(Claim::update().category(category.await?))
}

#[node]
fn judge(state: &Claim) -> Verdict {
    match state.amount {
        0..900 => Verdict::Pay,
        _ => Verdict::LookAt,
    }
}

#[node]
fn look_at(_: &Claim) -> ClaimUpdate {
    Claim::update().log(["somebody looked at it"])
}

/// The bank is closed: this is where the claims wait for a `resume`.
#[node]
async fn pay(state: &Claim, cx: &Cx) -> Result<ClaimUpdate, NodeError> {
    let transfer = cx.effect("transfer", &state.amount).at_most_once();
    let receipt: String = transfer
        .run(|| async { Err(NodeError::not_sent("the bank is closed")) })
        .await?;
    Ok(Claim::update().log([receipt]))
}

#[graph(
    state = Claim,
    start -> sort -> judge,
    judge -> match {
        Verdict::Pay => pay,
        Verdict::LookAt => look_at,
    },
    look_at -> pay -> end,
)]
pub struct Claims;

async fn ask_model(text: &str) -> Result<String, NodeError> {
    ok(format!("something about {}", text.to_lowercase()))
}
