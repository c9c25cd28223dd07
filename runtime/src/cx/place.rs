//! Where a call comes from: the node itself, the closure of one of its effects, or
//! a thread that runs neither.
//!
//! Whoever runs a node's code marks the thread that runs it for as long as that
//! lasts, and an effect does so while it runs its closure. So threads that a node
//! starts can be told from the node, and two concurrent closures from each other. A
//! thread that a closure starts cannot be told from one that the node starts.

use std::cell::Cell;

use super::Cx;

/// Where a call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The node itself: its calls have an order.
    Node,
    /// The closure of an effect, whose streams of random numbers begin there.
    Closure(u64),
    /// Another thread: when it calls depends on timing.
    Elsewhere,
}

/// What the current thread runs: whose code, by the address of its context, and where.
#[derive(Clone, Copy)]
struct Here {
    cx: usize,
    place: Place,
}

thread_local! {
    static HERE: Cell<Here> = const {
        Cell::new(Here { cx: 0, place: Place::Elsewhere })
    };
}

/// Until it is dropped the current thread runs code of an attempt. Must not be held
/// across an await.
pub(crate) struct Visit(Here);

impl Visit {
    #[inline]
    pub(super) fn begin(cx: &Cx, place: Place) -> Self {
        let cx = address(cx);
        // A node may drive a run of its own, on this very thread.
        Self(HERE.replace(Here { cx, place }))
    }
}

impl Drop for Visit {
    #[inline]
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

/// Where a call of `cx` comes from.
pub(super) fn of(cx: &Cx) -> Place {
    let here = HERE.get();
    if here.cx == address(cx) {
        here.place
    } else {
        Place::Elsewhere
    }
}

#[inline]
fn address(cx: &Cx) -> usize {
    std::ptr::from_ref(cx).addr()
}
