//! What a fork begins with in which a call has answered something else, in the simulator's own
//! words.

use std::collections::BTreeSet;

use super::dice::Dice;
use super::nodes::ONCE;
use super::outside::is_readable;
use crate::hash::Digest;
use crate::machine::Machine;
use crate::node_error::NodeError;
use crate::session::{GivenResponse, WhatIf};
use crate::store::{EffectClass, EffectKind, EffectRecord, Loaded};

/// A call of the open step that is to have answered something else.
pub(super) struct Otherwise {
    pub(super) what_if: WhatIf,
    /// What nobody may call again in the fork, and what it comes to.
    pub(super) stays: Vec<EffectRecord>,
}

/// One of the calls on record, with another answer; none if a task has an effect that answers
/// to another state than the fork's tasks see.
pub(super) fn otherwise(loaded: &Loaded, machine: &Machine, dice: &mut Dice) -> Option<Otherwise> {
    let saw_older = |saw: u64| saw != loaded.head.step;
    if loaded.pending.iter().any(|kept| saw_older(kept.saw)) {
        return None;
    }
    let called: Vec<&EffectRecord> = loaded.effects.iter().filter(is_answered).collect();
    let changed = *called.get(dice.index(called.len().max(1)))?;
    let answer = dice.below(1 << 40);
    let (node, item) = place_of(machine, changed)?;
    let call = (&*changed.name, changed.n);
    let finished: BTreeSet<Digest> = loaded.pending.iter().map(|kept| kept.task).collect();
    let what_if = WhatIf {
        responses: vec![GivenResponse::new((node, item), call, &answer).ok()?],
        recorded: loaded.effects.clone(),
        finished: Some(finished.clone()),
    };
    let stays = loaded.effects.iter().filter_map(|record| {
        let failure = record.error.as_deref();
        let stands = |text: &str| match finished.contains(&record.task) {
            true => NodeError::that_stands(text),
            false => text.to_owned(),
        };
        let record = EffectRecord {
            step: record.step + 1,
            error: failure.map(stands),
            ..record.clone()
        };
        if record.key().task == changed.task && (&*record.name, record.n) == call {
            return Some(EffectRecord {
                response: Some(answer.to_string()),
                ..record
            });
        }
        // A call without a place is yet to come.
        let is_after = record.call.is_none_or(|place| Some(place) > changed.call);
        let may_depend = record.task == changed.task && is_after;
        (!may_depend || record.name == ONCE).then_some(record)
    });
    Some(Otherwise {
        what_if,
        stays: stays.collect(),
    })
}

fn is_answered(record: &&EffectRecord) -> bool {
    let is_answered = matches!(record.kind, EffectKind::Done | EffectKind::Answered);
    let is_effect = record.class == EffectClass::Effect;
    is_effect && is_answered && record.call.is_some() && is_readable(record)
}

/// The node that made the call, and which of its tasks.
fn place_of(machine: &Machine, call: &EffectRecord) -> Option<(&'static str, u64)> {
    let tasks = machine.frontier();
    let is_it = |key| machine.keys().get(key) == call.task;
    let at = tasks.iter().position(|task| is_it(task.key))?;
    let node = tasks[at].node;
    let before = tasks[..at].iter().filter(|task| task.node == node);
    Some((machine.info().node_name(node), before.count() as u64))
}
