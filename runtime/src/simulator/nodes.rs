//! What the nodes do: a pure function of what a task may see.
//!
//! Every choice is made by the task's order key, so a task that runs under a
//! wrong key does something else; every value depends on the state, so a wrong
//! state shows in the next update.

use super::dice::mix;
use super::drama::{Drama, hops, stage};
use super::graphs::ARMS;
use super::tale::{Card, Tale, TaleUpdate};
use crate::graph::{EdgeInfo, EdgeKind, Graph, GraphInfo, Hops, NodeId, RowInfo};
use crate::hash::{Digest, Hasher};
use crate::machine::Finished;
use crate::node_error::Failure;

/// What a task's effects came to, in the order of its calls; `None` for a failure.
pub(super) type Answers = Vec<Option<u64>>;

/// One call of an effect: its name, and which call of that name.
pub(super) type Call = (&'static str, u64);

/// What a task may see.
pub(super) struct View<'a> {
    pub(super) node: NodeId,
    pub(super) key: Digest,
    pub(super) input: Option<u32>,
    pub(super) state: &'a Tale,
    /// The step in which it ran.
    pub(super) step: u64,
}

/// A choice that a task makes, one below `of`.
fn fate(key: Digest, what: u64, of: u64) -> u64 {
    mix(key.to_u64() ^ what) % of
}

const FAILS: u64 = 1;
const ARM: u64 = 2;
const WRITES: u64 = 3;
const CALLS: u64 = 4;
const BEARS: u64 = 5;
/// And those that follow, one for each edge.
const ITEMS: u64 = 6;

impl View<'_> {
    /// The effects that the task calls, one after the other.
    pub(super) fn calls(&self) -> &'static [Call] {
        match fate(self.key, CALLS, 6) {
            0 => &[("ask", 0)],
            1 => &[("ask", 0), ("ask", 1)],
            2 => &[("ask", 0), ("pay", 0)],
            _ => &[],
        }
    }

    /// What it asks with its next call. A failed call may go well another time,
    /// so what it came to must not reach the request of a later one.
    pub(super) fn request(&self, answers: &Answers) -> Digest {
        let hasher = Hasher::new().number(self.state.blend);
        hasher.number(answers.len() as u64).finish()
    }

    /// Whether the task goes on when that call fails.
    pub(super) fn bears_failure(&self, answers: &Answers) -> bool {
        fate(self.key, BEARS ^ (answers.len() as u64) << 32, 2) == 0
    }

    /// What the task comes to.
    pub(super) fn work(&self, answers: &Answers) -> Finished<Drama> {
        let info = stage();
        let stops = self.step >= self.state.until;
        let has_error_row =
            (info.edges.iter()).any(|edge| edge.from == self.node && edge.kind == EdgeKind::Error);
        if has_error_row && !stops && fate(self.key, FAILS, 3) == 0 {
            let failure = Failure {
                node: info.node_name(self.node).to_owned(),
                attempts: 1,
                message: "as foreseen".into(),
            };
            return Finished {
                update: None,
                hops: Drama::on_error(self.node, failure.clone()).unwrap_or(Hops::none()),
                failure: Some(Box::new(failure)),
                attempt: 1,
                saw: None,
            };
        }
        let hops = match info.nodes[self.node as usize].row {
            RowInfo::Dynamic if stops => Hops::none(),
            RowInfo::Dynamic => self.route(info),
            RowInfo::Static { .. } | RowInfo::None => Hops::Row,
        };
        Finished {
            update: self.update(answers),
            hops,
            failure: None,
            attempt: 1,
            saw: None,
        }
    }

    /// One of the row's arms, or none.
    fn route(&self, info: &GraphInfo) -> Hops<u32> {
        let arm = ARMS.get(fate(self.key, ARM, ARMS.len() as u64 + 1) as usize);
        let Some(arm) = arm else { return Hops::none() };
        let taken = |edge: &EdgeInfo| edge.from == self.node && edge.label == Some(arm);
        // Few items later on, or runs would grow without end.
        let most = if self.step < 4 { 4 } else { 2 };
        hops(info, taken, |edge| {
            fate(self.key, ITEMS + u64::from(edge), most)
        })
    }

    fn update(&self, answers: &Answers) -> Option<TaleUpdate> {
        let fields = fate(self.key, WRITES, 1 << 12);
        let state = self.state;
        let seen = state.blend ^ state.whisper ^ state.last ^ state.log.len() as u64;
        let given = told(answers) ^ u64::from(self.input.unwrap_or(0));
        let value = mix(mix(self.key.to_u64() ^ seen) ^ given) >> 16;
        // Values that all tasks of a run agree on, where they have to.
        let said = |about: u64| if state.agree { about } else { value };
        let writes = |bit: u32| fields >> bit & 1 == 1;
        let mut update = Tale::update();
        if writes(0) {
            update = update.plain(said(7));
        }
        if writes(1) {
            update = update.first(value).last(value);
        }
        if writes(2) {
            update = update.log([value]);
        }
        if writes(3) {
            update = update.sum(value % 1_000).max(value % 1_000);
        }
        if writes(4) {
            update = update.seen([value % 16]);
        }
        if writes(5) {
            update = update.book([(value % 8, said(value % 8))]);
        }
        if writes(6) {
            let (id, text) = (value % 4, said(value % 4));
            update = update.cards([Card { id, text }]);
        }
        if writes(7) || writes(8) {
            update = update.blend(value);
        }
        if writes(9) && !state.agree {
            update = update.whisper(value);
        }
        (!fields.is_multiple_of(16)).then_some(update)
    }
}

/// All answers in one number.
fn told(answers: &Answers) -> u64 {
    let each = answers.iter().map(|answer| answer.map_or(1, mix));
    each.fold(0, |all, answer| mix(all ^ answer))
}
