use std::any::type_name;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::yield_now;

use super::journal::{Asks, Call, EffectJournal, Found, Request, Written};
use super::order::CallId;
use super::place::{Place, Visit};
use super::rehearsal::{Line, Said};
use super::{APART, AttemptLog, Cx};
use crate::encode::{self, Draft, EncodeError};
use crate::error::Error;
use crate::hash::{Digest, Hasher};
use crate::node_error::NodeError;
use crate::panics;
use crate::store::{EffectClass, EffectKind, EffectRecord, LONGEST_NAME};

/// `Ok(value)` with [`NodeError`] as its error, so that a closure that cannot
/// fail needs no types.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), superstep::NodeError> {
/// let cx = superstep::Cx::test();
/// let dice = cx.effect("dice", &()).run(|| async { superstep::ok(4) }).await?;
/// assert_eq!(dice, 4);
/// # Ok(())
/// # }
/// ```
pub fn ok<T>(value: T) -> Result<T, NodeError> {
    Ok(value)
}

/// A call to the outside world, from [`Cx::effect`]; nothing happens until it is [run](Self::run).
#[must_use = "nothing happens until it is run"]
pub struct Effect<'a> {
    cx: &'a Cx,
    name: String,
    n: u64,
    /// Its place among the calls of its attempt, or [`APART`].
    position: u32,
    /// Why it is not made at all.
    refusal: Option<String>,
    /// Read only if there is a journal: without one nothing is encoded.
    request: Option<Result<Request, EncodeError>>,
}

/// An effect that must not be repeated, from [`Effect::at_most_once`].
#[must_use = "nothing happens until it is run"]
pub struct AtMostOnce<'a>(Effect<'a>);

/// What is known of a call before it is made, in the caller's types.
enum Look<T> {
    Known(Result<T, NodeError>),
    New,
    /// Begun, and nobody knows what became of it, because of this.
    Unknown(String),
    Never,
}

impl<'a> Effect<'a> {
    pub(super) fn begin(cx: &'a Cx, name: &str, request: &(impl Serialize + ?Sized)) -> Self {
        let made = match cx.place() {
            Place::Node => cx.log().call(name).ok_or_else(|| clashes(cx, name)),
            Place::Closure(_) => Err(is_nested(name)),
            Place::Elsewhere => match cx.log().call_apart(name) {
                true => Ok((0, APART)),
                false => Err(clashes(cx, name)),
            },
        };
        let request = cx
            .journal()
            .map(|_| encode::to_string(request).map(Request::of));
        let (n, position, refusal) = match made {
            Ok((n, position)) => (n, position, None),
            Err(refusal) => (0, APART, Some(refusal)),
        };
        Self {
            cx,
            name: name.to_owned(),
            n,
            position,
            refusal,
            request,
        }
    }

    /// A key to pass to the callee, so that it can recognise a repeated call:
    /// `SHA-256(run_id, order key, name, n)`.
    ///
    /// An effect is made at least once until it is recorded: after a crash in
    /// between it is made again, with the same key.
    pub fn key(&self) -> Digest {
        Hasher::new()
            .part(self.cx.run_id())
            .part(self.cx.order_key().as_bytes())
            .part(&self.name)
            .number(self.n)
            .finish()
    }

