//! Mistakes made on purpose, to see that the simulator notices each.
//!
//! They are made where they would be made: in what stands around the machine
//! (the owners' side of loading, merging and journaling) or in the store.

use std::collections::HashMap;

use serde_json::Value;

use super::drama::Drama;
use super::tale::TaleUpdate;
use crate::hash::{Digest, Hasher};
use crate::machine::{Gathered, Machine};
use crate::store::Commit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    MergeByCompletion,
    FrontierByCompletion,
    RetriedTaskMergedTwice,
    JoinArrivalLost,
    DeferredTaskLost,
    ItemIndexLost,
    EphemeralFieldLost,
    CountLost,
    KeptResultsDropped,
    KeptResultParkedAgain,
    EffectRecordedLate,
    EffectsForgotten,
    LoadedBeforeLease,
    CorrectionWithoutLease,
    TurnWithoutLease,
    LiveLeaseTaken,
    NoEpochCheck,
    TakeoverKeepsEpoch,
    FalseAcknowledgement,
    RepeatedCommitIsNew,
    StepRewritten,
    TokenForgotten,
}

impl Bug {
    /// Each with what is wrong.
    pub(super) const ALL: [(Self, &str); 22] = [
        (
            Self::MergeByCompletion,
            "updates merge in the order in which tasks finish",
        ),
        (
            Self::FrontierByCompletion,
            "the frontier is built in the order in which tasks finish",
        ),
        (
            Self::RetriedTaskMergedTwice,
            "the update of a retried task merges twice",
        ),
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
            Self::KeptResultsDropped,
            "kept results are not loaded, so their tasks run again",
        ),
        (
            Self::KeptResultParkedAgain,
            "a kept result is parked again as if it had seen today's state",
        ),
        (
            Self::EffectRecordedLate,
            "an effect is recorded with the commit, after its task saw it",
        ),
        (
            Self::EffectsForgotten,
            "recorded effects are not loaded, so they are called again",
        ),
        (
            Self::LoadedBeforeLease,
            "an owner loads first and takes the lease afterwards",
        ),
        (
            Self::CorrectionWithoutLease,
            "an operator looks first and takes the lease afterwards",
        ),
        (
            Self::TurnWithoutLease,
            "a turn looks at the step that it drops first and takes the lease afterwards",
        ),
        (
            Self::LiveLeaseTaken,
            "a lease is taken over while it is alive",
        ),
        (
            Self::NoEpochCheck,
            "the store takes commits with an old epoch",
        ),
        (
            Self::TakeoverKeepsEpoch,
            "a lease is taken over without a new epoch",
        ),
        (
            Self::FalseAcknowledgement,
            "a commit is acknowledged that did not happen",
        ),
        (
            Self::RepeatedCommitIsNew,
            "a repeated commit of a step is taken for a new one",
        ),
        (
            Self::StepRewritten,
            "a step is committed again under another key",
        ),
        (
            Self::TokenForgotten,
            "a turn that is asked for again begins again",
        ),
    ];
}

/// What a loader with this bug reads in the place of a frontier.
pub(super) fn spoil_frontier(bug: Bug, frontier: &str) -> Option<String> {
    let mut text = parse(frontier);
    let sections = text.as_object_mut()?;
    match bug {
        Bug::JoinArrivalLost => drop(sections.remove("joins")),
        Bug::DeferredTaskLost => drop(sections.remove("deferred")),
        Bug::ItemIndexLost => {
            let groups = sections.get_mut("tasks")?.as_array_mut()?;
            *groups = groups.iter().flat_map(one_by_one).collect();
        }
        _ => return None,
    }
    Some(text.to_string())
}

fn parse(frontier: &str) -> Value {
    serde_json::from_str(frontier).expect("a frontier is JSON")
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

/// Positions in the order in which they stand in `completion`.
fn ranks(completion: &[usize]) -> HashMap<usize, usize> {
    (0..)
        .zip(completion)
        .map(|(rank, position)| (*position, rank))
        .collect()
}

pub(super) fn merge_by_completion(gathered: &mut Gathered<TaleUpdate>, completion: &[usize]) {
    let ranks = ranks(completion);
    let writers = gathered.writers.iter().copied();
    let mut updates: Vec<_> = writers.zip(gathered.updates.drain(..)).collect();
    updates.sort_by_key(|(writer, _)| ranks[writer]);
    (gathered.writers, gathered.updates) = updates.into_iter().unzip();
}

pub(super) fn frontier_by_completion(
    machine: &mut Machine<Drama>,
    keys: &[Digest],
    completion: &[usize],
) {
    let ranks = ranks(completion);
    let position = |parent: Digest| keys.iter().position(|key| *key == parent);
    let rank = |group: &Value| {
        let parent = group["parent"].as_str().and_then(Digest::parse);
        let position = parent.and_then(position);
        position.map_or(usize::MAX, |position| ranks[&position])
    };
    let mut text = parse(&machine.frontier_text().expect("a tale has an encoding"));
    if let Some(groups) = text.get_mut("tasks").and_then(Value::as_array_mut) {
        groups.sort_by_key(rank);
        let restored = machine.restore_frontier(&text.to_string());
        restored.expect("it is a frontier in another order");
    }
}

pub(super) fn merge_again(gathered: &mut Gathered<TaleUpdate>, retried: &[usize]) {
    let writers = gathered.writers.iter().zip(&gathered.updates);
    let again = writers.filter(|(writer, _)| retried.contains(writer));
    let again: Vec<_> = again.map(|(_, update)| update.clone()).collect();
    gathered.updates.extend(again);
}

pub(super) fn under_another_key(mut commit: Commit) -> Commit {
    let key = commit.record.key;
    commit.record.key = Hasher::new().part(key.as_bytes()).finish();
    commit
}
