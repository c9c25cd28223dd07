//! What all processes of one run have in common: the store, the world outside, and what
//! must not happen again.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::SystemTime;

use super::difference::{CrashDifference, Deviation, Place};
use super::point::CrashPoint;
use super::script::{BEGINNING, Script};
use crate::cx::{Call, Cue, Cx, Line, Rehearsal, Request, Said};
use crate::hash::Digest;
use crate::node_error::NodeError;
use crate::store::clock::{from_millis, to_millis};
use crate::store::{EffectKind, EffectRecord, Head, MemoryStore, Question, Store, StoreError};
use crate::testing::FaultyStore;

/// The only run.
pub(super) const RUN: &str = "crash-everywhere";

/// See the module.
pub(super) struct Stage {
    /// The store beneath all of its processes.
    store: MemoryStore,
    /// The store's clock, which stands still but for leases that have to lapse.
    millis: Arc<AtomicU64>,
    point: CrashPoint,
    scene: Mutex<Scene>,
}

struct Scene {
    script: Arc<Mutex<Script>>,
    /// Whether this is the first run, which writes the script.
    is_first: bool,
    /// Which process lives. What the others still do reaches nobody.
    living: u32,
    /// No task of a step before this one may begin.
    step: u64,
    /// Tasks whose results are kept.
    kept: BTreeSet<Digest>,
    /// The calls that must not be made again.
    made: BTreeSet<Call>,
    found: Option<CrashDifference>,
}

impl Stage {
    /// An empty store, and a world outside that says what is in `script`; the first run
    /// writes it.
    pub(super) fn new(point: CrashPoint, script: &Arc<Mutex<Script>>) -> Arc<Self> {
        let millis = Arc::new(AtomicU64::new(BEGINNING.as_secs() * 1_000));
        let clock = Arc::clone(&millis);
        let scene = Scene {
            script: Arc::clone(script),
            is_first: point == CrashPoint::FirstRun,
            living: 0,
            step: 0,
            kept: BTreeSet::new(),
            made: BTreeSet::new(),
            found: None,
        };
        Arc::new(Self {
            store: MemoryStore::with_clock(move || from_millis(clock.load(Ordering::Relaxed))),
            millis,
            point,
            scene: Mutex::new(scene),
        })
    }

    pub(super) const fn store(&self) -> &MemoryStore {
        &self.store
    }

    pub(super) const fn point(&self) -> CrashPoint {
        self.point
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        // Every change is complete in itself.
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next process, which alone lives from now on.
    pub(super) fn enter(self: &Arc<Self>) -> Process {
        let mut scene = self.scene();
        scene.living += 1;
        Process {
            stage: Arc::clone(self),
            number: scene.living,
            store: FaultyStore::new(Arc::new(self.store.clone())),
        }
    }

    /// A driving call is about to be made: what is done by now must not be done again.
    pub(super) async fn look(&self) -> Result<Option<Head>, StoreError> {
        let loaded = self.store.load(RUN).await?;
        let mut scene = self.scene();
        scene.step = loaded.as_ref().map_or(0, |loaded| loaded.head.step + 1);
        let kept = loaded.iter().flat_map(|loaded| &loaded.pending);
        scene.kept = kept.map(|result| result.task).collect();
        Ok(loaded.map(|loaded| loaded.head))
    }

    /// The first difference, if there is one.
    pub(super) fn found(&self) -> Option<CrashDifference> {
        self.scene().found.clone()
    }

    /// What became of a call of which the run does not know it, as the answer to its
    /// question; nothing if the first run was left with that question, too.
    pub(super) fn truth(&self, asked: &Question) -> Option<String> {
        let call = Call {
            task: asked.task,
            name: asked.name.clone(),
            n: asked.n,
        };
        let mut scene = self.scene();
        if scene.is_first {
            scene.script().leave_open(call);
            return None;
        }
        if scene.made.contains(&call) {
            let script = scene.script();
            if script.is_left_open(&call) {
                return None;
            }
            let said = script.last(&call).and_then(|entry| entry.said.as_ref());
            if let Some(Ok(response)) = said {
                return Some(format!("{{\"happened\":{response}}}"));
            }
        }
        // It was never made, or the first run let go of it before it came to anything.
        scene.made.remove(&call);
        Some("\"did_not_happen\"".to_owned())
    }

    /// Whether the store has what the call came to.
    async fn has_record(&self, by: &Cx, call: &Call) -> bool {
        let is_it = |record: &EffectRecord| {
            Call::of(record) == *call
                && matches!(record.kind, EffectKind::Done | EffectKind::Answered)
        };
        let records = self.store.effects(RUN, by.step(), by.step()).await;
        records.is_ok_and(|records| records.iter().any(is_it))
    }
}

impl Scene {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process of a run: what stands in for its world outside, and its store.
#[derive(Clone)]
pub(super) struct Process {
    stage: Arc<Stage>,
    number: u32,
    pub(super) store: FaultyStore,
}

impl Process {
    /// The scene, if this process is not dead and buried.
    fn scene(&self) -> Option<MutexGuard<'_, Scene>> {
        let scene = self.stage.scene();
        (scene.living == self.number).then_some(scene)
    }

