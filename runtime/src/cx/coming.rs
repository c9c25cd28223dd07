//! One wait of a node, whatever it is for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::journal::{Call, Inquiry, Reads, Request, Waiting, Wanted};
use super::order::CallId;
use super::place::Place;
use super::{AttemptLog, Cx};
use crate::encode::{self, EncodeError};
use crate::error::Error;
use crate::store::{Deadline, EffectClass, EffectKind, EffectRecord, LONGEST_NAME};

/// See the module: gives what came.
pub(super) struct Coming<'a> {
    cx: &'a Cx,
    class: EffectClass,
    name: String,
    /// Which of that class and name, and its place among the calls of its attempt.
    n: u64,
    position: u32,
    deadline: Deadline,
    /// What it asks, if it waits for an answer.
    asks: Option<Box<Asking>>,
    /// Why it must not be polled.
    refusal: Option<Box<Error>>,
    stage: Stage,
}

/// What is asked, and what makes the JSON Schema of its answer.
struct Asking {
    request: Request,
    inquiry: Inquiry,
    schema: Schema,
}

/// Makes the JSON Schema of an answer; or says why there is none.
pub(super) type Schema = fn() -> Result<String, String>;

/// What a wait has come to.
pub(super) enum Came {
    Value(String),
    /// Its time is over; this counts instead, if anything was said to.
    Over(Option<String>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Called,
    Pending,
    Over,
}

impl<'a> Coming<'a> {
    pub(super) fn call(cx: &'a Cx, class: EffectClass, name: &str) -> Self {
        let refusal = refusal(cx, class, name);
        let (n, position) = match refusal {
            None => cx.log().call_wait(class, name),
            Some(_) => (0, 0),
        };
        let mut called = Self {
            cx,
            class,
            name: name.to_owned(),
            n,
            position,
            deadline: Deadline::Never,
            asks: None,
            refusal: None,
            stage: Stage::Called,
        };
        if let Some(reason) = refusal {
            called.refuse(reason.into());
        } else if class == EffectClass::Question && n > 0 {
            called.refusal = Some(Box::new(Error::AskedTwice {
                run: cx.run_id().to_owned(),
                step: cx.step(),
                node: cx.node(),
                name: name.into(),
            }));
        }
        called
    }

    pub(super) fn up_to(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// Asks somebody, whose answer has that schema and is read by `reads`.
    pub(super) fn asking(
        mut self,
        question: &(impl Serialize + ?Sized),
        schema: Schema,
        reads: Reads,
    ) -> Self {
        if self.cx.journal().is_none() {
            return self; // nobody is asked
        }
        match encode::to_string(question) {
            Ok(text) => {
                let inquiry = Inquiry {
                    text: text.clone(),
                    schema: None,
                    default: None,
                    reads,
                };
                self.asks = Some(Box::new(Asking {
                    request: Request::of(text),
                    inquiry,
                    schema,
                }));
            }
            Err(error) => self.not_round_trip("question", error),
        }
        self
    }

    /// What counts if nobody answers in time.
    pub(super) fn or(&mut self, default: &str) {
        if let Some(asks) = &mut self.asks {
            asks.inquiry.default = Some(default.to_owned());
        }
    }

    /// Part of it has no JSON from which it could be read again.
    pub(super) fn not_round_trip(&mut self, what: &str, source: EncodeError) {
        let what = format!("the {what} of {} in node `{}`", self.what(), self.cx.node()).into();
        let (run, step) = (self.cx.run_id().to_owned(), self.cx.step());
        let error = Error::NotRoundTrip {
            run,
            step,
            what,
            source,
        };
        self.refusal.get_or_insert(Box::new(error));
    }

    /// Whether what is asked has to be read out of its text.
    pub(super) fn checks_round_trip(&self) -> bool {
        let journal = self.cx.journal();
        journal.is_none_or(|journal| journal.checks_round_trip())
    }

    fn id(&self) -> CallId {
        (self.class, self.name.clone(), self.n)
    }

    fn log(&self) -> &AttemptLog {
        self.cx.log()
    }

    /// What it is, for people.
    fn what(&self) -> String {
        match self.class {
            EffectClass::Time => "`sleep`".to_owned(),
            _ => format!("`{}(\"{}\")`", self.method(), self.name),
        }
    }

    const fn method(&self) -> &'static str {
        match self.class {
            EffectClass::Time => "sleep",
            EffectClass::Question => "interrupt",
            EffectClass::Effect | EffectClass::Signal => "receive",
        }
    }

