//! What a task asks of the world while it runs, and what it gets.
//!
//! A task cannot reach the world itself: it leaves a wish and is pending, and its owner
//! grants the wish in a separate move. So between any two things that a task does
//! anything else may happen.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use super::outside::EffectId;
use crate::cx::Cx;
use crate::node_error::NodeError;
use crate::session::Ledger;
use crate::store::{EffectKey, Mail, Recording, Registration, StoreError, StoreFuture};

/// What a task waits for.
#[derive(Debug)]
pub(super) enum Wish {
    /// For the outside world to be called, by a task that has received this.
    Call(EffectId, Vec<Got>),
    /// For records to be written.
    Write(Recording),
    /// For the store to be told of waits.
    Register(Box<Registration>),
}

/// What a task has got from a wait: which one, and the value, if anything came.
pub(super) type Got = (EffectKey, Option<u64>);

/// Its outcome.
#[derive(Debug)]
pub(super) enum Grant {
    Called(Result<u64, NodeError>),
    Written(Result<(), StoreError>),
    Registered(Result<Mail, StoreError>),
}

/// One attempt's desk.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) wish: Option<Wish>,
    pub(super) grant: Option<Grant>,
    /// What its node got to see.
    pub(super) seen: Vec<(EffectId, u64)>,
    /// What its node got from waits since it was polled last.
    pub(super) got: Vec<Got>,
    /// The error with which the node fails when it has done its work.
    pub(super) fate: Option<NodeError>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Polls a task at its `desk`.
pub(super) fn sit_at<T>(desk: &mut Desk, poll: impl FnOnce() -> T) -> T {
    DESK.set(std::mem::take(desk));
    let polled = poll();
    *desk = DESK.take();
    polled
}

/// Leaves a wish and waits until it is granted.
async fn wish(wish: Wish) -> Grant {
    let mut wish = Some(wish);
    poll_fn(|_| {
        DESK.with_borrow_mut(|desk| match wish.take() {
            Some(first) => {
                desk.wish = Some(first);
                Poll::Pending
            }
            None => desk.grant.take().map_or(Poll::Pending, Poll::Ready),
        })
    })
    .await
}

/// Calls the outside world, for a task that has received this.
pub(super) async fn call(id: EffectId, got: Vec<Got>) -> Result<u64, NodeError> {
    match wish(Wish::Call(id, got)).await {
        Grant::Called(answer) => answer,
        other => unreachable!("a call is granted as a call, and not as {other:?}"),
    }
}

/// Writes records of effects.
pub(super) async fn write(recording: Recording) -> Result<(), StoreError> {
    match wish(Wish::Write(recording)).await {
        Grant::Written(answer) => answer,
        other => unreachable!("a write is granted as a write, and not as {other:?}"),
    }
}

/// Tells the store of waits.
pub(super) async fn register(registration: Registration) -> Result<Mail, StoreError> {
    match wish(Wish::Register(Box::new(registration))).await {
        Grant::Registered(answer) => answer,
        other => unreachable!("waits are granted as such, and not as {other:?}"),
    }
}

/// The store, as the tasks of an owner reach it.
pub(super) struct Slot;

impl Ledger for Slot {
    fn record(&self, recording: Recording) -> StoreFuture<'static, ()> {
        Box::pin(write(recording))
    }

    fn register(&self, registration: Registration) -> StoreFuture<'static, Mail> {
        Box::pin(register(registration))
    }
}

/// Its node got this from a wait.
pub(super) fn got(got: Got) {
    DESK.with_borrow_mut(|desk| desk.got.push(got));
}

/// Its node got `answer` from an effect.
pub(super) fn saw(cx: &Cx, (name, n): (&str, u64), answer: u64) {
    let id = (cx.order_key(), name.to_owned(), n);
    DESK.with_borrow_mut(|desk| desk.seen.push((id, answer)));
}

/// The error with which the node fails, if it does.
pub(super) fn fate() -> Option<NodeError> {
    DESK.with_borrow_mut(|desk| desk.fate.take())
}