    /// The process has died and its memory is gone: nothing that is left of it reaches
    /// anybody, and whatever lease it had has lapsed.
    pub(super) async fn bury(&self) -> Result<(), StoreError> {
        let stage = &self.stage;
        stage.scene().living += 1;
        self.store.bury();
        let head = stage.store.head(RUN).await?;
        if let Some(lease) = head.and_then(|head| head.lease) {
            let lapsed = to_millis(lease.expires).unsigned_abs() + 1;
            stage.millis.fetch_max(lapsed, Ordering::Relaxed);
        }
        Ok(())
    }

    /// That is the end of the run.
    fn report(&self, scene: &mut Scene, deviation: Deviation, place: Place, detail: String) {
        let point = self.stage.point;
        let difference = || CrashDifference::new(point, deviation, place, detail);
        scene.found.get_or_insert_with(difference);
        self.store.die();
    }

    /// What becomes of a call.
    fn line(&self, by: &Cx, call: Call, request: &Request, limits: Limits) -> Line {
        let Some(mut scene) = self.scene() else {
            return Line::Never;
        };
        let place = Place::at(by, &call);
        match scene.line(by, call, request, limits) {
            Ok(line) => line,
            Err((deviation, detail)) => {
                self.report(&mut scene, deviation, place, detail);
                Line::Never
            }
        }
    }
}

/// Whether a call may be made again.
#[derive(Clone, Copy)]
struct Limits {
    at_most_once: bool,
    has_record: bool,
}

impl Scene {
    /// What becomes of a call, or what is wrong with it.
    fn line(
        &mut self,
        by: &Cx,
        call: Call,
        request: &Request,
        limits: Limits,
    ) -> Result<Line, (Deviation, String)> {
        let Limits {
            at_most_once,
            has_record,
        } = limits;
        if has_record {
            return Err((Deviation::CalledAgain, String::new()));
        }
        if at_most_once && self.made.contains(&call) {
            return Err((Deviation::MadeTwice, String::new()));
        }
        let said = match self.is_first {
            true => {
                let request = request.clone();
                self.script().begin(call.clone(), by.attempt(), request);
                None
            }
            false => self.said(by, &call, request)?,
        };
        if at_most_once && !said.as_ref().is_some_and(is_not_sent) {
            self.made.insert(call);
        }
        Ok(said.map_or(Line::Make, Line::Say))
    }

    /// What a call came to in the first run.
    fn said(
        &self,
        by: &Cx,
        call: &Call,
        request: &Request,
    ) -> Result<Option<Said>, (Deviation, String)> {
        let script = self.script();
        let entry = script.entry(call, by.attempt());
        let entry = entry.ok_or_else(|| (Deviation::NewCall, request.excerpt.clone()))?;
        if entry.request.digest != request.digest {
            let (then, now) = (&entry.request.excerpt, &request.excerpt);
            return Err((Deviation::OtherRequest, format!("{then} then, {now} now")));
        }
        Ok(entry.said.clone())
    }

    fn time(&self, reading: &Call) -> Option<SystemTime> {
        match self.is_first {
            true => Some(self.script().read(reading)),
            false => self.script().reading(reading),
        }
    }
}

/// Whether it is known that a call did not happen.
fn is_not_sent(said: &Said) -> bool {
    said.as_ref().is_err_and(NodeError::is_not_sent)
}

impl Rehearsal for Process {
    fn starts(&self, by: &Cx) {
        let Some(mut scene) = self.scene() else {
            return;
        };
        let done = match by.step() {
            step if step < scene.step => "its step was committed",
            _ if scene.kept.contains(&by.order_key()) => "its result was kept",
            step => {
                scene.step = step;
                return;
            }
        };
        let place = Place::of(by);
        self.report(&mut scene, Deviation::StartedAgain, place, done.to_owned());
    }

    fn time(&self, by: &Cx, reading: &Call) -> SystemTime {
        let time = self.scene().map(|mut scene| {
            scene.time(reading).unwrap_or_else(|| {
                let place = Place::at(by, reading);
                self.report(&mut scene, Deviation::NewCall, place, String::new());
                SystemTime::UNIX_EPOCH
            })
        });
        // Of a dead process nobody looks at it.
        time.unwrap_or(SystemTime::UNIX_EPOCH)
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
            let limits = Limits {
                at_most_once,
                has_record,
            };
            let line = self.line(by, call, request, limits);
            if matches!(line, Line::Say(_)) {
                // The world outside takes its time, in which the process may die.
                one_poll().await;
            }
            line
        })
    }

    fn came_to(&self, by: &Cx, call: &Call, said: Said) {
        let Some(mut scene) = self.scene() else {
            return;
        };
        if is_not_sent(&said) {
            scene.made.remove(call);
        }
        if scene.is_first {
            scene.script().end(call, by.attempt(), said);
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