    /// The run stops; nothing ever comes. A blocking node and a unit test would wait for that, so they
    /// panic.
    fn stop(&self, error: Error) {
        let message = error.to_string();
        self.log().fault(error);
        assert!(!self.cx.outlives && self.cx.tested.is_none(), "{message}");
        if matches!(self.cx.place(), Place::Closure(_)) {
            self.log().give_up_calls();
        }
        self.log().wait();
    }

    fn refuse(&mut self, reason: Box<str>) {
        let error = Error::WaitRefused {
            run: self.cx.run_id().to_owned(),
            step: self.cx.step(),
            node: self.cx.node(),
            wait: self.what().into(),
            reason,
        };
        self.refusal = Some(Box::new(error));
    }

    /// The record of what came, if it has come.
    fn look(&mut self, task: &Context<'_>) -> Option<EffectRecord> {
        let journal = self.cx.journal()?;
        let (id, waker) = (self.id(), task.waker());
        let call = Call::with(self.cx.order_key(), id.clone());
        let request = self.asks.as_ref().map(|asks| &asks.request);
        if let Some(record) = journal.came(&call, self.position, request) {
            if let Some(request) = request
                && is_for_another(&record, request)
            {
                self.changed(&record, request);
                return None;
            }
            return self.log().shows(&id, waker).then_some(record);
        }
        if self.log().holds_back(&id, waker) {
            return None;
        }
        self.has_schema()?;
        let waiting = Waiting {
            deadline: self.deadline,
            position: self.position,
            // It has called a wait: this one.
            seen: self.log().next_seen().unwrap_or_default(),
            asks: self.asks.as_ref().map(|asks| &asks.inquiry),
        };
        match journal.want(self.cx, &call, waiting) {
            Wanted::Came(record) => Some(*record),
            Wanted::NotYet(is_news) => {
                journal.attend(&call, waker);
                self.log().is_pending(&id, is_news);
                None
            }
        }
    }

    /// If it asks, the JSON Schema of the answer is there from now on.
    fn has_schema(&mut self) -> Option<()> {
        let Some(asks) = self.asks.as_mut() else {
            return Some(());
        };
        if asks.inquiry.schema.is_some() {
            return Some(());
        }
        match (asks.schema)() {
            Ok(schema) => asks.inquiry.schema = Some(schema),
            Err(reason) => {
                self.refuse(format!("the type of its answer has no JSON Schema: {reason}").into());
                self.stop_if_refused();
                return None;
            }
        }
        Some(())
    }

    /// Another question is on record.
    fn changed(&self, record: &EffectRecord, request: &Request) {
        self.stop(Error::EffectChanged {
            run: self.cx.run_id().to_owned(),
            step: self.cx.step(),
            node: self.cx.node(),
            class: self.class,
            effect: self.name.as_str().into(),
            n: self.n,
            recorded: record.excerpt.as_str().into(),
            requested: request.excerpt.as_str().into(),
        });
    }

    fn stop_if_refused(&mut self) -> bool {
        let refusal = self.refusal.take();
        let is_refused = refusal.is_some();
        if let Some(error) = refusal {
            self.stage = Stage::Over;
            self.stop(*error);
        }
        is_refused
    }

