//! Mistakes made on purpose, to see that the simulator notices each.
//!
//! They are made where they would be made: in the session, in what stands around
//! it (the owners' side of merging and journaling), or in the store.

use std::collections::HashMap;

use serde_json::Value;

use super::drama::Drama;
use super::tale::TaleUpdate;
use crate::hash::{Digest, Hasher};
use crate::machine::{Gathered, Machine};
use crate::session::mistakes::Mistake;
use crate::store::Commit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// Of the session.
    Of(Mistake),
    MergeByCompletion,
    FrontierByCompletion,
    RetriedTaskMergedTwice,
    KeptResultParkedAgain,
    EffectRecordedLate,
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
    /// Each with what is wrong; those of the session first.
    pub(super) fn all() -> impl Iterator<Item = (Self, &'static str)> {
        let of = |(mistake, what)| (Self::Of(mistake), what);
        Mistake::ALL.into_iter().map(of).chain(Self::AROUND)
    }

    const AROUND: [(Self, &str); 15] = [
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
        (
            Self::KeptResultParkedAgain,
            "a kept result is parked again as if it had seen today's state",
        ),
        (
            Self::EffectRecordedLate,
            "an effect is recorded with the commit, after its task saw it",
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

fn parse(frontier: &str) -> Value {
    serde_json::from_str(frontier).expect("a frontier is JSON")
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
