//! The state of the simulated runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::age::Plain;
use super::dice::mix;
use crate::State;
use crate::erased::Updates;
use crate::options::ConflictPolicy;

/// One field for each way in which updates combine.
#[derive(State, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[superstep(crate = crate)]
pub(super) struct Tale {
    /// From this step on routes and error rows lead nowhere.
    pub(super) until: u64,
    /// Concurrent writers always say the same, so that none conflict.
    pub(super) agree: bool,
    pub(super) plain: Plain,
    #[reduce(first)]
    pub(super) first: u64,
    #[reduce(last)]
    pub(super) last: u64,
    #[reduce(append)]
    pub(super) log: Vec<u64>,
    #[reduce(sum)]
    pub(super) sum: u64,
    #[reduce(max)]
    pub(super) max: u64,
    #[reduce(union)]
    pub(super) seen: BTreeSet<u64>,
    #[reduce(merge)]
    pub(super) book: BTreeMap<u64, u64>,
    #[reduce(upsert = id)]
    pub(super) cards: Vec<Card>,
    #[reduce(with = blend)]
    pub(super) blend: u64,
    #[reduce(ephemeral)]
    #[serde(skip)]
    pub(super) whisper: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) id: u64,
    pub(super) text: u64,
}

/// Depends on the order of its contributions.
fn blend(into: &mut u64, value: u64) {
    *into = mix(*into ^ value) >> 16;
}

impl Tale {
    /// The input of a run.
    pub(super) fn begin(until: u64, agree: bool) -> Self {
        Self {
            until,
            agree,
            ..Self::default()
        }
    }

    pub(super) const fn policy(&self) -> ConflictPolicy {
        if self.agree {
            ConflictPolicy::Fail
        } else {
            ConflictPolicy::LastWriterWins
        }
    }
}

/// An operator's correction that becomes step `step`.
pub(super) fn correction(step: u64) -> Updates {
    Updates::of::<Tale>(Tale::update().log([step]).blend(step))
}

/// With what step `step` begins a further turn.
pub(super) fn further_turn(step: u64) -> Updates {
    Updates::of::<Tale>(Tale::update().log([step]).until(step + 4))
}

/// What a fork whose first step is `step` begins with.
pub(super) fn edited(tale: &Tale, step: u64) -> Tale {
    let mut tale = annotated(tale, step);
    blend(&mut tale.blend, step);
    tale
}

/// The same, if its tasks are to ask for what they asked for before.
pub(super) fn annotated(tale: &Tale, step: u64) -> Tale {
    let mut tale = tale.clone();
    tale.log.push(step);
    // A fork does not inherit what no store keeps.
    tale.whisper = 0;
    tale
}
