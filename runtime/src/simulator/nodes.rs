//! What the nodes do: a pure function of what a task may see.
//!
//! Every choice is made by the task's order key, so a task that runs under a
//! wrong key does something else; every value depends on the state, so a wrong
//! state shows in the next update.

use super::age::Plain;
use super::desk;
use super::dice::mix;
use super::drama::hops;
use super::graphs::ARMS;
use super::tale::{Card, Tale};
use std::time::Duration;

use crate::cx::{CallId, Cx, Request};
use crate::erased::Updates;
use crate::graph::{Done, EdgeInfo, EdgeKind, GraphInfo, Hops, NodeId, RowInfo};
use crate::hash::Digest;
use crate::node_error::NodeError;
use crate::store::{EffectClass, EffectKey};

/// The name of the effect that must not be repeated.
pub(super) const ONCE: &str = "pay";

/// The names of the signals that tasks wait for.
pub(super) const SIGNALS: [&str; 2] = ["go", "stop"];

/// The outcomes of a task's effects and waits, in the order of its calls; `None` for a failure, and
/// if nothing came in time.
pub(super) type Answers = Vec<Option<u64>>;

/// One thing that a task asks for: the name, and which of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// An effect.
    Effect(&'static str, u64),
    /// A signal.
    Signal(&'static str, u64),
    /// The same, for a limited time.
    Within(&'static str, u64),
    /// A time.
    Nap(u64),
    /// A question.
    Ask(&'static str),
    /// The same, with an answer if nobody gives one in time.
    AskWithin(&'static str),
    /// A question or a signal, whichever is answered or comes first; if both are, the question.
    AskOr(&'static str, &'static str),
    /// Whichever of these two signals comes first; if both are there, the first of the two.
    Race(&'static str, &'static str),
}

impl Call {
    /// The keys under which it is recorded: of which class, under which name, which of that.
    pub(super) fn ids(self) -> Vec<CallId> {
        let id = |class, name: &str, n| (class, name.to_owned(), n);
        match self {
            Self::Effect(name, n) => vec![id(EffectClass::Effect, name, n)],
            Self::Signal(name, n) | Self::Within(name, n) => {
                vec![id(EffectClass::Signal, name, n)]
            }
            Self::Ask(name) | Self::AskWithin(name) => {
                vec![id(EffectClass::Question, name, 0)]
            }
            Self::AskOr(name, signal) => vec![
                id(EffectClass::Question, name, 0),
                id(EffectClass::Signal, signal, 0),
            ],
            Self::Nap(n) => vec![id(EffectClass::Time, "", n)],
            Self::Race(one, other) => [one, other]
                .map(|name| id(EffectClass::Signal, name, 0))
                .into(),
        }
    }
}

/// Whether the call must not be repeated.
fn is_once(call: Call) -> bool {
    matches!(call, Call::Effect(ONCE, _))
}

/// What a task may see.
pub(super) struct View<'a> {
    pub(super) graph: &'static GraphInfo,
    pub(super) node: NodeId,
    pub(super) key: Digest,
    pub(super) input: Option<u32>,
    pub(super) state: &'a Tale,
    /// The step in which it ran.
    pub(super) step: u64,
    /// Which attempt it is, from 1.
    pub(super) attempt: u32,
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
const SHORTENS: u64 = 1 << 40;
const TIMES: u64 = 1 << 41;
const DEFAULT: u64 = 1 << 42;
/// The choices that follow, one for each edge.
const ITEMS: u64 = 6;

impl View<'_> {
    /// The effects that the task calls, one after the other.
    pub(super) fn calls(&self) -> &'static [Call] {
        use Call::{Ask, AskOr, AskWithin, Effect, Nap, Race, Signal, Within};
        // A node that keeps its thread cannot wait.
        let kinds = match self.graph.nodes[self.node as usize].options.blocking {
            true => 6,
            false => 16,
        };
        let kind = fate(self.key, CALLS, kinds);
        let calls: &[Call] = match if kinds == 6 && kind > 3 { 16 } else { kind } {
            0 => &[Effect("ask", 0)],
            1 => &[Effect("ask", 0), Effect("ask", 1)],
            2 => &[Effect("ask", 0), Effect(ONCE, 0)],
            3 => &[Effect(ONCE, 0)],
            4 => &[Signal("go", 0), Effect("ask", 0)],
            5 => &[Effect("ask", 0), Within("go", 0), Effect(ONCE, 0)],
            6 => &[Nap(0), Effect("ask", 0), Nap(1)],
            7 => &[
                Race("go", "stop"),
                Within("go", 1),
                Effect("ask", 0),
                Signal("stop", 1),
            ],
            8 => &[Ask("may I"), Effect("ask", 0)],
            9 => &[Effect("ask", 0), AskWithin("may I"), Effect(ONCE, 0)],
            10 => &[AskOr("may I", "stop"), Effect("ask", 0), Ask("really")],
            _ => &[],
        };
        // A second attempt may go another way.
        let is_shorter = self.attempt == 2 && fate(self.key, SHORTENS, 2) == 0;
        let first = calls.iter().take_while(|call| !is_once(**call)).count();
        match is_shorter {
            true => &calls[..first.min(1)],
            false => calls,
        }
    }

    /// What it asks with its next call. A failed call may succeed another time,
    /// so its outcome must not reach the request of a later one.
    fn asks(&self, answers: &Answers) -> u64 {
        mix(self.state.blend ^ mix(answers.len() as u64))
    }

    /// How that request is recorded.
    pub(super) fn request(&self, answers: &Answers) -> Digest {
        Request::of(self.asks(answers).to_string()).digest
    }

    /// What counts if nobody answers.
    pub(super) fn default(&self) -> u64 {
        fate(self.key, TIMES ^ DEFAULT, 1_000)
    }

    /// Whether the task continues when that call fails.
    fn bears_failure(&self, answers: &Answers) -> bool {
        fate(self.key, BEARS ^ (answers.len() as u64) << 32, 2) == 0
    }

    /// Whether the task fails whatever happens, so that its error row takes over.
    pub(super) fn is_doomed(&self) -> bool {
        let has_error_row = (self.graph.edges.iter())
            .any(|edge| edge.from == self.node && edge.kind == EdgeKind::Error);
        has_error_row && !self.stops() && fate(self.key, FAILS, 3) == 0
    }

    /// From some step on routes lead nowhere.
    const fn stops(&self) -> bool {
        self.step >= self.state.until
    }

    /// The node's function.
    pub(super) async fn act(&self, cx: &Cx) -> Result<Done, NodeError> {
        if self.is_doomed() {
            return Err(NodeError::permanent("as foreseen"));
        }
        let mut answers = Answers::new();
        let mut got = Vec::new();
        for call in self.calls() {
            let answer = match *call {
                Call::Effect(name, n) => self.call(cx, (name, n), &answers, &got).await?,
                wait => {
                    let (id, answer) = self.wait(cx, wait, &answers).await;
                    let (class, name, n) = id;
                    let key = EffectKey::new(self.step, self.key, name, n).of_class(class);
                    got.push((key, answer));
                    got.last().cloned().into_iter().for_each(desk::got);
                    answer
                }
            };
            answers.push(answer);
        }
        desk::fate().map_or_else(|| Ok(self.done(&answers)), Err)
    }

    /// Calls an effect, for a task that has received `got`; `None` for a failure that the task
    /// bears.
    async fn call(
        &self,
        cx: &Cx,
        (name, n): (&'static str, u64),
        answers: &Answers,
        got: &[desk::Got],
    ) -> Result<Option<u64>, NodeError> {
        let effect = cx.effect(name, &self.asks(answers));
        let id = (self.key, name.to_owned(), n);
        let call = || desk::call(id, got.to_vec());
        let answer = match name {
            ONCE => effect.at_most_once().run(call).await,
            _ => effect.run(call).await,
        };
        match answer {
            Ok(answer) => {
                desk::saw(cx, (name, n), answer);
                Ok(Some(answer))
            }
            // What is refused is refused for good.
            Err(error) if error.is_refused() || self.bears_failure(answers) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits; returns what came first, and its value.
    async fn wait(&self, cx: &Cx, call: Call, answers: &Answers) -> (CallId, Option<u64>) {
        let mut ids = call.ids();
        let ask = |name| cx.ask::<u64>(name, &self.asks(answers), || Ok("{}".to_owned()));
        match call {
            Call::Effect(..) => unreachable!("an effect is no wait"),
            Call::Signal(name, _) => (ids.remove(0), Some(cx.receive(name).await)),
            Call::Within(name, _) => {
                let time = Duration::from_secs(fate(self.key, TIMES, 5));
                (ids.remove(0), cx.receive(name).within(time).await)
            }
            Call::Nap(n) => {
                let time = Duration::from_secs(fate(self.key, TIMES ^ n, 5));
                cx.sleep(time).await;
                (ids.remove(0), None)
            }
            Call::Ask(name) => (ids.remove(0), Some(ask(name).await)),
            Call::AskWithin(name) => {
                let time = Duration::from_secs(fate(self.key, TIMES, 5) * 10);
                let answer = ask(name).within(time).or(self.default()).await;
                (ids.remove(0), Some(answer))
            }
            Call::AskOr(name, signal) => {
                let (answer, signal) = (ask(name), cx.receive(signal));
                tokio::select! {
                    biased;
                    value = answer => (ids.remove(0), Some(value)),
                    value = signal => (ids.remove(1), Some(value)),
                }
            }
            Call::Race(one, other) => {
                let (one, other) = (cx.receive(one), cx.receive(other));
                tokio::select! {
                    biased;
                    value = one => (ids.remove(0), Some(value)),
                    value = other => (ids.remove(1), Some(value)),
                }
            }
        }
    }

    /// The task's result if nothing goes wrong.
    pub(super) fn done(&self, answers: &Answers) -> Done {
        let hops = match self.graph.nodes[self.node as usize].row {
            RowInfo::Dynamic if self.stops() => Hops::none(),
            RowInfo::Dynamic => self.route(),
            RowInfo::Static { .. } | RowInfo::None => Hops::Row,
        };
        let update = self.update(answers);
        Done { update, hops }
    }

    /// One of the row's arms, or none.
    fn route(&self) -> Hops {
        let arm = ARMS.get(fate(self.key, ARM, ARMS.len() as u64 + 1) as usize);
        let Some(arm) = arm else { return Hops::none() };
        let taken = |edge: &EdgeInfo| edge.from == self.node && edge.label == Some(arm);
        // Few items later on, or runs would grow without end.
        let most = if self.step < 4 { 4 } else { 2 };
        hops(self.graph, taken, |edge| {
            fate(self.key, ITEMS + u64::from(edge), most)
        })
    }

    fn update(&self, answers: &Answers) -> Option<Updates> {
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
            update = update.plain(Plain(said(7)));
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
        (!fields.is_multiple_of(16)).then(|| Updates::of::<Tale>(update))
    }
}

/// All answers in one number.
fn told(answers: &Answers) -> u64 {
    let each = answers.iter().map(|answer| answer.map_or(1, mix));
    each.fold(0, |all, answer| mix(all ^ answer))
}
