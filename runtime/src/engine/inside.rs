//! Which runs and nodes a thread is inside at this moment, outermost first.
//!
//! A call that is made inside a node of a run, for that run, would wait for
//! itself, and so would one in the user's code that runs between the nodes.
//! Whether it is inside is checked on the thread at each of its polls: a node that
//! is polled has its execution, and whoever polls that, below it on the stack. A
//! task that the node spawned is polled from elsewhere.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::pulse::Pulse;

thread_local! {
    static INSIDE: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Where in a run a thread is.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    pub(super) node: Option<&'static str>,
}

enum Frame {
    /// An execution, or a worker of it, is being polled.
    Run(Arc<Pulse>),
    /// A node of the run below is being polled.
    Node(&'static str),
}

/// Removes its frame when it is dropped, on the thread that it was made on.
pub(super) struct Inside(PhantomData<*const ()>);

impl Drop for Inside {
    fn drop(&mut self) {
        let frame = INSIDE.with_borrow_mut(Vec::pop);
        drop(frame);
    }
}

fn enter(frame: Frame) -> Inside {
    INSIDE.with_borrow_mut(|frames| frames.push(frame));
    Inside(PhantomData)
}

/// The thread is in an execution until the guard is dropped.
pub(super) fn run(pulse: &Arc<Pulse>) -> Inside {
    enter(Frame::Run(Arc::clone(pulse)))
}

/// The thread is in a node until the guard is dropped. Runs that nobody
/// could wait for, since no store keeps them, are not recorded.
pub(super) fn node(name: &'static str) -> Option<Inside> {
    let is_inside = INSIDE.with_borrow(|frames| !frames.is_empty());
    is_inside.then(|| enter(Frame::Node(name)))
}

/// The innermost execution.
pub(super) fn current() -> Option<Arc<Pulse>> {
    INSIDE.with_borrow(|frames| {
        frames.iter().rev().find_map(|frame| match frame {
            Frame::Run(pulse) => Some(Arc::clone(pulse)),
            Frame::Node(_) => None,
        })
    })
}

/// Whether the thread is in this very run, and in which node of it: in none while
/// it encodes, merges or drops the user's values.
pub(super) fn place_in(pulse: &Pulse) -> Option<Inner> {
    INSIDE.with_borrow(|frames| {
        let is_it = |frame: &Frame| {
            matches!(frame, Frame::Run(other) if (&other.owner, &other.run) == (&pulse.owner, &pulse.run))
        };
        let at = frames.iter().position(is_it)?;
        let node = frames[at..].iter().find_map(|frame| match frame {
            Frame::Node(name) => Some(*name),
            Frame::Run(_) => None,
        });
        Some(Inner { node })
    })
}

/// `work` as a worker of the execution that the thread is in: the worker is inside it
/// at each of its polls, and ends when the execution has lost its lease.
pub(super) fn carried(work: impl Future<Output = ()>) -> impl Future<Output = ()> {
    let pulse = current();
    async move {
        match pulse {
            None => work.await,
            Some(pulse) => carried_by(&pulse, work).await,
        }
    }
}

async fn carried_by(pulse: &Arc<Pulse>, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if pulse.lost().is_some() {
            return Poll::Ready(());
        }
        let _inside = run(pulse);
        let _polling = pulse.poll_worker();
        work.as_mut().poll(cx)
    })
    .await;
}
