//! What a node waits for: a signal, a time.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::journal::{Call, Waiting, Wanted};
use super::order::CallId;
use super::place::Place;
use super::{AttemptLog, Cx};
use crate::encode;
use crate::error::Error;
use crate::store::{Deadline, EffectClass, EffectRecord, LONGEST_NAME};

/// A wait for a signal, from [`Cx::receive`]: await it.
///
/// It waits for as long as it takes. With [`within`](Self::within) or [`until`](Self::until) it waits
/// up to a time.
#[must_use = "nothing is waited for until it is awaited"]
pub struct Wait<'a, T> {
    coming: Coming<'a>,
    value: PhantomData<fn() -> T>,
}

/// A wait that is over at some time, from [`Wait::within`] and [`Wait::until`]: await it. It gives
/// `None` if nothing has come by then.
#[must_use = "nothing is waited for until it is awaited"]
pub struct Within<'a, T>(Wait<'a, T>);

/// A wait with a value for the case that nothing comes, from [`Within::or`]: await it.
#[must_use = "nothing is waited for until it is awaited"]
pub struct WithinOr<'a, T> {
    within: Within<'a, T>,
    default: Option<T>,
}

/// A wait for a time, from [`Cx::sleep`] and [`Cx::sleep_until`]: await it.
#[must_use = "nothing is waited for until it is awaited"]
pub struct Sleep<'a>(Coming<'a>);

impl<'a, T: DeserializeOwned> Wait<'a, T> {
    pub(super) fn signal(cx: &'a Cx, name: &str) -> Self {
        Self {
            coming: Coming::call(cx, EffectClass::Signal, name, Deadline::Never),
            value: PhantomData,
        }
    }

    /// Waits for at most that time, from the moment on in which the wait is registered, by the
    /// store's clock. It passes while nothing runs, too. [`Duration::ZERO`] asks without waiting;
    /// [`Duration::MAX`] is no limit.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use std::time::Duration;
    /// use superstep::prelude::*;
    ///
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Order { paid: bool }
    /// #[node]
    /// async fn payment(_: &Order, cx: &Cx) -> OrderUpdate {
    ///     let receipt: Option<String> = cx.receive("paid").within(Duration::from_secs(1_800)).await;
    ///     Order::update().paid(receipt.is_some())
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let paid = payment(&Order::default(), &Cx::test().with_signal("paid", "no. 7")).await;
    /// assert_eq!(paid, Order::update().paid(true));
    /// let late = payment(&Order::default(), &Cx::test()).await;
    /// assert_eq!(late, Order::update().paid(false));
    /// # }
    /// ```
    pub fn within(self, time: Duration) -> Within<'a, T> {
        Within(self.up_to(Deadline::In(time)))
    }

    /// Waits until then at the latest, by the store's clock; a time in the past asks without
    /// waiting.
    pub fn until(self, time: SystemTime) -> Within<'a, T> {
        Within(self.up_to(Deadline::At(time)))
    }

    fn up_to(mut self, deadline: Deadline) -> Self {
        self.coming.deadline = deadline;
        self
    }
}

impl<'a, T> Within<'a, T> {
    /// Gives `default` if nothing has come by then.
    pub const fn or(self, default: T) -> WithinOr<'a, T> {
        WithinOr {
            within: self,
            default: Some(default),
        }
    }
}

impl<T: DeserializeOwned> Future for Within<'_, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let coming = &mut self.get_mut().0.coming;
        let Poll::Ready(came) = Pin::new(&mut *coming).poll(task) else {
            return Poll::Pending;
        };
        match came.map(|text| coming.decode(&text)) {
            Some(None) => Poll::Pending,
            came => Poll::Ready(came.flatten()),
        }
    }
}

impl<T: DeserializeOwned> Future for Wait<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        let coming = &mut self.get_mut().coming;
        let Poll::Ready(Some(text)) = Pin::new(&mut *coming).poll(task) else {
            return Poll::Pending; // without a deadline it does not end without a value
        };
        coming.decode(&text).map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T: DeserializeOwned + Unpin> Future for WithinOr<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let Poll::Ready(came) = Pin::new(&mut this.within).poll(task) else {
            return Poll::Pending;
        };
        (came.or_else(|| this.default.take())).map_or(Poll::Pending, Poll::Ready)
    }
}

impl<'a> Sleep<'a> {
    pub(super) fn call(cx: &'a Cx, deadline: Deadline) -> Self {
        Self(Coming::call(cx, EffectClass::Time, "", deadline))
    }
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.get_mut().0).poll(task).map(drop)
    }
}

