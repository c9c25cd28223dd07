//! What a node may ask for: about itself, and of the outside world.

mod clock;
mod effect;
mod identity;
mod journal;
mod keys;
mod log;
mod place;
mod random;
mod rehearsal;
mod signs;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::SystemTime;

use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::Error;
use crate::graph::GraphInfo;
use crate::hash::{Digest, Hasher};

pub(crate) use clock::recorded_time;
pub use effect::{AtMostOnce, Effect, ok};
pub(crate) use identity::{RunIdentity, default_seed};
pub(crate) use journal::{
    APART, Asks, Call, EffectJournal, Found, MadeCall, Request, UNRECORDED, Written,
};
pub(crate) use keys::{KeyId, Keyring, order_key};
use log::AttemptLog;
use place::Place;
pub(crate) use place::Visit;
pub use random::TaskRng;
pub(crate) use rehearsal::{Cue, Line, Rehearsal, Said};
use signs::Signs;

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
            ..Self::new(keys, key, 1, "test", 1)
        }
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
        self.log.get_or_init(Box::default)
    }

    /// Whether the node must be dropped until it gets an answer.
    pub(crate) fn is_suspended(&self) -> bool {
        self.log.get().is_some_and(|log| log.is_suspended())
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
            Some(log) => journal.finish(self.order_key(), log.take_calls(), log.take_buffered()),
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
