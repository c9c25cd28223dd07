//! A fork in which calls of the step after its branch have answered something else: what is on
//! record of that step when the fork begins.
//!
//! All that the origin's tasks came to is taken over, so that nothing is called again up to the
//! changed answer. What a task called after it may depend on it: such a record is left to effects
//! that are made at most once, which are never made again, and everything else is called anew.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cx::{APART, Call};
use crate::encode::{self, DecodeError, Draft, EncodeError, read_back};
use crate::error::Error;
use crate::hash::{Digest, Hasher};
use crate::json_diff::shown;
use crate::node_error::NodeError;
use crate::store::{EffectClass, EffectKind, EffectRecord};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct WhatIf {
    pub(crate) responses: Vec<GivenResponse>,
    /// What is on record of the origin's step.
    pub(crate) recorded: Vec<EffectRecord>,
    /// The tasks that have finished in that step; all, if the origin has it behind it.
    pub(crate) finished: Option<BTreeSet<Digest>>,
}

/// What a call is to have answered.
#[derive(Debug)]
pub(crate) struct GivenResponse {
    node: String,
    item: u64,
    effect: String,
    n: u64,
    text: String,
    ty: &'static str,
    fits: fn(&str) -> Result<(), DecodeError>,
}

/// What answers otherwise.
#[derive(Default)]
struct Changes {
    /// The new records.
    given: BTreeMap<Call, EffectRecord>,
    /// The place of the first of them among the calls of its task.
    first: BTreeMap<Digest, u32>,
}

impl Changes {
    fn add(&mut self, recorded: &EffectRecord, given: EffectRecord) {
        // When another thread called nobody knows.
        let place = recorded.call.filter(|place| *place != APART).unwrap_or(0);
        let first = self.first.entry(recorded.task).or_insert(place);
        *first = place.min(*first);
        self.given.insert(Call::of(recorded), given);
    }

    /// Whether what was called may depend on an answer that is another one now.
    fn may_reach(&self, record: &EffectRecord) -> bool {
        let first = self.first.get(&record.task);
        first.is_some_and(|first| record.call.is_none_or(|place| place >= *first))
    }
}

impl GivenResponse {
    pub(crate) fn new<T: Serialize + DeserializeOwned>(
        (node, item): (&str, u64),
        (effect, n): (&str, u64),
        value: &T,
    ) -> Result<Self, EncodeError> {
        let read = |text: &str| read_back::<T>(text).map(drop);
        Ok(Self {
            node: node.to_owned(),
            item,
            effect: effect.to_owned(),
            n,
            text: Draft::of(value)?.checked(true, read)?,
            ty: type_name::<T>(),
            fits: |text| encode::from_str::<T>(text).map(drop),
        })
    }

    /// The order key of the task that made the call.
    fn task(&self, tasks: &[(Digest, String)]) -> Option<Digest> {
        let mut tasks = tasks.iter().filter(|(_, node)| *node == self.node);
        let (key, _) = tasks.nth(usize::try_from(self.item).ok()?)?;
        Some(*key)
    }

    /// The record in the place of `recorded`.
    fn in_place_of(&self, recorded: &EffectRecord) -> EffectRecord {
        EffectRecord {
            kind: EffectKind::Done,
            response: Some(self.text.clone()),
            error: None,
            ..recorded.clone()
        }
    }

    fn not_found(&self, run: &str, step: u64, recorded: String) -> Error {
        Error::EffectNotFound {
            run: run.to_owned(),
            step,
            node: self.node.as_str().into(),
            item: self.item,
            effect: self.effect.as_str().into(),
            n: self.n,
            recorded: recorded.into(),
        }
    }

    fn refused(&self, run: &str, step: u64, recorded: &str, error: &DecodeError) -> Error {
        Error::ResponseRefused {
            run: run.to_owned(),
            step,
            node: self.node.as_str().into(),
            call: format!("effect `{}` (call {})", self.effect, self.n).into(),
            recorded: shown(recorded).into(),
            given: shown(&self.text).into(),
            reason: format!("what is recorded is not a `{}`: {}", self.ty, error.reason).into(),
        }
    }
}

impl WhatIf {
    /// What is on record of the fork's open step, which is step `open` and has these tasks, by
    /// key and node; `run` is the origin, in which it is step `step`.
    pub(super) fn effects(
        &self,
        tasks: &[(Digest, String)],
        (run, step): (&str, u64),
        open: u64,
    ) -> Result<Vec<EffectRecord>, Error> {
        if self.responses.is_empty() || mistake!(OtherAnswersLost) {
            return Ok(Vec::new());
        }
        let changes = self.changes(tasks, run, step)?;
        let tasks: BTreeSet<Digest> = tasks.iter().map(|(key, _)| *key).collect();
        let recorded = self.recorded.iter();
        let recorded = recorded.filter(|record| tasks.contains(&record.task));
        let taken_over = recorded.filter_map(|record| {
            let given = changes.given.get(&Call::of(record));
            match given {
                Some(given) => Some(given.clone()),
                None if changes.may_reach(record) => left_behind(self.kept(record)),
                None => Some(self.kept(record)),
            }
        });
        let in_step = |record| EffectRecord {
            step: open,
            ..record
        };
        Ok(taken_over.map(in_step).collect())
    }

