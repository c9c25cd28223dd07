//! Places at which a test can have a mistake made on purpose, in the very code that
//! runs, to see that the simulator notices it.

use std::cell::Cell;

use serde_json::Value;

use crate::store::StepRecord;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    JoinArrivalLost,
    DeferredTaskLost,
    ItemIndexLost,
    EphemeralFieldLost,
    CountLost,
    KeptResultsForgotten,
    EffectCalledAgain,
    EffectsForgotten,
    NewsNotCommitted,
    BufferedRecordsLost,
    ParkedEffectsLost,
    SeenStateForgotten,
    FinalStepKeepsLease,
    CountNotCommitted,
    LoserGoesOn,
}

impl Mistake {
    /// Each with what is wrong.
    pub(crate) const ALL: [(Self, &str); 15] = [
        (Self::JoinArrivalLost, "loading loses the arrivals at joins"),
        (Self::DeferredTaskLost, "loading loses deferred tasks"),
        (
            Self::ItemIndexLost,
            "loading loses the items' positions under `each`",
        ),
        (
            Self::EphemeralFieldLost,
            "loading from a snapshot loses an ephemeral field",
        ),
        (
            Self::CountLost,
            "loading counts the steps from where the turn began, whatever came since",
        ),
        (
            Self::KeptResultsForgotten,
            "kept results are not loaded, so their tasks run again",
        ),
        (Self::EffectCalledAgain, "a recorded effect is called again"),
        (
            Self::EffectsForgotten,
            "the effects of the open step are not loaded",
        ),
        (
            Self::NewsNotCommitted,
            "what was not journaled is not written with the step either",
        ),
        (
            Self::BufferedRecordsLost,
            "the failures that a task lived with are not recorded",
        ),
        (
            Self::ParkedEffectsLost,
            "what was not journaled is not kept with a parked step",
        ),
        (
            Self::SeenStateForgotten,
            "a kept result is loaded as if it had seen today's state",
        ),
        (
            Self::FinalStepKeepsLease,
            "the last commit does not give the lease back",
        ),
        (
            Self::CountNotCommitted,
            "a commit counts the steps from where the turn began, whatever came since",
        ),
        (
            Self::LoserGoesOn,
            "who lost the run goes on when the new owner has made the same step",
        ),
    ];
}

thread_local! {
    static MADE: Cell<Option<Mistake>> = const { Cell::new(None) };
}

/// From now on this thread makes this mistake, and no other.
pub(crate) fn make(mistake: Option<Mistake>) {
    MADE.set(mistake);
}

pub(crate) fn is_made(mistake: Mistake) -> bool {
    MADE.get() == Some(mistake)
}

/// The last step as a loader with the mistake at hand reads it.
pub(crate) fn spoiled(last: &StepRecord) -> StepRecord {
    let frontier = MADE
        .get()
        .and_then(|mistake| spoil(mistake, &last.frontier));
    StepRecord {
        frontier: frontier.unwrap_or_else(|| last.frontier.clone()),
        ..last.clone()
    }
}

fn spoil(mistake: Mistake, frontier: &str) -> Option<String> {
    let mut text: Value = serde_json::from_str(frontier).ok()?;
    let sections = text.as_object_mut()?;
    match mistake {
        Mistake::JoinArrivalLost => drop(sections.remove("joins")),
        Mistake::DeferredTaskLost => drop(sections.remove("deferred")),
        Mistake::ItemIndexLost => {
            let groups = sections.get_mut("tasks")?.as_array_mut()?;
            *groups = groups.iter().flat_map(one_by_one).collect();
        }
        _ => return None,
    }
    Some(text.to_string())
}

/// A group of items as so many groups of one.
fn one_by_one(group: &Value) -> Vec<Value> {
    let Some(inputs) = group.get("inputs").and_then(Value::as_array) else {
        return vec![group.clone()];
    };
    let alone = |input: &Value| {
        let mut group = group.clone();
        group["inputs"] = vec![input.clone()].into();
        group
    };
    inputs.iter().map(alone).collect()
}
