//! What a node may ask for: about itself, and of the outside world.

#[cfg(any(feature = "schema", test))]
mod ask;
mod clock;
#[cfg_attr(
    not(any(feature = "schema", test)),
    allow(dead_code, reason = "nothing asks")
)]
mod coming;
mod effect;
mod identity;
mod journal;
mod keys;
mod log;
mod order;
mod place;
mod random;
mod rehearsal;
mod signs;
mod tested;
mod wait;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::Error;
use crate::graph::GraphInfo;
use crate::hash::{Digest, Hasher};
use crate::store::{Deadline, EffectClass, EffectRecord};

#[cfg(feature = "schema")]
pub use ask::AnswerType;
#[cfg(any(feature = "schema", test))]
pub use ask::{Ask, AskWithin, AskWithinOr};
pub(crate) use clock::recorded_time;
pub use effect::{AtMostOnce, Effect, ok};
pub(crate) use identity::{RunIdentity, default_seed};
pub(crate) use journal::{
    APART, Asks, Call, EffectJournal, Found, Inquiry, MadeCall, Reads, Registered, Request,
    Stopped, UNRECORDED, Waiting, Wanted, Written, misread,
};
pub(crate) use keys::{KeyId, Keyring, order_key};
use log::AttemptLog;
pub(crate) use order::CallId;
use place::Place;
pub(crate) use place::Visit;
pub use random::TaskRng;
pub(crate) use rehearsal::{Cue, Line, Rehearsal, Said};
use signs::Signs;
use tested::Tested;
pub use wait::{Sleep, Wait, Within, WithinOr};

/// The context of one attempt of one task; a node that takes `&Cx` gets it.
///
/// A node may use it on threads of its own, too. An [effect](Self::effect) whose name
/// nothing else in the task uses may be made on any of them. What is counted, since a
/// replay finds it by its number, must be used on the node's own thread, the
/// one that polls an `async` node or runs a `blocking` one: [`now`](Self::now),
/// [`rng`](Self::rng), [`uuid`](Self::uuid) and effects of which there are several of
/// one name. On another thread these stop the run with
/// [`Error::OtherThread`](crate::Error::OtherThread). Call them before, and pass
/// on what they return; an effect that is made on the node's own thread may be
/// [run](Effect::run) on another.
pub struct Cx {
    keys: Keyring,
    key: KeyId,
    step: u64,
    node: &'static str,
    attempt: u32,
    /// Whether it keeps running when it is given up: a blocking node does.
    outlives: bool,
    given_up: AtomicBool,
    /// Whether whoever runs the node says so, and where it still does.
    is_run: bool,
    has_ended: AtomicBool,
    /// Created when something has to be noted, so that other tasks do not pay for it.
    log: OnceLock<Box<AttemptLog>>,
    /// Kept if anybody wants to know.
    signs: OnceLock<Box<Signs>>,
    /// What it receives in a unit test.
    tested: Option<Box<Tested>>,
}

/// What becomes of an attempt whose node is pending.
pub(crate) enum Rest {
    /// It goes on when something wakes it.
    Busy,
    /// The store has to be told something; then it is asked again.
    Register(Registered),
    /// It stops until something comes from outside.
    Suspended,
}

impl Cx {
    pub(crate) fn new(
        keys: Keyring,
        key: KeyId,
        step: u64,
        node: &'static str,
        attempt: u32,
    ) -> Self {
        Self {
            keys,
            key,
            step,
            node,
            attempt,
            outlives: false,
            given_up: AtomicBool::new(false),
            is_run: true,
            has_ended: AtomicBool::new(false),
            log: OnceLock::new(),
            signs: OnceLock::new(),
            tested: None,
        }
    }

    /// A context for unit tests of a node: run `test`, step 1, node `test`,
    /// first attempt.
    ///
    /// ```
    /// let cx = superstep::Cx::test();
    /// assert_eq!((cx.run_id(), cx.step(), cx.attempt()), ("test", 1, 1));
    /// ```
    pub fn test() -> Self {
        let mut keys = Keyring::new(&NO_GRAPH, RunIdentity::new("test".into(), None));
        let key = keys.known(Hasher::new().part("test").finish());
        Self {
            is_run: false,
            tested: Some(Box::default()),
            ..Self::new(keys, key, 1, "test", 1)
        }
    }

