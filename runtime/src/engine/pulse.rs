//! The pulse of an execution: which calls wait for it, and whether any of them
//! still polls it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::thread;

thread_local! {
    /// What this thread is waking, by address.
    static WAKING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// What an execution shares with its workers, with the renewal of its lease and
/// with the calls that wait for it.
pub(super) struct Pulse {
    /// The engine that drives.
    pub(super) owner: String,
    pub(super) run: String,
    calls: Mutex<Calls>,
    /// Polls of the execution, or of one of its workers, that are under way.
    polls: AtomicUsize,
    /// Whether a call polled since [`was_polled`](Self::was_polled) was last called.
    polled: AtomicBool,
    /// The token of the turn that it drives, once it does.
    driven: OnceLock<Option<String>>,
    /// The epoch of the lease that was lost because nobody polled; 0 if none was.
    lost: AtomicU64,
    execution: Weak<dyn Abandon>,
}

/// Abandons it on a separate thread, since that drops users' values and other leases
/// must be renewed meanwhile.
fn abandon(execution: &Arc<dyn Abandon>) {
    let abandoned = Arc::clone(execution);
    let thread = thread::Builder::new().name("superstep-abandoned".into());
    if thread.spawn(move || abandoned.abandon()).is_err() {
        execution.abandon();
    }
}

/// What loses its lease while nobody polls it.
pub(super) trait Abandon: Send + Sync {
    /// Drops what was to be driven, and all that it holds, unless it is being
    /// polled at this moment.
    fn abandon(&self);
}

#[derive(Default)]
struct Calls {
    last: u64,
    waiting: Vec<Waiting>,
}

struct Waiting {
    call: u64,
    waker: Waker,
    /// It came while another call polled.
    turned_away: bool,
}

impl Pulse {
    pub(super) fn new(owner: &str, run: &str, execution: Weak<dyn Abandon>) -> Arc<Self> {
        Arc::new(Self {
            owner: owner.to_owned(),
            run: run.to_owned(),
            calls: Mutex::default(),
            polls: AtomicUsize::new(0),
            polled: AtomicBool::new(false),
            driven: OnceLock::new(),
            lost: AtomicU64::new(0),
            execution,
        })
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        // Only wakers are cloned and compared under the lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a further call.
    pub(super) fn enrol(&self) -> u64 {
        let mut calls = self.calls();
        calls.last += 1;
        calls.last
    }

    /// From now on `call` is woken. It counts as turned away until
    /// [`admit`](Self::admit) says otherwise.
    pub(super) fn register(&self, call: u64, waker: &Waker) {
        let mut calls = self.calls();
        match calls.waiting.iter_mut().find(|one| one.call == call) {
            Some(one) => {
                one.waker.clone_from(waker);
                one.turned_away = true;
            }
            None => calls.waiting.push(Waiting {
                call,
                waker: waker.clone(),
                turned_away: true,
            }),
        }
    }

    /// `call` is the one that polls.
    pub(super) fn admit(&self, call: u64) {
        let mut calls = self.calls();
        if let Some(one) = calls.waiting.iter_mut().find(|one| one.call == call) {
            one.turned_away = false;
        }
    }

    /// `call` waits no longer.
    pub(super) fn leave(&self, call: u64) {
        let mut calls = self.calls();
        if let Some(at) = calls.waiting.iter().position(|one| one.call == call) {
            drop(calls.waiting.swap_remove(at));
        }
    }

    /// Wakes those that came while another call polled, so that none of them
    /// relies on that call being polled again.
    pub(super) fn call_back(&self) {
        self.wake_where(|one| std::mem::take(&mut one.turned_away));
    }

    /// Wakes every call that waits. One of them may be in a node of another
    /// run whose waker leads back here; that cycle must not be entered twice.
    pub(super) fn wake(&self) {
        let this = std::ptr::from_ref(self).addr();
        let is_new = WAKING.with_borrow_mut(|waking| {
            let is_new = !waking.contains(&this);
            if is_new {
                waking.push(this);
            }
            is_new
        });
        if is_new {
            self.wake_where(|_| true);
            WAKING.with_borrow_mut(Vec::pop);
        }
    }

    fn wake_where(&self, mut which: impl FnMut(&mut Waiting) -> bool) {
        let wakers: Vec<Waker> = {
            let mut calls = self.calls();
            let chosen = calls.waiting.iter_mut().filter_map(|one| {
                let is_chosen = which(one);
                is_chosen.then(|| one.waker.clone())
            });
            chosen.collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A call polls it, until the guard is dropped.
    pub(super) fn poll(&self) -> Polling<'_> {
        self.polled.store(true, Ordering::Relaxed);
        self.poll_worker()
    }

    /// A worker of it is being polled, until the guard is dropped: a sign of
    /// life, but not of the calls.
    pub(super) fn poll_worker(&self) -> Polling<'_> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Polling(self)
    }

    /// Whether a call polled it since this was last called, or it or a worker is
    /// being polled.
    pub(super) fn was_polled(&self) -> bool {
        let polled = self.polled.swap(false, Ordering::Relaxed);
        polled || self.polls.load(Ordering::Relaxed) > 0
    }

    /// Holds the lease, and runs the tasks of the turn with that token from now on: no call
    /// for anything else can join meanwhile.
    pub(super) fn begin_driving(&self, token: Option<&str>) {
        self.driven.get_or_init(|| token.map(str::to_owned));
        self.wake();
    }

    pub(super) fn is_driving(&self) -> bool {
        self.driven.get().is_some()
    }

    /// Whether it drives the turn with that token; nobody can ask for one without.
    pub(super) fn drives(&self, token: Option<&str>) -> bool {
        let driven = self.driven.get().and_then(Option::as_deref);
        token.is_some() && driven == token
    }

    /// Nobody polled it for a whole lease, so it has lost the lease.
    pub(super) fn lose(&self, epoch: u64) {
        self.lost.store(epoch, Ordering::Release);
        if let Some(execution) = self.execution.upgrade() {
            abandon(&execution);
        }
        self.wake();
    }

    /// The epoch of the lease that it lost.
    pub(super) fn lost(&self) -> Option<u64> {
        let epoch = self.lost.load(Ordering::Acquire);
        (epoch != 0).then_some(epoch)
    }
}

impl Wake for Pulse {
    fn wake(self: Arc<Self>) {
        Self::wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Self::wake(self);
    }
}

/// See [`Pulse::poll`].
pub(super) struct Polling<'a>(&'a Pulse);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.polls.fetch_sub(1, Ordering::Relaxed);
    }
}
