//! Everything that can go wrong with a run, as one enum to match on.

mod causes;
mod parts;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::encode::EncodeError;
use crate::hash::Digest;
use crate::json_diff::{Difference, differences};
use crate::rfc3339;
use crate::store::{EffectClass, Lease, Status, StoreError};

pub(crate) use causes::with_causes;

/// Why a run did not continue.
///
/// Every message names run, step and node where there are any, then what happened, then
/// what to do: ``run `order-7`, step 2, node `pay`: …; …``. `Debug` shows the message too,
/// since that is what a `main` that returns an error prints. Cloning is cheap: two calls
/// that share one execution get the same error.
///
/// The message includes the causes, so
/// [`std::error::Error::source`] returns none, and a report that walks the sources
/// repeats nothing. The error inside is in the variant's field `source`. As JSON an error is
/// its parts: `code`, `message`, `transient` and, where there are any, `run`, `step`, `node`
/// and `cause`.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A node returned an error and no retry is left.
    #[error(
        "run `{run}`, step {step}, node `{node}`{}: failed after {}: {}; \
         fix the cause and resume the run, or drop the step with a further turn, which starts over and makes its calls again; \
         in new runs an `on error` row can take over{}",
        which(*item, input.as_deref()), times(*attempts), with_causes(&**source), others(*further)
    )]
    NodeFailed {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// How often it was tried, the first try included.
        attempts: u32,
        /// Of a task of an `each`, which of the items it had, from 0.
        item: Option<u64>,
        /// The task's input as JSON, cut to 200 bytes; `None` if the node takes none, or no
        /// store keeps the run.
        input: Option<Box<str>>,
        /// How many further tasks of the step failed.
        further: u64,
        /// The last error, to downcast or to walk its causes.
        r#source: Arc<dyn StdError + Send + Sync>,
    },
    /// A node was told no, with [`NodeError::refused`](crate::NodeError::refused), and no
    /// `on error` row takes that.
    #[error(
        "run `{run}`, step {step}, node `{node}`{}: was refused: {}; \
         a refusal stands when the run is resumed: in new runs an `on error` row can take it; a further turn drops the \
         step, starts over and makes its calls again{}",
        which(*item, input.as_deref()), with_causes(&**source), others(*further)
    )]
    NodeRefused {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// Of a task of an `each`, which of the items it had, from 0.
        item: Option<u64>,
        /// The task's input, as in [`NodeFailed`](Self::NodeFailed).
        input: Option<Box<str>>,
        /// How many further tasks of the step failed.
        further: u64,
        /// What the refusal said.
        r#source: Arc<dyn StdError + Send + Sync>,
    },
    /// A node took longer than its timeout, in its last attempt.
    #[error(
        "run `{run}`, step {step}, node `{node}`{}: took longer than its timeout of {timeout:?}, at attempt {attempts}; \
         resume the run, or raise `timeout` on the node or `default_timeout` on the engine{}",
        which(*item, input.as_deref()), others(*further)
    )]
    NodeTimeout {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// The timeout of one attempt.
        timeout: Duration,
        /// How often it was tried, the first try included.
        attempts: u32,
        /// Of a task of an `each`, which of the items it had, from 0.
        item: Option<u64>,
        /// The task's input, as in [`NodeFailed`](Self::NodeFailed).
        input: Option<Box<str>>,
        /// How many further tasks of the step failed.
        further: u64,
    },
    /// A node showed no sign of life for as long as its `idle` says, in its last attempt: no
    /// effect finished, and nobody called [`Cx::heartbeat`](crate::Cx::heartbeat).
    #[error(
        "run `{run}`, step {step}, node `{node}`{}: showed no sign of life for {idle:?}, its idle limit, at attempt {attempts}; \
         resume the run, call `cx.heartbeat()` where the node works for long, or raise its `idle`{}",
        which(*item, input.as_deref()), others(*further)
    )]
    NodeIdle {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// The longest silence of one attempt.
        idle: Duration,
        /// How often it was tried, the first try included.
        attempts: u32,
        /// Of a task of an `each`, which of the items it had, from 0.
        item: Option<u64>,
        /// The task's input, as in [`NodeFailed`](Self::NodeFailed).
        input: Option<Box<str>>,
        /// How many further tasks of the step failed.
        further: u64,
    },
    /// A node panicked.
    #[error(
        "run `{run}`, step {step}, node `{node}`{}: panicked: {message}; \
         the process goes on, so fix the node and resume the run{}",
        which(*item, input.as_deref()), others(*further)
    )]
    NodePanicked {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// What it panicked with.
        message: String,
        /// Of a task of an `each`, which of the items it had, from 0.
        item: Option<u64>,
        /// The task's input, as in [`NodeFailed`](Self::NodeFailed).
        input: Option<Box<str>>,
        /// How many further tasks of the step failed.
        further: u64,
    },
    /// The program's own code panicked while the engine handled its values:
    /// in a `Clone` or a `Drop` of a state, an update or an input.
    #[error(
        "run `{run}`: the program panicked while the engine handled the run's values: {message}; \
         look at the `Clone` and `Drop` of its state, updates and inputs, then resume the run from its last commit"
    )]
    Panicked {
        /// The run.
        run: String,
        /// What it panicked with.
        message: String,
    },
    /// Two tasks of one step wrote different values to one field.
    #[error(
        "run `{run}`, step {step}, nodes {}: wrote different values to `{field}`, so nothing of the step is committed; \
         resume the run under the conflict policy last-writer-wins; \
         for new runs, give the field a reducer or let one node write it",
        names(nodes)
    )]
    MergeConflict {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The field.
        field: &'static str,
        /// Who wrote it, in merge order.
        nodes: Vec<&'static str>,
    },
    /// A reducer could not combine an update with the state.
    #[error(
        "run `{run}`, step {step}: field `{field}` could not be merged: {message}; \
         nothing of the step is committed, so fix the reducer or the update and resume the run"
    )]
    MergeFailed {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The field, or `?` if a reducer panicked.
        field: &'static str,
        /// What happened.
        message: String,
    },
    /// A node wrote a field that its `writes(…)` does not list.
    #[error(
        "run `{run}`, step {step}, node `{node}`: wrote `{field}`, which its `writes(…)` does not list; \
         add the field there or do not write it"
    )]
    UndeclaredWrite {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// The field.
        field: &'static str,
    },
    /// Nothing can move any more, or nothing ever will.
    #[error("run `{run}`, step {step}: makes no progress after this step: {reason}")]
    NoProgress {
        /// The run.
        run: String,
        /// The last committed step.
        step: u64,
        /// Which join waits and for whom, or which nodes go round in circles.
        reason: String,
    },
    /// The turn took as many steps as it may.
    #[error(
        "run `{run}`, step {step}: reached the limit of {max_steps} steps in one turn; \
         raise `max_steps` and resume, add a `turn` or an `update`, which restart the count, or look for a loop that does not end"
    )]
    MaxStepsExceeded {
        /// The run.
        run: String,
        /// The last committed step.
        step: u64,
        /// The limit.
        max_steps: u64,
    },
    /// The driving call took longer than it may.
    #[error(
        "run `{run}`, step {step}: used up its budget of {budget:?}; what finished is kept: resume the run to continue with \
         a new budget, or raise `run_budget` on the engine"
    )]
    BudgetExceeded {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The budget of one driving call.
        budget: Duration,
    },
    /// Tasks of the step waited to be admitted to its queue, which was full, and none of the others
    /// moved for as long as [`backpressure_timeout`](crate::EngineBuilder::backpressure_timeout)
    /// says. What still ran was dropped; a run in a store is [`Status::Paused`].
    #[error(
        "run `{run}`, step {step}, node `{node}`: found its queue of {depth} full, and no task of the step has moved for \
         {wait:?}; what finished is kept if a store keeps the run: resume it, look at what its tasks wait for, or raise \
         `backpressure_timeout` or `max_concurrency` on the engine"
    )]
    Backpressure {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node of the next task to be admitted.
        node: &'static str,
        /// How many tasks the queue holds: [`queue_depth`](crate::EngineBuilder::queue_depth).
        depth: usize,
        /// For how long no task of the step had finished, begun to wait for an answer, or gone into
        /// or out of a back-off.
        wait: Duration,
    },
    /// There is no such run.
    #[error(
        "run `{run}`: there is no such run in this store; check the id, or start it with `engine.run(id, state)`"
    )]
    RunNotFound {
        /// The id.
        run: String,
    },
    /// The id cannot name a run.
    #[error("run `{run}`: this cannot be a run's id: {reason}")]
    InvalidRunId {
        /// The id.
        run: String,
        /// Why.
        reason: &'static str,
    },
    /// The text cannot be the token of a turn.
    #[error("run `{run}`: this cannot be the token of a turn: {reason}")]
    InvalidToken {
        /// The run.
        run: String,
        /// Why.
        reason: &'static str,
    },
    /// The run exists with another input or seed.
    #[error(
        "run `{run}`: exists and {}; \
         `get` reads it, `resume` continues it and `turn` begins a further turn; another run needs another id",
        started_as(what)
    )]
    InputMismatch {
        /// The run.
        run: String,
        /// `input` or `seed`; `origin` if the run is a fork.
        what: &'static str,
    },
    /// A fork was to take an id that another run has.
    #[error(
        "run `{run}`: exists and is not the run that this fork would be; \
         use `resume` to continue it, or another id for the fork"
    )]
    RunExists {
        /// The run.
        run: String,
    },
    /// The run has not finished, so it cannot take a further turn; or it
    /// has failed, and nobody knows whether an effect of the step that the turn
    /// would drop happened.
    #[error("run `{run}`: is {} and cannot take a further turn yet; {}", status.as_str(), before_a_turn(*status, *asks))]
    RunNotFinished {
        /// The run.
        run: String,
        /// Its status.
        status: Status,
        /// Whether one of its questions is open: `run.interrupts()` has it.
        asks: bool,
    },
    /// No turn of the run began with the token.
    #[error(
        "run `{run}`: no turn began with the token `{token}`; begin one, with `engine.turn(…).token(…)`"
    )]
    TurnNotFound {
        /// The run.
        run: String,
        /// The token.
        token: String,
    },
    /// The step does not exist.
    #[error(
        "run `{run}`, step {step}: there is no such step; ask for one up to step {last}, the last"
    )]
    StepNotFound {
        /// The run.
        run: String,
        /// The step that was asked for.
        step: u64,
        /// The last committed step.
        last: u64,
    },
    /// The step was dropped by [`Engine::prune`](crate::Engine::prune).
    #[error(
        "run `{run}`, step {step}: was pruned; ask for one from step {first} on, or for the input, which is step 0"
    )]
    Pruned {
        /// The run.
        run: String,
        /// The step that was asked for.
        step: u64,
        /// From this step on nothing was pruned.
        first: u64,
    },
    /// The run has no such label.
    #[error("run `{run}`: has no label `{label}`; `engine.labels(id)` lists those it has")]
    LabelNotFound {
        /// The run.
        run: String,
        /// The label.
        label: String,
    },
    /// A label names one step of a run.
    #[error("run `{run}`, step {step}: has the label `{label}` already; choose another one")]
    LabelTaken {
        /// The run.
        run: String,
        /// The label.
        label: String,
        /// The step that it names.
        step: u64,
    },
    /// The text cannot be a label.
    #[error("label `{label}`: this cannot be a label: {reason}")]
    InvalidLabel {
        /// The label.
        label: String,
        /// Why.
        reason: &'static str,
    },
    /// The closure that edits a fork's state panicked.
    #[error(
        "run `{run}`: the edit of a fork of it panicked: {message}; nothing was written, so fix it and fork again"
    )]
    EditPanicked {
        /// The run that was to be forked.
        run: String,
        /// What it panicked with.
        message: String,
    },
    /// A fork was to give an effect another response, and there is no such call on record.
    #[error(
        "run `{run}`, step {step}, node `{node}`: its task {item} has no call {n} of effect `{effect}` on record (both \
         are counted from 0); {recorded}"
    )]
    EffectNotFound {
        /// The run that was to be forked.
        run: String,
        /// The step after the fork's branch.
        step: u64,
        /// The node.
        node: Box<str>,
        /// Which of the node's tasks, from 0.
        item: u64,
        /// The effect's name.
        effect: Box<str>,
        /// Which call of that name, from 0.
        n: u64,
        /// What there is, node, task, effect and call of each; or where to look.
        recorded: Box<str>,
    },
    /// A fork was to give an effect a response of another type than the recorded one has.
    #[error(
        "run `{run}`, step {step}, node `{node}`: {given} cannot be the response of {call}, which was {recorded}: {reason}; \
         give a value of the type that the node gets there"
    )]
    ResponseRefused {
        /// The run that was to be forked.
        run: String,
        /// The step after the fork's branch.
        step: u64,
        /// The node.
        node: Box<str>,
        /// Which call, e.g. ``effect `fetch` (call 0)``.
        call: Box<str>,
        /// The beginning of the recorded response.
        recorded: Box<str>,
        /// The beginning of the one that was given.
        given: Box<str>,
        /// Why it does not fit.
        reason: Box<str>,
    },
    /// The run belongs to another graph.
    #[error(
        "run `{run}`: is a run of graph `{stored}`, not of `{graph}`; drive it with an engine of `{stored}`"
    )]
    WrongGraph {
        /// The run.
        run: String,
        /// The graph it belongs to.
        stored: String,
        /// This engine's graph.
        graph: &'static str,
    },
    /// The graph is not the one that the run was started with.
    #[error(
        "run `{run}`: graph `{graph}` is not the one that it ran under: {}; {help}",
        differences.join("; ")
    )]
    GraphChanged {
        /// The run.
        run: String,
        /// The graph.
        graph: &'static str,
        /// The fingerprint of the graph that wrote what has to be continued, or redone.
        stored: Digest,
        /// What differs.
        differences: Vec<String>,
        /// What to do.
        help: Box<str>,
    },
    /// A node asks for something else under the name of a recorded effect.
    #[error(
        "run `{run}`, step {step}, node `{node}`: {}",
        changed(*class, effect, *n, requested, recorded)
    )]
    EffectChanged {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// Whether it is an effect or a question.
        class: EffectClass,
        /// The name of the effect, or of the question.
        effect: Box<str>,
        /// Which call of that name, from 0.
        n: u64,
        /// The beginning of the recorded request.
        recorded: Box<str>,
        /// The beginning of the new request.
        requested: Box<str>,
    },
    /// A node would make a call at most once, and has not asked for one that is on record before it.
    #[error(
        "run `{run}`, step {step}, node `{node}`: effect `{effect}` (call {n}) was not made, since it is made at most once \
         and effect `{passed_over}` (call {of_that}), which is on record before it, was not asked for: it may be that call \
         under another name; give the effect its recorded name, or let the program that made that call finish the step"
    )]
    EffectPassedOver {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// The name of the effect that was not made.
        effect: Box<str>,
        /// Which call of that name, from 0.
        n: u64,
        /// The name of the effect that is on record.
        passed_over: Box<str>,
        /// Which call of that name, from 0.
        of_that: u64,
    },
    /// A node asked its context for something that is counted, on a thread
    /// other than its own.
    #[error(
        "run `{run}`, step {step}, node `{node}`: made {call} on a thread other than its own, where its number \
         depends on timing; make it on the thread that runs the node and hand on what it gives, or, if it is an effect, \
         give each one a name of its own"
    )]
    OtherThread {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// What was called, e.g. `` `now()` `` or ``effect `fetch` ``.
        call: Box<str>,
    },
    /// A node waited where it cannot wait, or for what cannot come.
    #[error("run `{run}`, step {step}, node `{node}`: {wait} is refused: {reason}")]
    WaitRefused {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// What was called, e.g. `` `sleep` ``.
        wait: Box<str>,
        /// Why not, and what to do.
        reason: Box<str>,
    },
    /// A node asked two questions under one name.
    #[error(
        "run `{run}`, step {step}, node `{node}`: asks question `{name}` a second time, and a name is asked once a task; give \
         each question a name of its own, e.g. with a number, and in a loop make the future once and poll it again"
    )]
    AskedTwice {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// The node.
        node: &'static str,
        /// The question's name.
        name: Box<str>,
    },
    /// The run has ended: it takes no signals and no answers any more.
    #[error(
        "run `{run}`: it has ended, and takes no more signals and answers; a further turn, which does, begins with \
         `engine.turn`"
    )]
    RunFinished {
        /// The run.
        run: String,
    },
    /// The run has not received so many signals that it takes no more.
    #[error(
        "run `{run}`: it has {most} signals that it has not received, and takes no more; let it receive them, or raise \
         `max_signals`"
    )]
    MailboxFull {
        /// The run.
        run: String,
        /// How many it may have: the option `max_signals`.
        most: u64,
    },
    /// A signal that no run could receive.
    #[error("run `{run}`: a signal with this {what} is refused: {reason}")]
    SignalRefused {
        /// The run.
        run: String,
        /// Its `name` or `id`.
        what: &'static str,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// A replay differs from the record.
    #[error(
        "run `{run}`, {}; \
         either the node changed, or it depends on something that is not on record: take it from the state, \
         the input, `cx.now()`, `cx.rng()` or an effect",
        mismatch(*step, node, what, expected, found)
    )]
    ReplayMismatch {
        /// The run.
        run: String,
        /// The step.
        step: u64,
        /// The node.
        node: Box<str>,
        /// What of it: `the update`, `the route`, `the effects`, `the next tasks`, …
        what: Box<str>,
        /// What is on record.
        expected: Box<str>,
        /// What it was now.
        found: Box<str>,
    },
    /// The open step has effects on record, which saw the state as it is.
    #[error(
        "run `{run}`, step {step}: takes no update now, since unfinished tasks of this open step have effects on record, \
         which were made for the state as it is; answer what `run.interrupts()` asks, if anything, resume the run, and update it \
         when the step is done; if that step always fails, fork the run before it, or drop it with a further `turn`, which makes all calls anew, payments \
         included"
    )]
    StepOpen {
        /// The run.
        run: String,
        /// The open step.
        step: u64,
    },
    /// The run asks no such question.
    #[error("run `{run}`: asks no question `{question}`; `run.interrupts()` lists what it asks")]
    QuestionNotFound {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
    },
    /// A question is answered once.
    #[error(
        "run `{run}`: question `{question}` is answered already; the answer stands: \
         `resume` goes on from it, or returns the run if it has ended"
    )]
    AlreadyAnswered {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
    },
    /// The time in which the question could be answered is over.
    #[error(
        "run `{run}`: question `{question}` could be answered up to its deadline, which has passed; `resume` goes on with \
         its default, or without an answer"
    )]
    QuestionExpired {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
    },
    /// The answer does not have the shape that the question asks for.
    #[error("run `{run}`: question `{question}` cannot be answered this way: {reason}")]
    AnswerRefused {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
        /// What the answer has to be.
        reason: String,
    },
    /// Something stored no longer decodes into today's types.
    #[error(
        "run `{run}`: {place} does not decode into today's types: {reason}; nothing was changed; {help}"
    )]
    Undecodable {
        /// The run.
        run: String,
        /// What was read.
        place: String,
        /// What the decoder said.
        reason: String,
        /// What to do.
        help: Box<str>,
    },
    /// A stored row is not what was written.
    #[error("run `{run}`: {place} is corrupt: {reason}; restore the database from a backup")]
    Corrupt {
        /// The run.
        run: String,
        /// Which row.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A value would not come back from the store unchanged.
    #[error("run `{run}`, step {step}: {what} cannot be stored: {source}")]
    NotRoundTrip {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
        /// Of what the value is, e.g. ``the update of node `pay` ``.
        what: Box<str>,
        /// Type, path and reason.
        r#source: EncodeError,
    },
    /// A value is larger than what the store keeps in one piece; see the store's documentation.
    #[error(
        "run `{run}`: {what} has {bytes} bytes, and its store keeps no more than {limit} in one piece; \
         nothing of it was written; keep large values elsewhere and their names in the state, then resume the run"
    )]
    TooLarge {
        /// The run.
        run: String,
        /// What it is.
        what: String,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// Somebody is driving the run: another process, another engine, or another call of this one.
    #[error("run `{run}`: is being driven by {owner}{}", held(*expires, *node))]
    LeaseHeld {
        /// The run.
        run: String,
        /// Who drives it.
        owner: String,
        /// When the lease lapses unless it is renewed.
        expires: SystemTime,
        /// The node of that same run in which the call was made, if it was.
        node: Option<&'static str>,
    },
    /// The call lost the run: another process took it over, or the call was
    /// not polled for a whole lease.
    #[error(
        "run `{run}`: was taken over from this call, whose lease (epoch {epoch}) had lapsed, or which nobody had \
         polled for as long as a lease lasts; nothing of the open step was committed here; resume the run, or wait \
         for whoever drives it now"
    )]
    LeaseLost {
        /// The run.
        run: String,
        /// The epoch that was lost.
        epoch: u64,
    },
    /// A step is committed already, with other contents.
    #[error(
        "run `{run}`, step {step}: is committed already, with another result; it stays as it is: \
         resume the run to go on from there"
    )]
    IdempotencyViolation {
        /// The run.
        run: String,
        /// The step.
        step: u64,
    },
    /// The call was polled outside tokio, which engines and stores need.
    #[error(
        "`{call}`: there is no tokio runtime here, and engines need one; call it under `#[tokio::main]` or in `Runtime::block_on`"
    )]
    NoRuntime {
        /// The call.
        call: &'static str,
    },
    /// The call was polled on a tokio runtime that has no clock.
    #[error(
        "`{call}`: the tokio runtime here has no time driver, which timeouts and leases need; nothing was written: \
         build the runtime with `enable_time()` or `enable_all()`"
    )]
    NoTimeDriver {
        /// The call.
        call: &'static str,
    },
    /// The runtime that drove the run was shut down, and nobody on another one waits for it.
    #[error(
        "run `{run}`, step {step}: the tokio runtime that drove the run was shut down, and the step stays open; \
         no node failed: resume the run on another runtime"
    )]
    RuntimeLost {
        /// The run.
        run: String,
        /// The step that stays open.
        step: u64,
    },
    /// The engine [drains](crate::Engine::drain): it begins nothing any more, and has dropped what
    /// took too long.
    #[error(
        "run `{run}`{}: the engine drains, and drives nothing any more; what is stored stays, and a new engine goes on \
         with it: resume the run there",
        of_step(*step)
    )]
    Draining {
        /// The run.
        run: String,
        /// The step that was dropped, and stays open; none if nothing was begun, or if it was
        /// dropped while nobody polled it or its store was away.
        step: Option<u64>,
    },
    /// The engine keeps nothing, so there is nothing to ask for.
    #[error(
        "`{call}`: this engine has no store, so there is nothing to work on; build it without `.no_store()`"
    )]
    NoStore {
        /// The call.
        call: &'static str,
    },
    /// Two nodes of the graph have one name, by `#[node(name = "…")]`.
    #[error(
        "graph `{graph}`, node `{node}`: two nodes have this name; \
         give one of them another name in the graph: `other = path` before the rows"
    )]
    DuplicateNode {
        /// The graph.
        graph: &'static str,
        /// The name.
        node: &'static str,
    },
    /// A setting makes no sense.
    #[error("option `{option}`: cannot be {value}; {reason}")]
    InvalidOption {
        /// The setting.
        option: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        reason: Box<str>,
    },
    /// The store failed while it pruned.
    #[error("`prune`: the store failed: {source}; prune again when it is well")]
    PruneFailed {
        /// What the store said.
        r#source: StoreError,
    },
    /// The store failed.
    #[error(
        "run `{run}`: the store failed: {source}; what is committed stands: make the same call when the store works again, or resume the run if it had begun"
    )]
    Store {
        /// The run.
        run: String,
        /// What the store said.
        r#source: StoreError,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which task of a node it was.
fn which(item: Option<u64>, input: Option<&str>) -> String {
    let item = item.map(|item| format!(", item {item}"));
    let input = input.map(|input| format!(" with input {input}"));
    item.unwrap_or_default() + &input.unwrap_or_default()
}

/// What else failed in the step.
fn others(further: u64) -> String {
    match further {
        0 => String::new(),
        1 => "; 1 further task of the step failed, too".into(),
        more => format!("; {more} further tasks of the step failed, too"),
    }
}

fn times(attempts: u32) -> String {
    match attempts {
        1 => "1 attempt".into(),
        more => format!("{more} attempts"),
    }
}

/// How a run that exists was started.
fn started_as(what: &str) -> String {
    match what {
        "origin" => "is a fork, which `run` cannot start".into(),
        _ => format!("was started with another {what}"),
    }
}

/// What has to be done before a run takes a turn.
const fn before_a_turn(status: Status, asks: bool) -> &'static str {
    match (status, asks) {
        (_, false) => "it is unfinished and nobody drives it, so resume it first",
        (Status::Failed | Status::Cancelled, true) => {
            "nobody knows whether an effect of its open step, which the turn would drop, happened: \
             answer what `run.interrupts()` asks first"
        }
        (_, true) => "answer what `run.interrupts()` still asks, and resume it",
    }
}

