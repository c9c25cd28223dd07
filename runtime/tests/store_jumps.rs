//! A clock that is set back while a run waits: nothing comes early, nothing is lost, and what came
//! first is received first.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use superstep::Digest;
use superstep::store::{
    Access, Claim, Commit, Committed, Creation, Deadline, EffectClass, EffectKind, EffectRecord,
    Lease, MemoryStore, NewSignal, Park, Parked, Registration, Status, StepKind, StepRecord, Store,
    Wait, rules,
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const LONG: Duration = Duration::from_secs(1_000 * HOUR);

/// A store whose clock stands still until it is set.
struct Place {
    store: MemoryStore,
    time: Arc<AtomicU64>,
    epoch: u64,
}

impl Place {
    /// With a run whose step 1 is open, at ten hours.
    async fn new() -> Self {
        let time = Arc::new(AtomicU64::new(10 * HOUR));
        let read = Arc::clone(&time);
        let clock = move || at(read.load(Ordering::Relaxed));
        let store = MemoryStore::with_clock(clock);
        let digest = digest();
        let (updates, frontier) = ("{}", "[]");
        let record = StepRecord::new(
            0,
            StepKind::Input,
            updates,
            frontier,
            digest,
            digest,
            digest,
        );
        let access = Access::Take(Claim::new("anna", LONG));
        let mut first = Commit::new("run", access, digest, record, Status::Running);
        first.create = Some(Creation::new("Researcher", digest, 1, "start -> plan", 0));
        match store.commit(first).await.unwrap() {
            Committed::Now(Lease { epoch, .. }) => Self { store, time, epoch },
            other => panic!("{other:?}"),
        }
    }

    fn set(&self, seconds: u64) {
        self.time.store(seconds, Ordering::Relaxed);
    }

    async fn signal(&self, id: &str) -> SystemTime {
        let signal = NewSignal::new("run", id, "paid", id);
        self.store.signal(signal).await.unwrap();
        let mail = self.store.mail("run", 0).await.unwrap();
        mail.signals.last().unwrap().sent
    }

    /// Registers the wait, and asks whether it is over.
    async fn ask(&self, wait: &Wait) -> (Wait, bool) {
        let mut registration = Registration::new("run", self.epoch, 0);
        registration.waits = vec![wait.clone()];
        registration.over = vec![elapsed(wait)];
        let mail = self.store.register(registration).await.unwrap();
        (mail.waits[0].clone(), mail.over == [wait.key()])
    }

    async fn is_left(&self, wait: &Wait) -> bool {
        let mut wait = wait.clone();
        wait.parked = true;
        let mut park = Park::new("run", self.epoch, Status::Sleeping);
        park.waits = vec![wait];
        matches!(self.store.park(park).await.unwrap(), Parked::Left)
    }
}

/// One for all.
fn digest() -> Digest {
    Digest::from_bytes([7; 32])
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn wait(class: EffectClass, n: u64, deadline: Deadline) -> Wait {
    let name = if class == EffectClass::Signal {
        "paid"
    } else {
        ""
    };
    let mut wait = Wait::new(1, digest(), class, name, "plan");
    (wait.n, wait.deadline) = (n, deadline);
    wait
}

fn elapsed(wait: &Wait) -> EffectRecord {
    let key = wait.key();
    let kind = EffectKind::Elapsed;
    let mut record = EffectRecord::new(key.step, key.task, key.name, key.n, kind, digest());
    record.class = key.class;
    record
}

#[tokio::test]
async fn nothing_is_over_before_the_clock_says_so() {
    for class in [EffectClass::Signal, EffectClass::Time] {
        let place = Place::new().await;
        let hour = wait(class, 0, Deadline::In(Duration::from_secs(HOUR)));
        let (kept, is_over) = place.ask(&hour).await;
        assert_eq!(
            (kept.deadline, is_over),
            (Deadline::At(at(11 * HOUR)), false)
        );
        for (time, over) in [
            (9 * HOUR, false),
            (10 * HOUR + 59 * MINUTE, false),
            (11 * HOUR, true),
        ] {
            place.set(time);
            let (again, is_over) = place.ask(&hour).await;
            assert_eq!(is_over, over, "at {time}");
            if !over {
                assert_eq!(again.deadline, kept.deadline, "the clock moves no deadline");
            }
        }
        place.set(10 * HOUR);
        assert!(place.ask(&hour).await.1, "what was over stays so");
    }
}

/// A term begins no earlier than what happened to the run before.
#[tokio::test]
async fn a_term_begins_when_the_run_has_come_to_it() {
    let place = Place::new().await;
    place.set(9 * HOUR);
    let hour = wait(
        EffectClass::Time,
        0,
        Deadline::In(Duration::from_secs(HOUR)),
    );
    let (kept, _) = place.ask(&hour).await;
    assert_eq!(kept.deadline, Deadline::At(at(11 * HOUR)));
    place.set(10 * HOUR + 30 * MINUTE);
    assert!(place.is_left(&hour).await);
    let head = place.store.head("run").await.unwrap().unwrap();
    assert_eq!(head.wakes, Some(at(11 * HOUR)));
}

#[tokio::test]
async fn who_asks_without_waiting_does_not_wait_for_the_clock() {
    let place = Place::new().await;
    place.set(9 * HOUR);
    for class in [EffectClass::Signal, EffectClass::Time] {
        let now = wait(class, 0, Deadline::In(Duration::ZERO));
        assert!(!place.is_left(&now).await, "nobody leaves because of it");
        assert!(place.ask(&now).await.1, "{class:?}");
    }
    // Two in a row: the first moves the time of the run.
    for n in 1..10 {
        let next = wait(EffectClass::Signal, n, Deadline::In(Duration::ZERO));
        assert!(place.ask(&next).await.1, "{n}");
    }
}

#[tokio::test]
async fn signals_keep_their_order_and_count_for_whoever_asks_later() {
    let place = Place::new().await;
    let first = place.signal("1").await;
    place.set(12 * HOUR);
    let second = place.signal("2").await;
    place.set(9 * HOUR);
    let third = place.signal("3").await;
    assert!(
        first < second && second <= third,
        "their times do not go back"
    );

    // They were there before the wait, whatever the clock says.
    let hour = wait(
        EffectClass::Signal,
        0,
        Deadline::In(Duration::from_secs(HOUR)),
    );
    assert!(!place.is_left(&hour).await, "what it waits for is there");
    let (kept, is_over) = place.ask(&hour).await;
    assert!(!is_over);
    let signals = place.store.mail("run", 0).await.unwrap().signals;
    assert!(signals.iter().all(|signal| rules::takes(&kept, signal)));
    let numbers: Vec<u64> = signals.iter().map(|signal| signal.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    place.set(20 * HOUR);
    assert!(
        !place.ask(&hour).await.1,
        "what came in time wins, also later"
    );
}

/// At the very deadline is in time; after it was found to be over is not, whatever the clock says.
#[tokio::test]
async fn a_deadline_is_the_last_moment_in_which_a_signal_counts() {
    let place = Place::new().await;
    let hour = wait(
        EffectClass::Signal,
        0,
        Deadline::In(Duration::from_secs(HOUR)),
    );
    place.ask(&hour).await;
    place.set(11 * HOUR);
    assert_eq!(place.signal("1").await, at(11 * HOUR));
    assert!(!place.ask(&hour).await.1, "at the very deadline");

    let place = Place::new().await;
    let (kept, _) = place.ask(&hour).await;
    place.set(11 * HOUR);
    assert!(place.ask(&hour).await.1);
    for time in [11 * HOUR, 10 * HOUR] {
        place.set(time);
        let sent = place.signal(&time.to_string()).await;
        assert!(sent > kept.deadline.time().unwrap(), "it came after {time}");
    }
    let until = wait(EffectClass::Signal, 1, Deadline::At(at(11 * HOUR)));
    let (kept, is_over) = place.ask(&until).await;
    assert!(!is_over, "but for who asks later it is there");
    let signals = place.store.mail("run", 0).await.unwrap().signals;
    assert!(rules::takes(&kept, &signals[0]));
}
