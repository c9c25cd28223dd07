//! What driving a run gives back.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::as_json;
use crate::erased::{self, AnyState};
use crate::error::Error;
use crate::hash::Digest;
use crate::state::State;
use crate::store::{EffectRecord, Status, StepKind};

/// A run as it stood when the call that returned it did.
///
/// As JSON it is `id`, `status`, `steps`, `turn` and `state`, and, if there is one, `token`,
/// `fingerprint`, `interrupts`, `waits`, `wakes`, `error` and `skipped`:
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use superstep::prelude::*;
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Count { n: u64 }
/// # #[node]
/// # fn one(_: &Count) -> CountUpdate { Count::update().n(1) }
/// # #[graph(state = Count, start -> one -> end)]
/// # struct Counter;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let engine = Engine::builder(Counter).no_store().build()?;
/// let run = engine.run("run-1", Count::default()).await?;
/// let json = r#"{"id":"run-1","status":"completed","steps":1,"turn":0,"state":{"n":1}}"#;
/// assert_eq!(serde_json::to_string(&run)?, json);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Serialize)]
#[serde(bound = "S: Serialize")]
pub struct Run<S: ?Sized> {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) steps: u64,
    pub(crate) turn: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    #[serde(serialize_with = "shared")]
    pub(crate) state: Arc<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Digest>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) interrupts: Vec<Interrupt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waits: Vec<WaitInfo>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::optional_time"
    )]
    pub(crate) wakes: Option<SystemTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Box<RunError>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<SkippedTurn>,
}

/// A run of any graph.
pub(crate) type AnyRun = Run<dyn AnyState>;

impl AnyRun {
    /// The run of a graph whose states are `S`.
    pub(crate) fn typed<S: State>(self) -> Run<S> {
        let Self {
            id,
            status,
            steps,
            turn,
            token,
            state,
            fingerprint,
            interrupts,
            waits,
            wakes,
            error,
            skipped,
        } = self;
        Run {
            id,
            status,
            steps,
            turn,
            token,
            state: erased::shared(state),
            fingerprint,
            interrupts,
            waits,
            wakes,
            error,
            skipped,
        }
    }
}

impl<S: ?Sized> Clone for Run<S> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            status: self.status,
            steps: self.steps,
            turn: self.turn,
            token: self.token.clone(),
            state: Arc::clone(&self.state),
            fingerprint: self.fingerprint,
            interrupts: self.interrupts.clone(),
            waits: self.waits.clone(),
            wakes: self.wakes,
            error: self.error.clone(),
            skipped: self.skipped.clone(),
        }
    }
}

/// Without a serde feature that all users of the crate would then get, too.
fn shared<S: Serialize + ?Sized, Z: Serializer>(
    state: &Arc<S>,
    serializer: Z,
) -> Result<Z::Ok, Z::Error> {
    state.as_ref().serialize(serializer)
}

/// Why a run failed, as its store has it; from [`Run::error`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunError {
    /// The stable word of the error: its [`Error::code`](crate::Error::code).
    pub code: String,
    /// What the error said.
    pub message: String,
    /// The step that it was about, if any; none in what older versions wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// The node, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What the node said: its [`Error::cause`](crate::Error::cause), in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl RunError {
    pub(crate) fn of(error: &Error) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            step: error.step(),
            node: error.node().map(str::to_owned),
            cause: error.cause(),
        }
    }
}

