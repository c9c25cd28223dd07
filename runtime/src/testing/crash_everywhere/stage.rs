//! What all processes of one run have in common: the store, the world outside, and what
//! must not happen again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::difference::{CrashDifference, Deviation};
use super::point::CrashPoint;
use super::script::{BEGINNING, Script};
use crate::cx::{Call, Cx, Line, Request, Said};
use crate::encode;
use crate::hash::Digest;
use crate::node_error::NodeError;
use crate::store::clock::{from_millis, to_millis};
use crate::store::{
    EffectKind, EffectRecord, Head, MemoryStore, Question, Store, StoreError, StoreExt,
};

/// The only run.
pub(super) const RUN: &str = "crash-everywhere";

/// See the module.
pub(super) struct Stage {
    /// The store beneath all of its processes.
    store: MemoryStore,
    /// The store's clock, which stands still except for leases that have to lapse.
    millis: Arc<AtomicU64>,
    point: CrashPoint,
    scene: Mutex<Scene>,
}

/// What the processes share, and change.
pub(super) struct Scene {
    script: Arc<Mutex<Script>>,
    /// Whether this is the first run, which writes the script.
    is_first: bool,
    /// Which process is alive. What the others still do reaches nobody.
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

    /// The scene as process `number` sees it, if that is alive.
    pub(super) fn scene_of(&self, number: u32) -> Option<MutexGuard<'_, Scene>> {
        let scene = self.scene();
        (scene.living == number).then_some(scene)
    }

    /// The number of the next process, the only one alive from now on.
    pub(super) fn next(&self) -> u32 {
        let mut scene = self.scene();
        scene.living += 1;
        scene.living
    }

    /// Whatever lease there is lapses.
    pub(super) async fn lapse(&self) -> Result<(), StoreError> {
        let head = self.store.head(RUN).await?;
        if let Some(lease) = head.and_then(|head| head.lease) {
            let lapsed = to_millis(lease.expires).unsigned_abs() + 1;
            self.millis.fetch_max(lapsed, Ordering::Relaxed);
        }
        Ok(())
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

    /// What became of a call whose outcome the run does not know, as the answer to its
    /// question; nothing if the first run was left with that question, too.
    pub(super) fn truth(&self, asked: &Question) -> Option<String> {
        let call = Call {
            task: asked.task,
            class: crate::store::EffectClass::Effect,
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
            match said {
                Some(Ok(response)) => return Some(format!("{{\"happened\":{response}}}")),
                Some(Err(error)) if error.is_refused() => {
                    let reason = encode::quoted(&error.to_string());
                    return Some(format!("{{\"refused\":{reason}}}"));
                }
                _ => {}
            }
        }
        // It was never made, or the first run let go of it before it had an outcome.
        scene.made.remove(&call);
        Some("\"did_not_happen\"".to_owned())
    }

    /// Whether the store has a call's outcome.
    pub(super) async fn has_record(&self, by: &Cx, call: &Call) -> bool {
        let is_it = |record: &EffectRecord| {
            Call::of(record) == *call
                && matches!(record.kind, EffectKind::Done | EffectKind::Answered)
        };
        let records = self.store.all_effects(RUN, by.step(), by.step()).await;
        records.is_ok_and(|records| records.iter().any(is_it))
    }
}

/// What is wrong with what a node does, and the details.
pub(super) type Wrong = (Deviation, String);

impl Scene {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of a call.
    pub(super) fn line(
        &mut self,
        by: &Cx,
        call: Call,
        request: &Request,
        at_most_once: bool,
    ) -> Result<Line, Wrong> {
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

    /// A call's outcome in the first run.
    fn said(&self, by: &Cx, call: &Call, request: &Request) -> Result<Option<Said>, Wrong> {
        let script = self.script();
        let entry = script.entry(call, by.attempt());
        let entry = entry.ok_or_else(|| (Deviation::NewCall, request.excerpt.clone()))?;
        if entry.request.digest != request.digest {
            let (then, now) = (&entry.request.excerpt, &request.excerpt);
            return Err((Deviation::OtherRequest, format!("{then} then, {now} now")));
        }
        Ok(entry.said.clone())
    }

    /// A call was made, with this outcome.
    pub(super) fn came_to(&mut self, call: &Call, attempt: u32, said: Said) {
        if is_not_sent(&said) {
            self.made.remove(call);
        }
        if self.is_first {
            self.script().end(call, attempt, said);
        }
    }

    /// What a reading of the clock returns.
    pub(super) fn time(&self, reading: &Call) -> Result<SystemTime, Wrong> {
        if self.is_first {
            return Ok(self.script().read(reading));
        }
        let time = self.script().reading(reading);
        time.ok_or((Deviation::NewCall, String::new()))
    }

    /// An attempt begins.
    pub(super) fn start(&mut self, by: &Cx) -> Result<(), Wrong> {
        let done = match by.step() {
            step if step < self.step => "its step was committed",
            _ if self.kept.contains(&by.order_key()) => "its result was kept",
            step => {
                self.step = step;
                return Ok(());
            }
        };
        Err((Deviation::StartedAgain, done.to_owned()))
    }

    /// Ends the run: the first difference counts.
    pub(super) fn report(&mut self, difference: CrashDifference) {
        self.found.get_or_insert(difference);
    }
}

/// Whether it is known that a call did not happen.
fn is_not_sent(said: &Said) -> bool {
    said.as_ref().is_err_and(NodeError::is_not_sent)
}
