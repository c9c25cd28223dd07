//! Threads that end with their store.

use std::io;
use std::thread::{self, Builder, JoinHandle};

/// Waited for when it is dropped: say before that it shall end.
pub(super) struct Thread(Option<JoinHandle<()>>);

impl Thread {
    pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = Builder::new().name(format!("superstep-{name}"));
        Ok(Self(Some(thread.spawn(work)?)))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // An answer may wake, and end, the last that holds the store: then it is
        // closed by a thread of its own, which cannot wait for itself.
        let thread = self.0.take();
        let other = thread.filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = other {
            // What panicked in it was told where it happened.
            let _ = thread.join();
        }
    }
}
