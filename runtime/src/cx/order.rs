//! In which order an attempt that starts again gets what it got before.
//!
//! A node that waited starts again from its top. If several things that it asks for are on record, it
//! must get them in the order in which it got them before: else a `select!` would take
//! another branch. So each is held back until those before it were shown.

use std::collections::VecDeque;
use std::task::Waker;

use crate::store::EffectClass;

/// A call of the task: of which class, under which name, which of that name.
pub(crate) type CallId = (EffectClass, String, u64);

/// What is still to be shown, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// In the order in which the node got it before.
    next: VecDeque<CallId>,
    held: Vec<(CallId, Waker)>,
    /// Shown although it is not the next: the node asks for nothing that would be.
    let_go: Option<CallId>,
}

impl Order {
    pub(super) fn of(calls: Vec<CallId>) -> Self {
        Self {
            next: calls.into(),
            ..Self::default()
        }
    }

    /// Whether what `call` came to is shown now; else `waker` is woken when it may be.
    pub(super) fn shows(&mut self, call: &CallId, waker: &Waker) -> bool {
        let place = self.next.iter().position(|next| next == call);
        let is_shown = match place {
            Some(place) => place == 0 || self.let_go.as_ref() == Some(call),
            None => self.next.is_empty(),
        };
        match place {
            _ if mistake!(ShownOutOfOrder) => {}
            _ if !is_shown => {
                self.hold(call, waker);
                return false;
            }
            Some(place) => drop(self.next.remove(place)),
            None => {}
        }
        self.forget(call);
        self.call_back();
        true
    }

    /// Whether a wait that nothing has come for has to wait for what is still to be shown.
    pub(super) fn holds_back(&mut self, call: &CallId, waker: &Waker) -> bool {
        if self.next.is_empty() || mistake!(ShownOutOfOrder) {
            return false;
        }
        self.hold(call, waker);
        true
    }

    /// How many are still to be shown.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.next.len()).unwrap_or(u32::MAX)
    }

    /// Whether `call` is still to be shown.
    pub(super) fn has(&self, call: &CallId) -> bool {
        self.next.contains(call)
    }

    fn hold(&mut self, call: &CallId, waker: &Waker) {
        match self.held.iter_mut().find(|(held, _)| held == call) {
            Some((_, old)) => old.clone_from(waker),
            None => self.held.push((call.clone(), waker.clone())),
        }
    }

    /// Nobody asks for it any more.
    pub(super) fn forget(&mut self, call: &CallId) {
        self.held.retain(|(held, _)| held != call);
    }

    /// Each of those that are held back asks again.
    fn call_back(&mut self) {
        self.let_go = None;
        self.held.drain(..).for_each(|(_, waker)| waker.wake());
    }

    /// The node cannot go on by itself: of what it asks for, and what is held back, the first is
    /// shown. Returns whether anything is.
    pub(super) fn let_one_go(&mut self) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let place = |call: &CallId| self.next.iter().position(|next| next == call);
        let first = (self.held.iter()).filter_map(|(call, _)| Some((place(call)?, call)));
        let first = first.min().map(|(_, call)| call.clone());
        if first.is_none() {
            // It does not ask for any of it.
            self.next.clear();
        }
        self.call_back();
        self.let_go = first;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str) -> CallId {
        (EffectClass::Signal, name.into(), 0)
    }

    fn order(names: &[&str]) -> Order {
        Order::of(names.iter().map(|name| signal(name)).collect())
    }

    #[test]
    fn what_was_seen_first_is_shown_first() {
        let mut order = order(&["b", "a"]);
        assert!(!order.shows(&signal("a"), Waker::noop()));
        assert!(order.shows(&signal("b"), Waker::noop()));
        assert!(order.shows(&signal("a"), Waker::noop()));
    }

    #[test]
    fn what_nobody_saw_comes_last() {
        let mut order = order(&["a"]);
        assert!(!order.shows(&signal("lost"), Waker::noop()));
        assert!(order.holds_back(&signal("new"), Waker::noop()));
        assert!(order.shows(&signal("a"), Waker::noop()));
        assert!(order.shows(&signal("lost"), Waker::noop()));
        assert!(!order.holds_back(&signal("new"), Waker::noop()));
    }

    #[test]
    fn nobody_waits_for_what_is_not_asked_for() {
        let mut order = order(&["gone", "b", "a"]);
        assert!(!order.let_one_go());
        assert!(!order.shows(&signal("a"), Waker::noop()));
        assert!(!order.shows(&signal("b"), Waker::noop()));
        assert!(order.let_one_go());
        assert!(
            !order.shows(&signal("a"), Waker::noop()),
            "`b` is before it"
        );
        assert!(order.shows(&signal("b"), Waker::noop()));
        assert!(!order.shows(&signal("a"), Waker::noop()));
        assert!(order.let_one_go());
        assert!(order.shows(&signal("a"), Waker::noop()));
        assert!(order.holds_back(&signal("new"), Waker::noop()));
        assert!(order.let_one_go(), "the first is never asked for");
        assert!(!order.holds_back(&signal("new"), Waker::noop()));
    }
}
