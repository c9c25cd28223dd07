//! What a node waits for: a signal, a time.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::Cx;
use super::coming::Coming;
use crate::store::{Deadline, EffectClass};

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
            coming: Coming::call(cx, EffectClass::Signal, name),
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
        self.coming = self.coming.up_to(deadline);
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
        self.get_mut().0.coming.poll_in_time(task)
    }
}

impl<T: DeserializeOwned> Future for Wait<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        self.get_mut().coming.poll_value(task)
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
        Self(Coming::call(cx, EffectClass::Time, "").up_to(deadline))
    }
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.get_mut().0).poll(task).map(drop)
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
