//! The slot that a task of a fan-out works in, and gives up while it only waits.

use std::future::Future;
use std::sync::Arc;

use super::crew::Crew;
use super::queue::Started;

/// See the module. A step's only task needs none.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Slot<'a> {
    pub(super) crew: &'a Arc<Crew>,
    pub(super) at: Started,
}

impl Slot<'_> {
    /// Waits for `rest` while others use the slot, and then for a free one.
    pub(super) async fn without<T>(self, rest: impl Future<Output = T>) -> T {
        self.crew.step_aside(self.at);
        let rested = rest.await;
        self.crew.step_in(self.at).await;
        rested
    }
}
