//! What a node asks somebody.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Cx;
use super::coming::{Coming, Schema};
use crate::encode::{self, Draft, read_back};
use crate::store::{Deadline, EffectClass};

/// A type that a question is [answered](Cx::interrupt) with: its values are read from JSON, and it has a
/// JSON Schema.
#[cfg(feature = "schema")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer to a question",
    label = "an answer is read from JSON and has a JSON Schema",
    note = "derive both: `#[derive(serde::Deserialize, superstep::schemars::JsonSchema)]`, with \
            `#[schemars(crate = \"superstep::schemars\")]`",
    note = "`bool`, numbers, `String`, `Option`, `Vec` and `serde_json::Value` are answers, too"
)]
pub trait AnswerType: DeserializeOwned + schemars::JsonSchema {}

#[cfg(feature = "schema")]
#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + schemars::JsonSchema> AnswerType for T {}

/// A question to somebody, from [`Cx::interrupt`]: await it.
///
/// It waits for as long as it takes. With [`within`](Self::within) or [`until`](Self::until) it waits
/// up to a time.
#[must_use = "nothing is asked until it is awaited"]
pub struct Ask<'a, T> {
    coming: Coming<'a>,
    answer: PhantomData<fn() -> T>,
}

/// A question that can be answered up to a time, from [`Ask::within`] and [`Ask::until`]: await it. It
/// gives `None` if nobody has answered by then.
#[must_use = "nothing is asked until it is awaited"]
pub struct AskWithin<'a, T>(Ask<'a, T>);

/// A question with an answer for the case that nobody gives one in time, from [`AskWithin::or`]: await
/// it.
#[must_use = "nothing is asked until it is awaited"]
pub struct AskWithinOr<'a, T> {
    within: AskWithin<'a, T>,
    /// As canonical JSON.
    default: String,
}

impl<'a, T: DeserializeOwned> Ask<'a, T> {
    pub(super) fn call(
        cx: &'a Cx,
        name: &str,
        question: &(impl Serialize + ?Sized),
        schema: Schema,
    ) -> Self {
        let reads = |text: &str| encode::from_str::<T>(text).map(drop);
        let coming = Coming::call(cx, EffectClass::Question, name);
        Self {
            coming: coming.asking(question, schema, reads),
            answer: PhantomData,
        }
    }

    /// Waits for at most that time, from the moment on in which it is asked, by the store's clock. It
    /// passes while nothing runs, too. [`Duration::ZERO`] asks without waiting; [`Duration::MAX`]
    /// is no limit.
    ///
    /// From then on an answer is [`Error::QuestionExpired`](crate::Error::QuestionExpired), and the run
    /// goes on when it is [resumed](crate::Engine::resume): [`wakes`](crate::Run::wakes) says when that
    /// pays.
    pub fn within(self, time: Duration) -> AskWithin<'a, T> {
        self.up_to(Deadline::In(time))
    }

    /// Waits until then at the latest, by the store's clock; a time in the past asks without
    /// waiting.
    pub fn until(self, time: SystemTime) -> AskWithin<'a, T> {
        self.up_to(Deadline::At(time))
    }

    fn up_to(mut self, deadline: Deadline) -> AskWithin<'a, T> {
        self.coming = self.coming.up_to(deadline);
        AskWithin(self)
    }
}

impl<'a, T: DeserializeOwned> AskWithin<'a, T> {
    /// Goes on with `default` if nobody has answered by then. It is shown with the question, as
    /// [`Interrupt::default`](crate::Interrupt::default).
    pub fn or(mut self, default: T) -> AskWithinOr<'a, T>
    where
        T: Serialize,
    {
        let coming = &mut self.0.coming;
        let read = |text: &str| read_back::<T>(text).map(drop);
        let text = Draft::of(&default);
        let text = text.and_then(|draft| draft.checked(coming.checks_round_trip(), read));
        let default = text.unwrap_or_else(|error| {
            coming.not_round_trip("default", error);
            String::new()
        });
        coming.or(&default);
        AskWithinOr {
            within: self,
            default,
        }
    }
}

impl<T: DeserializeOwned> Future for Ask<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        self.get_mut().coming.poll_value(task)
    }
}

impl<T: DeserializeOwned> Future for AskWithin<'_, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().0.coming.poll_in_time(task)
    }
}

impl<T: DeserializeOwned> Future for AskWithinOr<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let Poll::Ready(came) = Pin::new(&mut this.within).poll(task) else {
            return Poll::Pending;
        };
        // The node sees what the text says, as it does of a record.
        let answer = came.or_else(|| this.within.0.coming.decode(&this.default));
        answer.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> fmt::Debug for Ask<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.coming, f)
    }
}

impl<T> fmt::Debug for AskWithin<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T> fmt::Debug for AskWithinOr<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.within, f)
    }
}