impl Error {
    /// What becomes of a value of `step` that has no encoding; `what` says of what it is.
    pub(crate) fn not_round_trip(
        run: &str,
        step: u64,
        what: impl fmt::Display,
    ) -> impl Fn(EncodeError) -> Self {
        move |source| Self::NotRoundTrip {
            run: run.to_owned(),
            step,
            what: what.to_string().into(),
            source,
        }
    }

    /// Whoever has `lease` drives the run.
    pub(crate) fn lease_held(run: &str, lease: Lease) -> Self {
        let Lease { owner, expires, .. } = lease;
        Self::LeaseHeld {
            run: run.to_owned(),
            owner,
            expires,
            node: None,
        }
    }

    /// What a store said about `run`, as the run's error.
    pub(crate) fn from_store(run: &str, error: StoreError) -> Self {
        let run = run.to_owned();
        match error {
            StoreError::NoSuchRun { .. } => Self::RunNotFound { run },
            StoreError::LeaseHeld { owner, expires, .. } => Self::LeaseHeld {
                run,
                owner,
                expires,
                node: None,
            },
            StoreError::LeaseLost { epoch, .. } => Self::LeaseLost { run, epoch },
            StoreError::IdempotencyViolation { step, .. } => {
                Self::IdempotencyViolation { run, step }
            }
            StoreError::RunFinished { .. } => Self::RunFinished { run },
            StoreError::MailboxFull { most, .. } => Self::MailboxFull { run, most },
            StoreError::NoSuchQuestion { question, .. } => Self::QuestionNotFound { run, question },
            StoreError::Answered { question, .. } => Self::AlreadyAnswered { run, question },
            StoreError::QuestionExpired { question, .. } => Self::QuestionExpired { run, question },
            StoreError::OutcomeKnown { question, .. } => Self::AnswerRefused {
                run,
                question,
                reason: "what became of the effect is on record by now; resume the run".into(),
            },
            StoreError::LabelTaken { label, step, .. } => Self::LabelTaken { run, label, step },
            StoreError::Corrupt { place, reason, .. } => Self::Corrupt { run, place, reason },
            StoreError::TooLarge {
                what, bytes, limit, ..
            } => Self::TooLarge {
                run,
                what,
                bytes,
                limit,
            },
            source => Self::Store { run, source },
        }
    }