    /// Makes it an effect that is never repeated, not even when nobody knows
    /// whether it happened: then the run asks.
    pub const fn at_most_once(self) -> AtMostOnce<'a> {
        AtMostOnce(self)
    }

    /// Calls `f` and records what it returns, before the node sees it; or returns
    /// what is recorded, without calling `f`.
    ///
    /// The value that the node sees is the one that its record decodes to, the
    /// first time as any other time. A failure is recorded with its attempt,
    /// if that goes on to succeed; a retry of the task tries again. Only a clear no,
    /// [`NodeError::refused`], is recorded at once: the call is not made again.
    ///
    /// Since `f` is not always called, an effect inside it is refused; the time
    /// there is the clock's, and random numbers there are streams of their own.
    ///
    /// # Errors
    /// What `f` fails with. A request that differs from the recorded one, a
    /// response that cannot be encoded or decoded, and a store that fails stop
    /// the run, whatever the node does with the error.
    pub async fn run<T, E, F, Fut>(self, f: F) -> Result<T, NodeError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let outcome = self.attended(pin!(self.outcome(f))).await;
        self.saw();
        outcome
    }

    async fn outcome<T, E, F, Fut>(&self, f: F) -> Result<T, NodeError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let Some(journal) = self.cx.journal() else {
            return self.outside(f).await;
        };
        let request = self.request()?;
        match self.look(journal, &request, false)? {
            Look::Known(result) => self.settled(journal, result).await,
            Look::New => {
                // What the node got before comes first, as long as it asks for that.
                self.in_turn().await;
                let _flight = self.log().fly();
                self.flush(journal).await?;
                match self.made(&request, false, f).await {
                    Ok(value) => self.succeed(journal, &request, value).await,
                    Err(error) if error.is_refused() => {
                        Err(self.fail_at_once(journal, &request, error).await)
                    }
                    Err(error) => Err(self.fail(&request, error)),
                }
            }
            Look::Unknown(reason) => {
                self.expect::<T>(journal);
                self.ask(journal, &request, &reason).await
            }
            Look::Never => self.never().await,
        }
    }

    /// Waits for `outcome`, as long as anybody waits for the attempt. A panic is
    /// noted on its way to the node, which may swallow it.
    async fn attended<T>(
        &self,
        mut outcome: Pin<&mut impl Future<Output = Result<T, NodeError>>>,
    ) -> Result<T, NodeError> {
        poll_fn(|task| {
            if self.cx.ends(task.waker()) {
                return Poll::Ready(Err(self.too_late()));
            }
            if let Some(refusal) = self.refusal() {
                return Poll::Ready(Err(NodeError::permanent(refusal)));
            }
            let polled = catch_unwind(AssertUnwindSafe(|| outcome.as_mut().poll(task)));
            polled.unwrap_or_else(|panic| {
                self.log().panicked(panics::message(&*panic));
                resume_unwind(panic)
            })
        })
        .await
    }

    /// Why it is not made, or not waited for here.
    fn refusal(&self) -> Option<String> {
        if self.refusal.is_some() {
            return self.refusal.clone();
        }
        matches!(self.cx.place(), Place::Closure(_)).then(|| is_nested(&self.name))
    }

    /// The node gets its outcome.
    fn saw(&self) {
        if self.refusal.is_none() {
            self.cx.heartbeat();
            self.log().saw(&self.name, self.position);
        }
    }

    fn too_late(&self) -> NodeError {
        NodeError::permanent(format!(
            "attempt {} of node `{}` in step {} of run `{}` was given up: effect `{}` is not made \
             any more, and what it came to is not recorded",
            self.cx.attempt(),
            self.cx.node(),
            self.cx.step(),
            self.cx.run_id(),
            self.name
        ))
    }

    /// Makes the call, unless somebody stands in for the world outside.
    async fn made<T, E, F, Fut>(
        &self,
        request: &Request,
        at_most_once: bool,
        f: F,
    ) -> Result<T, NodeError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let rehearsal = self.cx.rehearsal();
        if let Some(rehearsal) = rehearsal {
            let line = rehearsal.calls(self.cx, self.call(), request, at_most_once);
            match line.await {
                Line::Make => {}
                Line::Never => return pending().await,
                Line::Say(Ok(text)) => return self.decode(&text),
                Line::Say(Err(error)) => return Err(error),
            }
        }
        let made = self.outside(f).await;
        if let Some(rehearsal) = rehearsal
            && let Some(said) = repeatable(&made)
        {
            rehearsal.came_to(self.cx, &self.call(), said);
        }
        made
    }

    /// Calls `f`, so that whatever `f` asks of this task's context knows it.
    async fn outside<T, E, F, Fut>(&self, f: F) -> Result<T, NodeError>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let inside = Place::Closure(self.first_stream());
        let go_inside = || Visit::begin(self.cx, inside);
        let call = {
            let _inside = go_inside();
            f()
        };
        let mut call = pin!(call);
        let called = poll_fn(|task| {
            let _inside = go_inside();
            call.as_mut().poll(task)
        });
        called.await.map_err(NodeError::transient)
    }

    /// Where the random streams of its closure begin: it has some of its own.
    fn first_stream(&self) -> u64 {
        match self.position {
            APART => Hasher::new().part(&self.name).finish().to_u64() | 1 << 63,
            position => (u64::from(position) + 1) << 32,
        }
    }

    fn log(&self) -> &AttemptLog {
        self.cx.log()
    }

    fn call(&self) -> Call {
        Call::with(self.cx.order_key(), self.id())
    }

    fn id(&self) -> CallId {
        (EffectClass::Effect, self.name.clone(), self.n)
    }

    fn request(&self) -> Result<Request, NodeError> {
        if self.name.is_empty() {
            return Err(NodeError::permanent("an effect needs a name"));
        }
        if self.name.len() > LONGEST_NAME {
            return Err(NodeError::permanent(
                "the name of an effect has at most 1,024 bytes; put details into its request",
            ));
        }
        if self.log().is_faulty() {
            return Err(NodeError::permanent("an earlier effect stops the run"));
        }
        match &self.request {
            Some(Ok(request)) => Ok(request.clone()),
            Some(Err(error)) => Err(self.not_round_trip("request", error.clone())),
            // The journal would have to be opened while the call was being prepared; it never is.
            None => Err(NodeError::permanent("the effect was begun outside its run")),
        }
    }

    fn look<T: DeserializeOwned>(
        &self,
        journal: &Arc<dyn EffectJournal>,
        request: &Request,
        at_most_once: bool,
    ) -> Result<Look<T>, NodeError> {
        let reads = |text: &str| encode::from_str::<T>(text).map(drop);
        let asks = Asks {
            request,
            at_most_once,
            attempt: self.cx.attempt(),
            reads,
        };
        match journal.find(&self.call(), self.position, &asks) {
            Found::New => Ok(Look::New),
            Found::Never => Ok(Look::Never),
            Found::Unknown(reason) => Ok(Look::Unknown(reason)),
            Found::Failure(text) => Ok(Look::Known(Err(NodeError::from_record(&text)))),
            Found::Response(text) => self.decode(&text).map(|value| Look::Known(Ok(value))),
            Found::Changed(recorded) => Err(self.fault(Error::EffectChanged {
                class: EffectClass::Effect,
                run: self.cx.run_id().to_owned(),
                step: self.cx.step(),
                node: self.cx.node(),
                effect: self.name.as_str().into(),
                n: self.n,
                recorded: recorded.into(),
                requested: request.excerpt.as_str().into(),
            })),
        }
    }

    fn decode<T: DeserializeOwned>(&self, text: &str) -> Result<T, NodeError> {
        encode::from_str(text).map_err(|error| {
            self.fault(Error::Undecodable {
                run: self.cx.run_id().to_owned(),
                place: format!("{} in step {}", self.place_of("response"), self.cx.step()),
                reason: error.to_string(),
                help: "a response does not go through `migrate`: give its type a default for what is missing; or, \
                       if a fork was given this response, fork again with another one, under another id"
                    .into(),
            })
        })
    }

    async fn succeed<T: Serialize + DeserializeOwned>(
        &self,
        journal: &Arc<dyn EffectJournal>,
        request: &Request,
        value: T,
    ) -> Result<T, NodeError> {
        let draft = Draft::of(&value);
        drop(value);
        let check = journal.checks_round_trip();
        let read = |text: &str| encode::read_back::<T>(text).map(drop);
        let text = draft.and_then(|draft| draft.checked(check, read));
        let text = text.map_err(|error| self.not_round_trip("response", error))?;
        let mut record = self.record(request, EffectKind::Done);
        record.response = Some(text.clone());
        self.write(journal, record).await?;
        self.decode(&text)
    }

    /// The failure is written if its attempt succeeds all the same.
    fn fail(&self, request: &Request, error: NodeError) -> NodeError {
        self.log().buffer(self.failure(request, &error));
        error
    }

    /// The failure is written now: it stands, whatever becomes of the attempt.
    async fn fail_at_once(
        &self,
        journal: &Arc<dyn EffectJournal>,
        request: &Request,
        error: NodeError,
    ) -> NodeError {
        let written = self.write(journal, self.failure(request, &error)).await;
        written.err().unwrap_or(error)
    }

    fn failure(&self, request: &Request, error: &NodeError) -> EffectRecord {
        let mut record = self.record(request, EffectKind::Failed);
        record.error = Some(error.to_record());
        record
    }

    /// Writes `record` with what was buffered before it.
    async fn write(
        &self,
        journal: &Arc<dyn EffectJournal>,
        record: EffectRecord,
    ) -> Result<(), NodeError> {
        let is_outcome = record.kind != EffectKind::Intent;
        let mut records = self.log().take_buffered();
        records.push(record);
        let Some(written) = journal.write(self.cx, records) else {
            return Err(self.too_late());
        };
        self.written(written, is_outcome).await
    }

    /// What the node has received is written before anybody outside can know of it.
    async fn flush(&self, journal: &Arc<dyn EffectJournal>) -> Result<(), NodeError> {
        match journal.flush(self.cx) {
            Some(written) => self.written(written, false).await,
            None => Ok(()),
        }
    }

    /// Waits until something is on disk, perhaps the outcome; meanwhile no limit of the attempt
    /// is reached.
    async fn written(&self, written: Written<'_>, is_outcome: bool) -> Result<(), NodeError> {
        let _writing = self.log().write();
        let written = written.await;
        if is_outcome {
            // Before whoever watches the limits is told that nothing is written any more.
            self.cx.heartbeat();
        }
        written.map_err(|error| self.fault(error))
    }

    /// A call that is made at most once is not made while one that is on record before it has
    /// not been asked for: it may be that call, under another name.
    async fn pass_over_none(&self, journal: &Arc<dyn EffectJournal>) -> Result<(), NodeError> {
        let asked = |name: &str, n| self.log().has_called(name, n);
        let passed_over = || journal.passed_over(self.cx.order_key(), self.position, &asked);
        if self.position == APART || passed_over().is_none() {
            return Ok(());
        }
        // What runs at the same time in this node may be about to ask for it.
        yield_now().await;
        passed_over().map_or(Ok(()), |call| {
            Err(self.fault(Error::EffectPassedOver {
                run: self.cx.run_id().to_owned(),
                step: self.cx.step(),
                node: self.cx.node(),
                effect: self.name.as_str().into(),
                n: self.n,
                passed_over: call.name.into(),
                of_that: call.n,
            }))
        })
    }

    /// What is known of the call, once it is certain to be on disk: the attempt
    /// that made it may have ended before the store answered.
    async fn settled<T>(
        &self,
        journal: &Arc<dyn EffectJournal>,
        result: Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        let settled = journal.settle(self.cx.order_key(), self.cx.attempt());
        self.written(settled, true).await?;
        self.in_turn().await;
        result
    }

    /// Until what the node got before this, when it began last, has been shown to it.
    async fn in_turn(&self) {
        if self.position == APART {
            return;
        }
        let asking = Asking(self.log(), self.id());
        poll_fn(|task| match asking.0.shows(&asking.1, task.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    /// Whoever is asked what became of the call is told which type is expected.
    fn expect<T>(&self, journal: &Arc<dyn EffectJournal>) {
        journal.expect(self.call(), type_name::<T>());
    }

    /// Asks what became of the call, and waits: the engine drops the node, or
    /// gives it up.
    async fn ask<T>(&self, journal: &Arc<dyn EffectJournal>, request: &Request, reason: &str) -> T {
        journal.ask(self.cx, &self.call(), request, reason);
        self.log().wait();
        pending().await
    }

    /// Waits, as the call did that is on record without an outcome.
    async fn never<T>(&self) -> T {
        self.log().nudge();
        pending().await
    }

    fn record(&self, request: &Request, kind: EffectKind) -> EffectRecord {
        let Call { task, name, n, .. } = self.call();
        EffectRecord {
            call: Some(self.position),
            seen: self
                .log()
                .next_seen()
                .filter(|_| kind != EffectKind::Intent),
            attempt: self.cx.attempt(),
            excerpt: request.excerpt.clone(),
            ..EffectRecord::new(self.cx.step(), task, name, n, kind, request.digest)
        }
    }

    /// `what` is its request or its response.
    fn not_round_trip(&self, what: &str, error: EncodeError) -> NodeError {
        let what = self.place_of(what);
        self.fault(Error::not_round_trip(
            self.cx.run_id(),
            self.cx.step(),
            what,
        )(error))
    }

    fn place_of(&self, what: &str) -> String {
        let (name, n, node) = (&self.name, self.n, self.cx.node());
        format!("the {what} of effect `{name}` (call {n}) of node `{node}`")
    }

    /// The run stops with `error`; the node sees its message.
    fn fault(&self, error: Error) -> NodeError {
        let message = error.to_string();
        self.log().fault(error);
        NodeError::permanent(message)
    }
}

impl AtMostOnce<'_> {
    /// A key to pass to the callee: see [`Effect::key`].
    pub fn key(&self) -> Digest {
        self.0.key()
    }

    /// Records that the call is about to be made, then calls `f` and records
    /// what it returns; or returns what is recorded.
    ///
    /// If a crash, a timeout, a cancellation or an error leaves open whether
    /// the call happened, `f` is not called again: the run stops as
    /// [`Interrupted`](crate::Status::Interrupted) with a question
    /// ([`Run::interrupts`](crate::Run::interrupts)), to be answered with an
    /// [`Outcome`](crate::Outcome). An error counts as not happened only if it is
    /// [`NodeError::not_sent`], after which the call may be made again, or
    /// [`NodeError::refused`], which is the last word.
    ///
    /// The question is JSON with `effect`, `request`, `reason` and `expects`, the Rust type of
    /// the response, which is absent if the process died in the call. An answer
    /// `Outcome::Happened(response)` whose response does not decode into that type is noticed
    /// when the run continues: then the question is asked again, under a new id, and `reason`
    /// says what was wrong.
    ///
    /// # Errors
    /// As [`Effect::run`].
    pub async fn run<T, E, F, Fut>(self, f: F) -> Result<T, NodeError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let outcome = self.0.attended(pin!(self.outcome(f))).await;
        self.0.saw();
        outcome
    }

    async fn outcome<T, E, F, Fut>(&self, f: F) -> Result<T, NodeError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let Self(effect) = self;
        let Some(journal) = effect.cx.journal() else {
            return effect.outside(f).await;
        };
        let request = effect.request()?;
        effect.expect::<T>(journal);
        match effect.look(journal, &request, true)? {
            Look::Known(result) => return effect.settled(journal, result).await,
            Look::New => {
                effect.in_turn().await;
                effect.pass_over_none(journal).await?;
            }
            Look::Unknown(reason) => return effect.ask(journal, &request, &reason).await,
            Look::Never => return effect.never().await,
        }
        let flight = effect.log().fly();
        let intent = effect.record(&request, EffectKind::Intent);
        let failure = effect.failure(&request, &never_made());
        let unbegun = Unbegun(effect.cx, journal, Some(failure));
        if !mistake!(IntentNotWritten) {
            effect.write(journal, intent).await?;
        }
        unbegun.begin();
        let error = match effect.made(&request, true, f).await {
            Ok(value) => return effect.succeed(journal, &request, value).await,
            Err(error) => error,
        };
        if error.is_without_doubt() {
            return Err(effect.fail_at_once(journal, &request, error).await);
        }
        drop(flight);
        effect.ask(journal, &request, &error.to_string()).await
    }
}