    /// Gives what came, for as long as it takes. What was said to count when it was registered still
    /// does.
    pub(super) fn poll_value<T: DeserializeOwned>(&mut self, task: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut *self).poll(task) {
            Poll::Ready(Came::Value(text) | Came::Over(Some(text))) => {
                self.decode(&text).map_or(Poll::Pending, Poll::Ready)
            }
            Poll::Ready(Came::Over(None)) => self.had_a_deadline(),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Gives what came in time, or what was said to count instead, unless that is of another type
    /// today.
    pub(super) fn poll_in_time<T: DeserializeOwned>(
        &mut self,
        task: &mut Context<'_>,
    ) -> Poll<Option<T>> {
        match Pin::new(&mut *self).poll(task) {
            Poll::Ready(Came::Value(text)) => {
                let value = self.decode(&text);
                value.map_or(Poll::Pending, |value| Poll::Ready(Some(value)))
            }
            Poll::Ready(Came::Over(instead)) => {
                Poll::Ready(instead.and_then(|text| encode::from_str(&text).ok()))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// It was registered with a deadline, and waits without one now.
    fn had_a_deadline<T>(&self) -> Poll<T> {
        self.unreadable(
            "its time is over, since it had a limit when it was registered, and has none now"
                .into(),
            "give it a limit again",
        );
        Poll::Pending
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, text: &str) -> Option<T> {
        let help = match self.class {
            EffectClass::Question => {
                "let the program that asked finish the step, or read the answer as a `serde_json::Value`"
            }
            _ => "receive it as the type that was sent, or as a `serde_json::Value`",
        };
        let decoded = encode::from_str(text);
        decoded
            .map_err(|error| self.unreadable(error.to_string(), help))
            .ok()
    }

    fn unreadable(&self, reason: String, help: &str) {
        let what = match self.class {
            EffectClass::Question => "the answer to question",
            _ => "signal",
        };
        let got = match self.class {
            EffectClass::Question => "asked",
            _ => "received",
        };
        let (name, node, step) = (&self.name, self.cx.node(), self.cx.step());
        self.stop(Error::Undecodable {
            run: self.cx.run_id().to_owned(),
            place: format!("{what} `{name}`, {got} by node `{node}` in step {step}"),
            reason,
            help: format!("{help}, and resume the run").into(),
        });
    }
}

impl Future for Coming<'_> {
    type Output = Came;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.stage == Stage::Called
            && let Some(reason) = misplaced(this.cx)
        {
            this.refuse(reason.into());
        }
        if this.stage == Stage::Over || this.stop_if_refused() {
            return Poll::Pending;
        }
        if let Some(came) = this.cx.tested(this.class, &this.name, this.deadline) {
            this.stage = Stage::Over;
            return Poll::Ready(came.map_or(Came::Over(None), Came::Value));
        }
        if this.cx.journal().is_none() {
            this.stage = Stage::Over;
            this.stop(Error::NoStore {
                call: this.method(),
            });
            return Poll::Pending;
        }
        if this.log().is_faulty() {
            // The run stops, whatever the node does about it.
            this.log().wait();
            return Poll::Pending;
        }
        this.stage = Stage::Pending;
        let Some(record) = this.look(task) else {
            return Poll::Pending;
        };
        this.log().is_pending_no_more(&this.id());
        this.log().saw(&this.name, this.position);
        this.cx.heartbeat();
        this.stage = Stage::Over;
        Poll::Ready(match (record.kind, record.response) {
            (EffectKind::Done, Some(text)) => Came::Value(text),
            (_, instead) => Came::Over(instead),
        })
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if self.stage == Stage::Pending && self.cx.journal().is_some() {
            self.log().is_pending_no_more(&self.id());
        }
    }
}

/// Whether the record is of an answer to another question. That nobody answered says the same of any.
fn is_for_another(record: &EffectRecord, request: &Request) -> bool {
    record.kind == EffectKind::Done && record.request != request.digest
}

/// Why a node must not wait here, or for that.
fn refusal(cx: &Cx, class: EffectClass, name: &str) -> Option<&'static str> {
    if cx.outlives {
        return Some("a `blocking` node cannot be left while it waits; make it `async`");
    }
    if let Some(reason) = misplaced(cx) {
        return Some(reason);
    }
    match name.len() {
        _ if class == EffectClass::Time => None,
        0 => Some("it needs a name"),
        1..=LONGEST_NAME if name.contains('\0') => {
            Some("its name must not contain a NUL character")
        }
        1..=LONGEST_NAME => None,
        _ => Some("its name must not have more than 1,024 bytes"),
    }
}

/// The same, whatever it is for.
fn misplaced(cx: &Cx) -> Option<&'static str> {
    match cx.place() {
        Place::Node => None,
        Place::Closure(_) => Some(
            "it is inside the closure of an effect, which is not called again once that is recorded; \
             wait before or after the effect",
        ),
        Place::Elsewhere => Some(
            "it is on a thread other than the node's own, where its number depends on timing; wait in \
             the node itself",
        ),
    }
}

impl fmt::Debug for Coming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("class", &self.class)
            .field("name", &self.name)
            .field("n", &self.n)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