    /// For unit tests of a node: it receives a signal with that name. Several of one name are
    /// received in the order in which they are given here.
    ///
    /// In a test no time passes: a [`sleep`](Self::sleep) is over at once, and so is a wait with a deadline
    /// for which there is no signal. One without a deadline panics and says which signal is
    /// missing.
    ///
    /// # Panics
    /// If the value has no JSON, and on any context but one from [`test`](Self::test).
    #[must_use]
    pub fn with_signal(self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        let tested = self.tested.as_ref();
        let tested = tested.unwrap_or_else(|| panic!("`with_signal` is for `Cx::test()`"));
        tested.send(EffectClass::Signal, name, value);
        self
    }

    /// For unit tests of a node: the [question](Self::interrupt) with that name is answered so. One without
    /// an answer is over at once if it has a deadline, and else it panics.
    ///
    /// # Panics
    /// If the value has no JSON, and on any context but one from [`test`](Self::test).
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn with_answer(self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        let tested = self.tested.as_ref();
        let tested = tested.unwrap_or_else(|| panic!("`with_answer` is for `Cx::test()`"));
        tested.send(EffectClass::Question, name, value);
        self
    }

    /// What a wait comes to in a unit test; `None` in a run.
    fn tested(&self, class: EffectClass, name: &str, deadline: Deadline) -> Option<Option<String>> {
        let tested = self.tested.as_ref()?;
        if class == EffectClass::Time {
            return Some(None);
        }
        let came = tested.receive(class, name);
        let word = tested::word(class);
        assert!(
            came.is_some() || deadline != Deadline::Never,
            "the node waits for {word} `{name}`: give it one with `Cx::test().with_{word}({name:?}, &value)`"
        );
        Some(came)
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.keys.run().id
    }

    /// What the run's random numbers follow from.
    pub(crate) fn seed(&self) -> u64 {
        self.keys.run().seed()
    }

    /// The step in which the task runs, from 1.
    pub const fn step(&self) -> u64 {
        self.step
    }

