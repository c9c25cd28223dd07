//! What retention may drop.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::store::{Head, Prune};

/// Whether a run is one that `prune` asks for, `keep_newest` aside.
pub fn is_prunable(prune: &Prune, head: &Head, live: bool, now: SystemTime) -> bool {
    let age = now.duration_since(head.updated).unwrap_or(Duration::ZERO);
    !live
        && prune
            .graph
            .as_ref()
            .is_none_or(|graph| *graph == head.graph)
        && prune.statuses.contains(&head.status)
        && age >= prune.older_than
}

/// The runs to prune, of those that [`is_prunable`] let through. A fork comes
/// before its origin, which nothing holds once the fork is gone.
pub fn candidates(prune: &Prune, mut prunable: Vec<Head>) -> Vec<String> {
    prunable.sort_by(|a, b| (b.updated, &a.run).cmp(&(a.updated, &b.run)));
    let old = prunable.split_off(prune.keep_newest.min(prunable.len()));
    let origins: BTreeMap<&str, &str> = old
        .iter()
        .filter_map(|head| Some((head.run.as_str(), head.origin.as_ref()?.run.as_str())))
        .collect();
    let depth = |head: &Head| {
        let parent = |run: &&str| origins.get(run).copied();
        // No more than there are: rows that were altered may form a circle.
        std::iter::successors(Some(head.run.as_str()), parent)
            .take(old.len())
            .count()
    };
    let mut deepest_first: Vec<_> = old.iter().map(|head| (depth(head), &head.run)).collect();
    deepest_first.sort_by(|(a, _), (b, _)| b.cmp(a));
    deepest_first
        .into_iter()
        .map(|(_, run)| run.clone())
        .collect()
}

/// What a decision needs to know of a run's own history.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct History {
    /// The run's own first step: 0, or the one that made it a fork.
    pub first: u64,
    /// The step of its newest snapshot, if it has one.
    pub snapshot: Option<u64>,
    /// The last step at which another run branched off.
    pub branch: Option<u64>,
}

impl History {
    /// Without a snapshot, and nobody branched off.
    pub const fn new(first: u64) -> Self {
        Self {
            first,
            snapshot: None,
            branch: None,
        }
    }
}

/// The steps that can go. The first stays, so that a start is recognised when
/// it is repeated; what forks stand on stays; and a resume begins at the snapshot.
/// The range is empty if none can, and never ends before it begins.
pub fn droppable(history: History) -> Range<u64> {
    let first = history.branch.unwrap_or(0).max(history.first) + 1;
    first..history.snapshot.unwrap_or(0).max(first)
}

/// Whether a snapshot that is no longer the newest has to stay: the steps after
/// a pruned part of the history stand on it, or a fork does.
pub fn stands_on(snapshot: u64, pruned: u64, branch: Option<u64>) -> bool {
    (pruned > 0 && snapshot == pruned) || branch.is_some_and(|branch| snapshot <= branch)
}

/// Where the steps that lead up to `last` begin without a gap: 0 if all are
/// there. `pruned` is what the head of that run says: from there on nothing was
/// pruned, and what another one stands on is not pruned later either. `steps` are
/// those that exist, downwards from `last`, read only for what lies before `pruned`.
pub fn pruned_before<E>(
    last: u64,
    pruned: u64,
    steps: impl FnOnce() -> Result<Vec<u64>, E>,
) -> Result<u64, E> {
    if pruned <= last {
        return Ok(pruned);
    }
    let unbroken = (0..=last)
        .rev()
        .zip(steps()?)
        .take_while(|(wanted, found)| wanted == found);
    Ok(unbroken.last().map_or(last, |(step, _)| step))
}
