//! Threads that end with their store.

use std::io;
use std::thread::{self, Builder, JoinHandle};

/// Dropping it waits for the thread: tell it to end before that.
pub(super) struct Thread(Option<JoinHandle<()>>);

impl Thread {
    pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = Builder::new().name(format!("superstep-{name}"));
        Ok(Self(Some(thread.spawn(work)?)))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // An answer may wake, and end, the last holder of the store: then the store is
        // closed on its own thread, which cannot wait for itself.
        let thread = self.0.take();
        let other = thread.filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = other {
            // A panic in it was reported where it happened.
            let _ = thread.join();
        }
    }
}
