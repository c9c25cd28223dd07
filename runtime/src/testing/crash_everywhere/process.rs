//! One process of a run: what stands in for its world outside, and its store.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use super::difference::{CrashDifference, Deviation, Place};
use super::stage::{Scene, Stage, Wrong};
use crate::cx::{Call, Cue, Cx, Line, Rehearsal, Request, Said};
use crate::store::StoreError;
use crate::testing::FaultyStore;

/// See the module.
#[derive(Clone)]
pub(super) struct Process {
    stage: Arc<Stage>,
    number: u32,
    pub(super) store: FaultyStore,
}

impl Process {
    /// The next one.
    pub(super) fn enter(stage: &Arc<Stage>) -> Self {
        Self {
            stage: Arc::clone(stage),
            number: stage.next(),
            store: FaultyStore::new(Arc::new(stage.store().clone())),
        }
    }

    /// It has died and its memory is gone: nothing that is left of it reaches anybody, and
    /// its lease lapses.
    pub(super) async fn bury(&self) -> Result<(), StoreError> {
        self.stage.next();
        self.store.bury();
        self.stage.lapse().await
    }

    /// How the scene reacts to what a node does; not at all for a dead process. If the node
    /// is wrong the run ends.
    fn says<T>(
        &self,
        place: impl FnOnce() -> Place,
        say: impl FnOnce(&mut Scene) -> Result<T, Wrong>,
    ) -> Option<T> {
        let mut scene = self.stage.scene_of(self.number)?;
        let (deviation, detail) = match say(&mut scene) {
            Ok(said) => return Some(said),
            Err(wrong) => wrong,
        };
        let point = self.stage.point();
        scene.report(CrashDifference::new(point, deviation, place(), detail));
        self.store.die();
        None
    }
}

impl Rehearsal for Process {
    fn starts(&self, by: &Cx) {
        self.says(|| Place::of(by), |scene| scene.start(by));
    }

    fn time(&self, by: &Cx, reading: &Call) -> SystemTime {
        let time = self.says(|| Place::at(by, reading), |scene| scene.time(reading));
        // Nobody reads this from a finished run or a dead process.
        time.unwrap_or(UNIX_EPOCH)
    }

    fn calls<'a>(
        &'a self,
        by: &'a Cx,
        call: Call,
        request: &'a Request,
        at_most_once: bool,
    ) -> Cue<'a> {
        Box::pin(async move {
            let has_record = self.stage.has_record(by, &call).await;
            let place = Place::at(by, &call);
            let line = self.says(
                || place,
                |scene| match has_record {
                    true => Err((Deviation::CalledAgain, String::new())),
                    false => scene.line(by, call, request, at_most_once),
                },
            );
            if let Some(Line::Say(_)) = line {
                // The world outside takes time, in which the process may die.
                one_poll().await;
            }
            line.unwrap_or(Line::Never)
        })
    }

    fn came_to(&self, by: &Cx, call: &Call, said: Said) {
        if let Some(mut scene) = self.stage.scene_of(self.number) {
            scene.came_to(call, by.attempt(), said);
        }
    }
}

/// Is ready at the second poll.
async fn one_poll() {
    let mut is_polled = false;
    poll_fn(|task| {
        if std::mem::replace(&mut is_polled, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