    /// Whether the store is at fault, and not the run.
    pub(crate) const fn is_of_store(&self) -> bool {
        matches!(
            self,
            Self::Store { .. } | Self::Corrupt { .. } | Self::LeaseLost { .. }
        )
    }

    /// For a replay that differs: where, what was recorded and what is now.
    pub(crate) fn replays_otherwise(&self) -> Option<String> {
        match self {
            Self::ReplayMismatch {
                step,
                node,
                what,
                expected,
                found,
                ..
            } => Some(mismatch(*step, node, what, expected, found)),
            _ => None,
        }
    }
}

fn names(nodes: &[&str]) -> String {
    nodes
        .iter()
        .map(|node| format!("`{node}`"))
        .collect::<Vec<_>>()
        .join(" and ")
}

/// Where a replay differs, and the first places at which the
/// two values differ.
fn mismatch(step: u64, node: &str, what: &str, expected: &str, found: &str) -> String {
    let places = differences(expected, found).into_iter().take(3);
    let places = places.map(|Difference { path, a, b }| {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".into());
        let (a, b) = (shown(a), shown(b));
        match path.as_str() {
            "." => format!("recorded {a}, now {b}"),
            path => format!("recorded {a} at `{path}`, now {b}"),
        }
    });
    let places = places.collect::<Vec<_>>().join("; ");
    format!("step {step}, node `{node}`: the replay differs in {what}: {places}")
}