    fn changes(&self, tasks: &[(Digest, String)], run: &str, step: u64) -> Result<Changes, Error> {
        let mut changes = Changes::default();
        for response in &self.responses {
            let record = self.record_for(response, tasks, run, step)?;
            if let Some(text) = &record.response {
                let checked = (response.fits)(text);
                checked.map_err(|error| response.refused(run, step, text, &error))?;
            }
            changes.add(record, response.in_place_of(record));
        }
        Ok(changes)
    }

    fn record_for(
        &self,
        response: &GivenResponse,
        tasks: &[(Digest, String)],
        run: &str,
        step: u64,
    ) -> Result<&EffectRecord, Error> {
        let task = response.task(tasks);
        let is_it = |record: &&EffectRecord| {
            (Some(record.task), &record.name, record.n) == (task, &response.effect, response.n)
                && is_answer(record)
        };
        let found = self.recorded.iter().find(is_it);
        found.ok_or_else(|| response.not_found(run, step, self.listed(tasks, step)))
    }

    /// What there is to be answered otherwise in `step`, or where to look for it.
    fn listed(&self, tasks: &[(Digest, String)], step: u64) -> String {
        const ELSEWHERE: &str = "fork at the step before the one that made the call";
        /// No more than that help anybody.
        const MOST: usize = 10;
        let mut items: BTreeMap<&str, u64> = BTreeMap::new();
        let mut listed = Vec::new();
        for (key, node) in tasks {
            let item = items.entry(node).or_default();
            let of_task = |record: &&EffectRecord| record.task == *key && is_answer(record);
            listed.extend(self.recorded.iter().filter(of_task).map(|record| {
                let (name, n) = (&record.name, record.n);
                format!("(\"{node}\", {item}, \"{name}\", {n})")
            }));
            *item += 1;
        }
        if tasks.is_empty() {
            let last = step - 1;
            return format!(
                "its turn ends with step {last}, and nothing runs behind it: {ELSEWHERE}"
            );
        }
        if listed.is_empty() {
            return format!(
                "nothing is on record there, nor is a call that failed its node without being refused: {ELSEWHERE}"
            );
        }
        let more = if listed.len() > MOST { ", …" } else { "" };
        listed.truncate(MOST);
        let listed = listed.join(", ") + more;
        format!(
            "a call that failed its node without being refused is not on record; on record there, as `with_response` takes it: {listed}"
        )
    }

    /// A record that stands in the fork as it does in its origin. A failure that a task went on
    /// with, and finished, would else be tried again.
    fn kept(&self, record: &EffectRecord) -> EffectRecord {
        let finished = self.finished.as_ref();
        let is_finished = finished.is_none_or(|finished| finished.contains(&record.task));
        let error = record.error.as_deref().map(|text| match is_finished {
            true => NodeError::that_stands(text),
            false => text.to_owned(),
        });
        // The fork's own signals have numbers of their own.
        let signal = None;
        EffectRecord {
            error,
            signal,
            ..record.clone()
        }
    }
}

/// The key of a fork's first step, which would be `key` without these: another answer makes
/// another fork.
pub(super) fn key_with(responses: &[GivenResponse], key: Digest) -> Digest {
    if responses.is_empty() {
        return key;
    }
    let hasher = Hasher::new().part(key.as_bytes());
    let hashed = |hasher: Hasher, response: &GivenResponse| {
        hasher
            .part(&response.node)
            .number(response.item)
            .part(&response.effect)
            .number(response.n)
            .part(&response.text)
    };
    responses.iter().fold(hasher, hashed).finish()
}

/// Whether it is of a call whose task saw what came of it, or may see it yet.
fn is_answer(record: &EffectRecord) -> bool {
    record.class == EffectClass::Effect && record.kind != EffectKind::Clock && record.call.is_some()
}

/// The same for effects only that are made at most once; a clock is read anew, and what was waited
/// for is waited for anew.
fn left_behind(record: EffectRecord) -> Option<EffectRecord> {
    let record = EffectRecord {
        call: None,
        seen: None,
        attempt: EffectRecord::LEFT_BEHIND,
        ..record
    };
    let is_call = record.class == EffectClass::Effect && record.kind != EffectKind::Clock;
    let is_kept = is_call && !mistake!(LeftBehindForgotten);
    is_kept.then_some(record)
}
