//! A runtime of the engines' own, on a thread of its own: leases must be kept
//! while nodes occupy the user's threads, and when the user's runtime is gone.

use std::future::pending;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

/// The runtime; `None` if the system gives no thread for it.
fn runtime() -> Option<&'static Handle> {
    static RUNTIME: OnceLock<Option<Handle>> = OnceLock::new();
    RUNTIME.get_or_init(start).as_ref()
}

fn start() -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let thread = thread::Builder::new().name("superstep-leases".into());
    let started = thread.spawn(move || runtime.block_on(pending::<()>()));
    started.ok().map(|_| handle)
}

/// Does `work` in the background; if there is no thread for that, on the runtime
/// that this is called on.
pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
    let runtime = runtime().cloned().or_else(|| Handle::try_current().ok())?;
    Some(runtime.spawn(work))
}

/// Waits by the wall clock, whatever runtime the caller is on, even on none.
pub(super) async fn sleep(time: Duration) {
    // Made where it is polled: a timer belongs to the runtime on which it is made.
    if let Some(slept) = spawn(async move { tokio::time::sleep(time).await }) {
        let _ = slept.await;
    }
}