/// An open question of a run, to be settled with [`Engine::answer`](crate::Engine::answer).
///
/// As JSON it is `id`, `kind`, `run`, `name`, `node`, `question` and `asked`, and, if there is one,
/// `schema`, `deadline`, `default` and `reason`: all that a form needs.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use superstep::prelude::*;
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Order { is_approved: bool }
/// # #[node]
/// # async fn approve(_: &Order, cx: &Cx) -> OrderUpdate {
/// #     Order::update().is_approved(cx.interrupt("approve", "May this be paid?").await)
/// # }
/// # #[graph(state = Order, start -> approve -> end)]
/// # struct Shop;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let engine = Engine::builder(Shop).build()?;
/// let run = engine.run("order-7", Order::default()).await?;
/// let json = serde_json::to_value(&run.interrupts()[0])?;
/// assert_eq!((&json["kind"], &json["run"]), (&"question".into(), &"order-7".into()));
/// assert_eq!((&json["name"], &json["node"]), (&"approve".into(), &"approve".into()));
/// assert_eq!(json["question"], "May this be paid?");
/// assert_eq!(json["schema"]["type"], "boolean");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Interrupt {
    /// The question's id, unique in the run.
    pub id: String,
    /// Who asks.
    pub kind: InterruptKind,
    /// The run's id.
    pub run: String,
    /// Under which name it was asked: the node's own, or that of the effect.
    pub name: String,
    /// The node that waits.
    pub node: String,
    /// The question, as JSON to the last digit: `question.get()` is its text, from which
    /// `serde_json::from_str` makes whatever type is wanted.
    pub question: Box<RawValue>,
    /// The JSON Schema of the answer to what a node asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Box<RawValue>>,
    /// When it was asked, by the store's clock.
    #[serde(serialize_with = "as_json::time")]
    pub asked: SystemTime,
    /// Until when it can be answered, by the store's clock; `None` for as long as it takes.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::optional_time"
    )]
    pub deadline: Option<SystemTime>,
    /// With what the node goes on if nobody has answered by then, if it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Box<RawValue>>,
    /// Why it is asked again: what was wrong with the answer before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Who asks a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InterruptKind {
    /// A node, with [`Cx::interrupt`](crate::Cx::interrupt): it is answered with a value of the type that
    /// the node waits for.
    Question,
    /// The run itself, about an [at-most-once](crate::Effect::at_most_once) effect: it is answered with an
    /// [`Outcome`].
    Outcome,
}

/// Something that a run waits for, from [`Run::waits`].
///
/// As JSON it is `kind`, `node` and `since`, `name` for what has one, and `due` if it ends at some
/// time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WaitInfo {
    /// What kind of thing.
    pub kind: WaitKind,
    /// The name of the question or the signal, or that of the effect whose outcome is asked for; empty
    /// for a time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The node that waits.
    pub node: String,
    /// Since when, by the store's clock.
    #[serde(serialize_with = "as_json::time")]
    pub since: SystemTime,
    /// Until when, by the store's clock; `None` for as long as it takes.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::optional_time"
    )]
    pub due: Option<SystemTime>,
}

/// What kind of thing a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitKind {
    /// Somebody answers a question: see [`Cx::interrupt`](crate::Cx::interrupt).
    Question,
    /// Somebody says what became of an effect: see [`Run::interrupts`].
    Outcome,
    /// A signal comes: see [`Cx::receive`](crate::Cx::receive).
    Signal,
    /// A time comes: see [`Cx::sleep`](crate::Cx::sleep).
    Time,
}

impl PartialEq for Interrupt {
    fn eq(&self, other: &Self) -> bool {
        let json = |asked: &Self| serde_json::to_string(asked).ok();
        json(self) == json(other)
    }
}

impl Eq for Interrupt {}

/// The answer to the question of what became of an
/// [at-most-once](crate::Effect::at_most_once) effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<T> {
    /// It happened, with this response: the node continues as if it had received it.
    Happened(T),
    /// It did not happen: it may be made again.
    DidNotHappen,
    /// It was refused for this reason, and nothing was done: the node continues as if the
    /// call had failed with [`NodeError::refused`](crate::NodeError::refused).
    Refused(String),
}

impl Outcome<()> {
    /// It did not happen: it may be made again.
    pub const fn did_not_happen() -> Self {
        Self::DidNotHappen
    }