/// What is asked of the log until it is shown, or nobody asks any more.
struct Asking<'a>(&'a AttemptLog, CallId);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asks_no_more(&self.1);
    }
}

/// A call's outcome, to be repeated; nothing for a response that does not
/// survive its text.
fn repeatable<T: Serialize + DeserializeOwned>(made: &Result<T, NodeError>) -> Option<Said> {
    let read = |text: &str| encode::read_back::<T>(text).map(drop);
    let text = |value| Draft::of(value)?.checked(true, read);
    match made {
        Ok(value) => text(value).ok().map(Ok),
        Err(error) => Some(Err(error.clone())),
    }
}

fn is_nested(name: &str) -> String {
    format!(
        "effect `{name}` is made inside the closure of another, which is not called once that one \
         is recorded: make one after the other"
    )
}

/// One of two effects of the same name was not made on the node's own thread.
#[cold]
fn clashes(cx: &Cx, name: &str) -> String {
    cx.stop_other_thread(&format!("effect `{name}`"))
}

/// A call that is not made unless its intent is recorded: if nobody waits for
/// that any more, or the store refuses, it is known not to have happened.
struct Unbegun<'a>(&'a Cx, &'a Arc<dyn EffectJournal>, Option<EffectRecord>);

impl Unbegun<'_> {
    fn begin(mut self) {
        self.2 = None;
    }
}

impl Drop for Unbegun<'_> {
    fn drop(&mut self) {
        let Self(cx, journal, failure) = self;
        if let Some(failure) = failure.take() {
            journal.note(cx, failure);
        }
    }
}

fn never_made() -> NodeError {
    NodeError::not_sent("the call was not made, since its intent could not be recorded")
}

impl fmt::Debug for Effect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effect")
            .field("name", &self.name)
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AtMostOnce<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AtMostOnce").field(&self.0).finish()
    }
}