    /// The node's name in the graph.
    pub const fn node(&self) -> &'static str {
        self.node
    }

    /// The task's order key: `SHA-256(parent_path, node_id, edge_index)`,
    /// unique in the run and the same on every attempt and after a resume.
    pub fn order_key(&self) -> Digest {
        self.keys.get(self.key)
    }

    /// Which attempt this is, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// A key to pass to the outside world, so that it can recognise a repeated
    /// call: `SHA-256(run_id, order_key)`, the same on every attempt.
    pub fn idempotency_key(&self) -> Digest {
        Hasher::new()
            .part(&self.keys.run().id)
            .part(self.order_key().as_bytes())
            .finish()
    }

    /// The way to the outside world: a call that is made once and recorded;
    /// a retry, a resume and a replay get the record.
    ///
    /// `request` says what is asked for; under the same name the n-th call of a
    /// task must always ask for the same. See [`Effect::run`].
    ///
    /// ```
    /// use superstep::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), NodeError> {
    /// # async fn fetch(url: &str) -> Result<String, std::io::Error> { Ok(format!("page of {url}")) }
    /// let cx = Cx::test();
    /// let url = "https://example.com";
    /// let page = cx.effect("fetch", url).run(|| fetch(url)).await?;
    /// assert_eq!(page, "page of https://example.com");
    /// # Ok(())
    /// # }
    /// ```
    pub fn effect(&self, name: &str, request: &(impl Serialize + ?Sized)) -> Effect<'_> {
        Effect::begin(self, name, request)
    }

    /// The time, in whole milliseconds. It is recorded with the task's next
    /// effect or with its result: a replay, and any later attempt after
    /// an effect, reads the same. Without a store it is the clock's.
    ///
    /// ```
    /// let cx = superstep::Cx::test();
    /// assert!(cx.now() > std::time::UNIX_EPOCH);
    /// ```
    pub fn now(&self) -> SystemTime {
        clock::now(self)
    }

    /// Waits for a signal with that name, sent with [`Engine::signal`](crate::Engine::signal), and
    /// gives its value. A signal that came before counts; of several the oldest is received, and nobody
    /// receives it again.
    ///
    /// While a task waits it costs nothing: when nothing of it is in flight any more, its node is
    /// **dropped**, with all its futures, and if nothing else runs the run is given back to the
    /// store, as [`Interrupted`](crate::Status::Interrupted). When the signal comes the node starts again
    /// from its top, as the same attempt: what it had read is on record and reads the
    /// same, effects are not made again. Waiting counts for no timeout and no budget.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use superstep::prelude::*;
    ///
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Order { receipt: String }
    /// #[node]
    /// async fn payment(_: &Order, cx: &Cx) -> OrderUpdate {
    ///     let receipt: String = cx.receive("paid").await;
    ///     Order::update().receipt(receipt)
    /// }
    ///
    /// #[graph(state = Order, start -> payment -> end)]
    /// struct Shop;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let engine = Engine::builder(Shop).build()?;
    /// let run = engine.run("order-7", Order::default()).await?;
    /// assert_eq!(run.status(), Status::Interrupted);
    ///
    /// engine.signal("order-7", "paid", "no. 7").await?;
    /// assert_eq!(engine.resume("order-7").await?.state().receipt, "no. 7");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It never gives an error. What stops the run: [`Error::WaitRefused`] in a node that is not
    /// `async`, inside an effect's closure, on another thread, or with an empty name;
    /// [`Error::NoStore`] without a store; [`Error::Undecodable`] for a signal that is no `T`, which then
    /// stays first in the queue.
    pub fn receive<T: DeserializeOwned>(&self, name: &str) -> Wait<'_, T> {
        Wait::signal(self, name)
    }

    /// Asks somebody, and waits for the answer, as with [`receive`](Self::receive): the run rests in its store,
    /// [`Run::interrupts`](crate::Run::interrupts) shows the question, in any process, and
    /// [`Engine::answer`](crate::Engine::answer) answers it.
    ///
    /// The answer is checked against the JSON Schema of `T` before it is taken: see
    /// [`schemars`](crate::schemars), and `#[schemars(crate = "superstep::schemars")]`. What fits it and still is
    /// no `T` counts for nothing: the question is asked again, and says why.
    ///
    /// A name is asked once by a task. The question may depend on the state, the input and what the node
    /// has on record; if it is another one when the node comes to it again, after a
    /// correction or in a newer program, nobody's answer to the old one is taken.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use superstep::prelude::*;
    /// use superstep::schemars::JsonSchema;
    ///
    /// #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    /// #[schemars(crate = "superstep::schemars")]
    /// struct Approval { granted: bool, limit: Option<u32> }
    ///
    /// #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// struct Order { sum: u32, is_approved: bool }
    ///
    /// #[node]
    /// async fn approve(order: &Order, cx: &Cx) -> OrderUpdate {
    ///     let question = format!("May this be paid: {}?", order.sum);
    ///     let approval: Approval = cx.interrupt("approve", &question).await;
    ///     Order::update().is_approved(approval.granted)
    /// }
    ///
    /// #[graph(state = Order, start -> approve -> end)]
    /// struct Shop;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let engine = Engine::builder(Shop).build()?;
    /// let run = engine.run("order-7", Order { sum: 90, ..Order::default() }).await?;
    /// let asked = &run.interrupts()[0];
    /// assert_eq!(asked.question.get(), "\"May this be paid: 90?\"");
    ///
    /// let answer = Approval { granted: true, limit: None };
    /// engine.answer("order-7", &asked.id, answer).by("ada").await?;
    /// assert!(engine.resume("order-7").await?.state().is_approved);
    ///
    /// // In a unit test of the node:
    /// let cx = Cx::test().with_answer("approve", &Approval::default());
    /// assert_eq!(approve(&Order::default(), &cx).await, Order::update().is_approved(false));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With a limit nobody has to wait for ever:
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use std::time::Duration;
    /// # use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Order { is_approved: bool }
    /// #[node]
    /// async fn approve(_: &Order, cx: &Cx) -> OrderUpdate {
    ///     let two_days = Duration::from_secs(48 * 3_600);
    ///     let is_approved = cx.interrupt("approve", "May this be paid?").within(two_days).or(false).await;
    ///     Order::update().is_approved(is_approved)
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(approve(&Order::default(), &Cx::test()).await, Order::update().is_approved(false));
    /// # }
    /// ```
    ///
    /// It never gives an error. What stops the run: [`Error::AskedTwice`]; [`Error::WaitRefused`] in the cases
    /// of [`receive`](Self::receive), and for a type that has no JSON Schema; [`Error::NotRoundTrip`] for a
    /// question that has no JSON; [`Error::EffectChanged`] if something else was answered under that name;
    /// [`Error::NoStore`]; [`Error::Undecodable`] for an answer on record that is no `T` any more.
    #[cfg(feature = "schema")]
    pub fn interrupt<T: AnswerType>(
        &self,
        name: &str,
        question: &(impl Serialize + ?Sized),
    ) -> Ask<'_, T> {
        self.ask(name, question, crate::schema::of::<T>)
    }

    /// The same for an answer whose JSON Schema is made by `schema`.
    #[cfg(any(feature = "schema", test))]
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        name: &str,
        question: &(impl Serialize + ?Sized),
        schema: coming::Schema,
    ) -> Ask<'_, T> {
        Ask::call(self, name, question, schema)
    }

    /// Waits for that time, by the store's clock, from its first poll on; a restart does not begin
    /// anew. A run that only sleeps is given back to the store, as
    /// [`Sleeping`](crate::Status::Sleeping), and [`wakes`](crate::Run::wakes) says until when: whoever
    /// resumes it then goes on. As with [`receive`](Self::receive) the node is dropped meanwhile.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use std::time::Duration;
    /// use superstep::prelude::*;
    ///
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Trial { reminded: bool }
    /// #[node]
    /// async fn remind(_: &Trial, cx: &Cx) -> TrialUpdate {
    ///     cx.sleep(Duration::from_secs(14 * 24 * 3_600)).await;
    ///     Trial::update().reminded(true)
    /// }
    /// # #[graph(state = Trial, start -> remind -> end)]
    /// # struct Reminder;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let engine = Engine::builder(Reminder).build()?;
    /// let run = engine.run("ada", Trial::default()).await?;
    /// assert_eq!(run.status(), Status::Sleeping);
    /// assert!(run.wakes() > Some(std::time::SystemTime::now()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn sleep(&self, time: Duration) -> Sleep<'_> {
        Sleep::call(self, Deadline::In(time))
    }

    /// Waits until then, in the same way; a time in the past is over at once.
    pub fn sleep_until(&self, time: SystemTime) -> Sleep<'_> {
        Sleep::call(self, Deadline::At(time))
    }

    /// Random numbers that follow from the run's seed and the task's order key:
    /// the same on every attempt, resume and replay, different in every round of a
    /// loop. Each call in a task begins a new stream.
    ///
    /// It implements `Rng` of the `rand_core` crate, which `rand` builds on.
    ///
    /// ```
    /// use superstep::Cx;
    /// use rand_core::Rng as _;
    ///
    /// assert_eq!(Cx::test().rng().next_u64(), Cx::test().rng().next_u64());
    /// ```
    pub fn rng(&self) -> TaskRng {
        match self.log().next_stream(self.place()) {
            Some(stream) => TaskRng::of(self, "rng", stream),
            None => self.refused("`rng()`"),
        }
    }

    /// A random id (version 4) that follows from the run's seed and the task's
    /// order key, as [`rng`](Self::rng) does. Each call in a task returns another.
    ///
    /// ```
    /// let cx = superstep::Cx::test();
    /// assert_ne!(cx.uuid(), cx.uuid());
    /// ```
    pub fn uuid(&self) -> Uuid {
        let stream = match self.log().next_id(self.place()) {
            Some(stream) => TaskRng::of(self, "uuid", stream),
            None => self.refused("`uuid()`"),
        };
        stream.uuid()
    }

    /// Whether nobody waits for this attempt any more: its run is no longer
    /// driven, or it has reached a limit. Async nodes are dropped then and need
    /// not ask; a `blocking` node in a long loop should. Whatever such a node does
    /// from then on does not reach the run: what it waits for in an effect ends
    /// with an error, it begins no other, and the outcome of a late call is not
    /// recorded.
    pub fn cancelled(&self) -> bool {
        self.is_given_up() || self.keys.run().dropped.load(Ordering::Relaxed)
    }

    /// Shows a sign of life: the time for which `idle = "…"` in `#[node]` lets the attempt be
    /// silent begins anew. A finished [effect](Self::effect) is a sign, too; work that takes
    /// longer, in the closure of an effect or outside of any, calls this now and then.
    ///
    /// It costs next to nothing, is recorded nowhere, and may be called anywhere: in nodes that
    /// are not `async`, in closures of effects, and on threads and in tasks that the node starts.
    /// In a node without an `idle` it does nothing.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use superstep::prelude::*;
    ///
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Scan { pages: Vec<Vec<u8>>, #[reduce(sum)] ink: u64 }
    /// # fn ink(page: &[u8]) -> u64 { page.len() as u64 }
    /// #[node(blocking, idle = "30s")]
    /// fn measure(scan: &Scan, cx: &Cx) -> ScanUpdate {
    ///     let mut sum = 0;
    ///     for page in &scan.pages {
    ///         sum += ink(page); // each takes a few seconds, and there may be a thousand
    ///         cx.heartbeat();
    ///     }
    ///     Scan::update().ink(sum)
    /// }
    /// # let scan = Scan { pages: vec![vec![1, 2]], ..Default::default() };
    /// # let _ = measure(&scan, &Cx::test());
    /// ```
    #[inline]
    pub fn heartbeat(&self) {
        if let Some(signs) = self.signs.get() {
            signs.give();
        }
    }

    /// From now on signs of life are kept.
    pub(crate) fn keep_signs(&self) {
        self.signs.get_or_init(Box::default);
    }

    /// When the last sign of life came, if they are kept.
    #[inline]
    pub(crate) fn last_sign(&self) -> Option<Instant> {
        self.signs.get().map(|signs| signs.last())
    }

    /// Runs `f` and returns its value. It tells readers, and the check in
    /// `#[node]`, that this one expression may read the clock or a global
    /// random source: its value is not recorded, so it must not reach an
    /// update, a route or an input.
    ///
    /// ```
    /// let cx = superstep::Cx::test();
    /// let started = cx.untracked(std::time::Instant::now);
    /// # let _ = started;
    /// ```
    pub fn untracked<T>(&self, f: impl FnOnce() -> T) -> T {
        f()
    }

    /// The attempt begins, which whoever rehearses the run wants to know.
    #[inline]
    pub(crate) fn start(&self) {
        if let Some(rehearsal) = self.rehearsal() {
            rehearsal.starts(self);
        }
    }

    /// Who stands in for the world outside, if anybody does.
    #[inline]
    fn rehearsal(&self) -> Option<&Arc<dyn Rehearsal>> {
        self.keys.run().rehearsal()
    }

    /// From here on the current thread runs the node, until the guard is dropped.
    #[inline]
    pub(crate) fn run_here(&self) -> Visit {
        Visit::begin(self, Place::Node)
    }

    /// The node has ended: what is left of it is dropped.
    #[inline]
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    /// Where a call of this context comes from.
    fn place(&self) -> Place {
        match place::of(self) {
            Place::Elsewhere if !self.is_run => Place::Node,
            place => place,
        }
    }

    /// Stops the run because of `call`, which a thread other than the node's own
    /// made; returns the message.
    fn stop_other_thread(&self, call: &str) -> String {
        let error = Error::OtherThread {
            run: self.run_id().to_owned(),
            step: self.step,
            node: self.node,
            call: call.into(),
        };
        let message = error.to_string();
        // What is dropped after the end is no longer the node's doing.
        if !self.has_ended.load(Ordering::Relaxed) {
            self.log().fault(error);
        }
        message
    }

    /// The same for `call`, which returns random numbers; nobody else uses these.
    #[cold]
    fn refused(&self, call: &str) -> TaskRng {
        self.stop_other_thread(call);
        TaskRng::of(self, "refused", self.log().next_refused())
    }

    /// What this attempt did besides its work, from now on.
    fn log(&self) -> &AttemptLog {
        self.log.get_or_init(|| {
            let journal = self.journal().filter(|journal| !journal.is_empty());
            let order = journal.map(|journal| journal.order(self.order_key()));
            Box::new(AttemptLog::in_order(order.unwrap_or_default()))
        })
    }

    /// What becomes of the attempt, whose node is pending.
    pub(crate) fn rest(&self) -> Rest {
        let Some(log) = self.log.get() else {
            return Rest::Busy;
        };
        if log.takes_registration()
            && let Some(journal) = self.journal()
        {
            return Rest::Register(Arc::clone(journal).register(self));
        }
        match log.is_suspended() {
            _ if log.is_in_flight() || log.let_one_go() => Rest::Busy,
            true => {
                log.stop();
                Rest::Suspended
            }
            false => Rest::Busy,
        }
    }

    /// The store is told something, or has been; if that went wrong the run stops.
    pub(crate) fn registers(&self, is_writing: bool, result: Result<(), Error>) {
        self.log().registers(is_writing);
        if let Err(error) = result {
            self.log().fault(error);
            self.log().wait();
        }
    }

    /// The attempt stops until something comes from outside.
    pub(crate) fn stop(&self) {
        if let (Some(journal), Some(log)) = (self.journal(), self.log.get()) {
            let stopped = Stopped {
                calls: log.calls_so_far(),
                buffered: log.take_buffered(),
                open: log.open(),
            };
            journal.stop(self, stopped);
        }
    }

    /// Another attempt follows, if the task has waited.
    pub(crate) fn retry(&self) {
        if let Some(journal) = self.journal()
            && !journal.is_empty()
        {
            journal.retry(self.order_key());
        }
    }

    /// The attempt with which a task that has stopped to wait goes on, and whether it still has
    /// nothing to do.
    pub(crate) fn rests(&self) -> Option<(u32, bool)> {
        let journal = self.journal().filter(|journal| !journal.is_empty())?;
        journal.rests(self.order_key())
    }

    /// What was read and not recorded yet, and every call so far.
    pub(crate) fn unrecorded(&self) -> (Vec<MadeCall>, Vec<EffectRecord>) {
        let log = self.log();
        (log.calls_so_far(), log.take_buffered())
    }

    /// Whether the store has something of it to write. If so, `driver` is woken when that
    /// is done.
    pub(crate) fn is_writing(&self, driver: &Waker) -> bool {
        self.log.get().is_some_and(|log| {
            log.tell(driver);
            log.is_writing()
        })
    }

    /// Whether it has asked for anything that is noted.
    #[inline]
    pub(crate) fn has_notes(&self) -> bool {
        self.log.get().is_some()
    }

    /// The first panic of an effect, whatever the node did about it.
    pub(crate) fn take_panic(&self) -> Option<String> {
        self.log.get().and_then(|log| log.take_panic())
    }

    /// Why the run has to stop, whatever the node did about it.
    pub(crate) fn take_fault(&self) -> Option<Error> {
        self.log.get().and_then(|log| log.take_fault())
    }

    /// The attempt succeeded, and with it the task.
    pub(crate) fn finish(&self) {
        let Some(journal) = self.journal() else {
            return;
        };
        match self.log.get() {
            Some(log) => journal.finish(self.order_key(), log.calls(), log.take_buffered()),
            None if journal.is_empty() => {}
            None => journal.finish(self.order_key(), Vec::new(), Vec::new()),
        }
    }

    /// The attempt failed because of `reason`: asks about every effect of the
    /// task whose outcome that leaves open, and returns whether there is one.
    pub(crate) fn ask_for_unknown(&self, reason: &str) -> bool {
        self.journal().is_some_and(|journal| {
            !journal.is_empty() && journal.ask_for_unknown(self.order_key(), self.node, reason)
        })
    }

    /// Where effects are recorded; nowhere without a store.
    fn journal(&self) -> Option<&Arc<dyn EffectJournal>> {
        self.keys.run().journal()
    }

    /// This context, for a node that keeps running when it is given up.
    pub(crate) fn outliving(mut self) -> Self {
        self.outlives = true;
        self
    }

    /// Nobody waits for this attempt any more. Whatever it records from now on
    /// is refused, and what it waits for in an effect ends.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.log().wake_waiting();
    }

    /// Whether it was given up. Called while the journal is locked: then a record
    /// stands either before the engine examines what the attempt left, or never.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Whether it was given up; if not, `waiting` is woken when it is.
    fn ends(&self, waiting: &Waker) -> bool {
        self.outlives && {
            self.log().wait_with(waiting);
            self.is_given_up() && !mistake!(GivenUpRecords)
        }
    }

    /// Wakes `driver` when the attempt has to be examined although it keeps running.
    pub(crate) fn tell(&self, driver: &Waker) {
        self.log().tell(driver);
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("run", &self.keys.run().id)
            .field("step", &self.step)
            .field("node", &self.node)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// The table behind [`Cx::test`]: its key is known, so no node is looked up.
static NO_GRAPH: GraphInfo = GraphInfo::EMPTY;