    /// It was refused for `reason`, and nothing was done.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

impl<S: Clone> Run<S> {
    /// The state itself; cloned if it is still shared.
    pub fn into_state(self) -> S {
        Arc::unwrap_or_clone(self.state)
    }
}

impl<S: ?Sized> Run<S> {
    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The state after the last committed step.
    ///
    /// A further turn on the run clones the state once as long as this `Run` is held.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Where the run stands.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The number of the last committed step; step 0 is the input.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The turn that the run is in; turn 0 is what it was started with.
    pub const fn turn(&self) -> u64 {
        self.turn
    }

    /// The token with which that turn began, if it had one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The open questions, by id: what the run waits for.
    pub fn interrupts(&self) -> &[Interrupt] {
        &self.interrupts
    }

    /// All that the run waits for, open questions included.
    pub fn waits(&self) -> &[WaitInfo] {
        &self.waits
    }

    /// When the run wakes, by the store's clock: what it waits for is there then, or its time is over. In
    /// the past if it is there already; `None` if nobody knows when, or if it does not wait.
    pub const fn wakes(&self) -> Option<SystemTime> {
        self.wakes
    }

    /// Why the run failed, if it did: what the call that drove it was told.
    pub fn error(&self) -> Option<&RunError> {
        self.error.as_deref()
    }

    /// For a run that [`Engine::replay`](crate::Engine::replay) returned, the turns that it left
    /// out, since graphs other than this program's wrote their steps; else none.
    pub fn skipped(&self) -> &[SkippedTurn] {
        &self.skipped
    }

    /// The chain value of the last committed step: equal for runs of one graph
    /// with equal seeds, inputs and histories. `None` without a store.
    pub const fn fingerprint(&self) -> Option<Digest> {
        self.fingerprint
    }
}

/// A turn that a replay left out, since it ran under another graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SkippedTurn {
    /// Its number; turn 0 is what the run was started with.
    pub turn: u64,
    /// Its first and its last step.
    pub steps: (u64, u64),
    /// The fingerprints of the graphs that they were written by, the oldest first.
    pub graphs: Vec<Digest>,
}

/// One committed step, as [`Engine::history`](crate::Engine::history) returns it.
///
/// As JSON it is `step`, `kind`, `turn`, `tasks`, `chain`, `digest`, `committed` and, if there
/// are any, `token` and `dropped`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StepInfo {
    /// Its number.
    pub step: u64,
    /// What kind of step.
    pub kind: StepKind,
    /// The turn that it belongs to; turn 0 is what the run was started with.
    pub turn: u64,
    /// The token with which that turn began, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What its tasks did, in merge order; empty for step 0.
    pub tasks: Vec<TaskInfo>,
    /// For a turn on a run that had failed, what the step that it dropped had on
    /// record: its effects and readings of the clock. Nothing uses them again,
    /// and no replay reads them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<EffectRecord>,
    /// `chain(n)`: equal for equal runs up to here.
    pub chain: Digest,
    /// `digest(n)`: equal for equal steps, whatever came before.
    pub digest: Digest,
    /// When it was committed, by the store's clock.
    #[serde(serialize_with = "as_json::time")]
    pub committed: SystemTime,
}

/// What one task of a committed step did.
///
/// As JSON it is whatever it has of `node`, `update`, `to` and `failed`; `update` is JSON
/// itself, and `to` a list of `node` and `tasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The node; `None` for an update that came from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Its update as canonical JSON, if it had one.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::text"
    )]
    pub update: Option<String>,
    /// The nodes its dynamic row led to, with the number of tasks each;
    /// `None` for a row that always leads to the same targets.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "targets")]
    pub to: Option<Vec<(String, u64)>>,
    /// Why it failed, if its `on error` row took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<crate::Failure>,
}

/// Each with its name, as people read it in JSON.
fn targets<Z: Serializer>(
    to: &Option<Vec<(String, u64)>>,
    serializer: Z,
) -> Result<Z::Ok, Z::Error> {
    #[derive(Serialize)]
    struct Target<'a> {
        node: &'a str,
        tasks: &'a u64,
    }
    let targets = to.iter().flatten();
    serializer.collect_seq(targets.map(|(node, tasks)| Target { node, tasks }))
}