/// The step, if there is one.
fn of_step(step: Option<u64>) -> String {
    step.map_or_else(String::new, |step| format!(", step {step}"))
}

/// What a node asks instead of what is on record, and what to do.
fn changed(class: EffectClass, name: &str, n: u64, requested: &str, recorded: &str) -> String {
    match class {
        EffectClass::Question => format!(
            "asks {requested} as question `{name}`, and what was answered under that name was {recorded}; make the question \
             depend on nothing but the state, the input and `cx`; if the node was changed on purpose, let the program that \
             asked finish the step, or give the question another name, under which it is asked once more"
        ),
        _ => format!(
            "asks effect `{name}` (call {n}) for {requested}, and on record it asked for {recorded}; make the request depend \
             on nothing but the state, the input and `cx`; if the node was changed on purpose, let the program that made \
             the call finish the step, or give the effect another name, under which the call is made once more"
        ),
    }
}

/// Until when it is driven, and what to do.
fn held(expires: SystemTime, node: Option<&str>) -> String {
    match node {
        None => format!(
            ", whose lease lapses at {} by the store's clock unless it is renewed; wait for that call, which may be one of this process; \
             if its process is gone, `resume` takes the run over, at once or when the lease has lapsed",
            rfc3339::text(expires)
        ),
        Some(node) => format!(
            ", and the call was made inside its node `{node}`, which would wait for itself for ever; make it \
             after the run, or in a task of its own that the node does not await"
        ),
    }
}