/// One wait of a node: gives the text of what came, or `None` when its time is over.
struct Coming<'a> {
    cx: &'a Cx,
    class: EffectClass,
    name: String,
    /// Which of that class and name, and its place among the calls of its attempt.
    n: u64,
    position: u32,
    deadline: Deadline,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not polled yet, or it must not be: for this reason.
    Called(Option<&'static str>),
    Pending,
    Over,
}

impl<'a> Coming<'a> {
    fn call(cx: &'a Cx, class: EffectClass, name: &str, deadline: Deadline) -> Self {
        let refusal = refusal(cx, class, name);
        let (n, position) = match refusal {
            None => cx.log().call_wait(class, name),
            Some(_) => (0, 0),
        };
        Self {
            cx,
            class,
            name: name.to_owned(),
            n,
            position,
            deadline,
            stage: Stage::Called(refusal),
        }
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
            _ => format!("`receive(\"{}\")`", self.name),
        }
    }

    /// The run stops; nothing ever comes. A blocking node would wait for that, so it panics.
    fn stop(&self, error: Error) {
        let message = error.to_string();
        self.log().fault(error);
        assert!(!self.cx.outlives, "{message}");
        if matches!(self.cx.place(), Place::Closure(_)) {
            self.log().give_up_calls();
        }
        self.log().wait();
    }

    fn refuse(&self, reason: &'static str) {
        self.stop(Error::WaitRefused {
            run: self.cx.run_id().to_owned(),
            step: self.cx.step(),
            node: self.cx.node(),
            wait: self.what().into(),
            reason,
        });
    }

    /// The record of what came, if it has come.
    fn look(&self, task: &Context<'_>) -> Option<EffectRecord> {
        let journal = self.cx.journal()?;
        let (id, waker) = (self.id(), task.waker());
        let call = Call::with(self.cx.order_key(), id.clone());
        if let Some(record) = journal.came(&call, self.position) {
            return self.log().shows(&id, waker).then_some(record);
        }
        if self.log().holds_back(&id, waker) {
            return None;
        }
        let waiting = Waiting {
            deadline: self.deadline,
            position: self.position,
            // It has called a wait: this one.
            seen: self.log().next_seen().unwrap_or_default(),
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

    fn decode<T: DeserializeOwned>(&self, text: &str) -> Option<T> {
        match encode::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.stop(Error::Undecodable {
                    run: self.cx.run_id().to_owned(),
                    place: format!(
                        "signal `{}`, received by node `{}` in step {}",
                        self.name,
                        self.cx.node(),
                        self.cx.step()
                    ),
                    reason: error.to_string(),
                    help: "receive it as the type that was sent, or as a `serde_json::Value`, and resume the run"
                        .into(),
                });
                None
            }
        }
    }
}

impl Future for Coming<'_> {
    type Output = Option<String>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let refusal = match this.stage {
            Stage::Over => return Poll::Pending,
            Stage::Called(refusal) => refusal.or_else(|| misplaced(this.cx)),
            Stage::Pending => None,
        };
        if let Some(reason) = refusal {
            this.stage = Stage::Over;
            this.refuse(reason);
            return Poll::Pending;
        }
        if let Some(came) = this.cx.tested(this.class, &this.name, this.deadline) {
            this.stage = Stage::Over;
            return Poll::Ready(came);
        }
        if this.cx.journal().is_none() {
            this.stage = Stage::Over;
            this.stop(Error::NoStore { call: "receive" });
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
        Poll::Ready(record.response)
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if self.stage == Stage::Pending && self.cx.journal().is_some() {
            self.log().is_pending_no_more(&self.id());
        }
    }
}

/// Why a node must not wait here, or for that.
fn refusal(cx: &Cx, class: EffectClass, name: &str) -> Option<&'static str> {
    if cx.outlives {
        return Some("a `blocking` node cannot be left while it waits; make it `async`");
    }
    if let Some(reason) = misplaced(cx) {
        return Some(reason);
    }
    match (class, name.len()) {
        (EffectClass::Time, _) => None,
        (_, 0) => Some("a signal needs a name"),
        (_, 1..=LONGEST_NAME) if name.contains('\0') => {
            Some("the name of a signal contains no NUL character")
        }
        (_, 1..=LONGEST_NAME) => None,
        _ => Some("the name of a signal has at most 1,024 bytes"),
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

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.coming, f)
    }
}

impl<T> fmt::Debug for Within<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T> fmt::Debug for WithinOr<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.within, f)
    }
}

impl fmt::Debug for Sleep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
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
