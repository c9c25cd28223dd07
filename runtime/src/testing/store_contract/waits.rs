use std::slice;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::make::{
    LONG, all, claim, done, effect, elapsed, journal, mail, next, now, park, receive, received,
    refused, register, run_to, signal, sleep, take, waiting,
};
use crate::store::{
    Commit, Deadline, EffectKind, EffectRecord, Lease, Mail, Park, Registration, Status, Store,
    StoreError, StoreExt, Wait,
};

const HOUR: Duration = Duration::from_secs(3_600);
const MILLI: Duration = Duration::from_millis(1);

fn with(wait: Wait, deadline: Deadline) -> Wait {
    Wait { deadline, ..wait }
}

/// Registers those waits; returns them as they are kept.
async fn registered(store: &impl Store, lease: &Lease, waits: Vec<Wait>) -> Vec<Wait> {
    let registration = Registration {
        waits,
        ..register("run", lease.epoch)
    };
    done(store.register(registration).await).waits
}

/// Asks whether the time of these waits is over.
async fn over(store: &impl Store, lease: &Lease, waits: &[Wait]) -> Mail {
    let registration = Registration {
        over: waits.iter().map(elapsed).collect(),
        ..register("run", lease.epoch)
    };
    done(store.register(registration).await)
}

async fn open(store: &impl Store, run: &str) -> Vec<Wait> {
    done(store.load(run).await).expect("the run").waits
}

fn due(wait: &Wait) -> SystemTime {
    wait.deadline.time().expect("it has a deadline")
}

async fn clock_after(store: &impl Store, time: SystemTime) {
    while done(store.now().await) < time {
        tokio::task::yield_now().await;
    }
}

pub(super) async fn what_is_registered_keeps_its_deadline(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let before = done(store.now().await);
    let wait = with(receive("run", 1, "paid"), Deadline::In(HOUR));
    let kept = registered(&*store, &lease, vec![wait.clone()]).await;
    let after = done(store.now().await);
    let since = kept[0].since;
    assert!(before <= since && since <= after, "dated by `now`");
    assert_eq!(
        kept[0].deadline,
        Deadline::At(since + HOUR),
        "from that moment on"
    );
    assert_eq!(
        open(&*store, "run").await,
        kept,
        "what is told is what is kept"
    );
    clock_after(&*store, after + 2 * MILLI).await;
    for deadline in [
        Deadline::Never,
        Deadline::In(Duration::ZERO),
        Deadline::At(since),
        Deadline::In(2 * HOUR),
    ] {
        let again = registered(&*store, &lease, vec![with(wait.clone(), deadline)]).await;
        assert_eq!(again, kept, "the first deadline stays");
    }
    let next_attempt = Wait {
        attempt: 2,
        ..wait.clone()
    };
    let again = registered(&*store, &lease, vec![next_attempt]).await;
    assert_eq!(
        (again[0].attempt, due(&again[0])),
        (2, due(&kept[0])),
        "an attempt inherits it"
    );
    let parked = Wait {
        parked: true,
        deadline: Deadline::In(2 * HOUR),
        ..wait.clone()
    };
    done(store.park(waiting("run", lease.epoch, vec![parked])).await);
    let parked = open(&*store, "run").await;
    assert_eq!(
        (parked[0].deadline, parked[0].since),
        (kept[0].deadline, since)
    );
    assert!(parked[0].parked, "what a park says of it is kept");
}

pub(super) async fn deadlines_are_whole_and_may_be_far(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let time = done(store.now().await) + HOUR;
    let far = time + Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let named = |name: &str, deadline| with(receive("run", 1, name), deadline);
    let waits = vec![
        named("whole", Deadline::At(time)),
        named("part", Deadline::At(time + Duration::from_nanos(1))),
        named("never", Deadline::Never),
        named("endless", Deadline::In(Duration::MAX)),
        sleep("run", 1, Deadline::In(Duration::MAX)),
    ];
    let kept = registered(&*store, &lease, waits).await;
    assert_eq!(due(&kept[0]), time);
    assert_eq!(
        due(&kept[1]),
        time + MILLI,
        "nothing is due before its time"
    );
    assert_eq!(kept[2].deadline, Deadline::Never);
    assert_eq!(kept[3].deadline, Deadline::Never, "no limit is none");
    assert!(due(&kept[4]) > far, "a time has one");
    let mut all = open(&*store, "run").await;
    let by_key = |wait: &Wait| wait.key();
    let mut kept = kept;
    assert!(
        all.is_sorted_by_key(by_key),
        "they are loaded by their keys"
    );
    all.sort_by_key(by_key);
    kept.sort_by_key(by_key);
    assert_eq!(all, kept);
}

pub(super) async fn nothing_is_over_before_its_time(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let soon = Deadline::In(Duration::from_millis(60));
    let waits = [
        with(receive("run", 1, "a"), soon),
        with(receive("run", 1, "b"), Deadline::In(HOUR)),
        with(receive("run", 1, "c"), Deadline::Never),
        sleep("run", 1, soon),
    ];
    let kept = registered(&*store, &lease, waits.to_vec()).await;
    let told = over(&*store, &lease, &waits).await;
    let first_due = due(&kept[0]).min(due(&kept[3]));
    if done(store.now().await) < first_due {
        assert_eq!(told.over, []);
        assert_eq!(open(&*store, "run").await.len(), 4);
    }
    clock_after(&*store, due(&kept[0]).max(due(&kept[3]))).await;
    let told = over(&*store, &lease, &waits).await;
    assert_eq!(
        told.over,
        [waits[0].key(), waits[3].key()],
        "as soon as it is due"
    );
    let left: Vec<String> = open(&*store, "run")
        .await
        .into_iter()
        .map(|wait| wait.name)
        .collect();
    assert_eq!(left, ["b", "c"], "what is over is not waited for");
    let records = done(store.all_effects("run", 1, 1).await);
    let kinds: Vec<_> = records
        .iter()
        .map(|record| (record.key(), record.kind))
        .collect();
    let wanted = [&waits[0], &waits[3]].map(|wait| (wait.key(), EffectKind::Elapsed));
    assert_eq!(kinds, wanted, "it is on record");
    assert_eq!(
        over(&*store, &lease, &waits).await.over,
        told.over,
        "and stays so"
    );
    let unknown = with(receive("run", 1, "unknown"), Deadline::In(Duration::ZERO));
    assert_eq!(
        over(&*store, &lease, &[unknown]).await.over,
        [],
        "nobody waits for it"
    );
}

/// In one call: it is registered, and over.
pub(super) async fn who_asks_without_waiting_is_told_at_once(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let past = done(store.now().await) - HOUR;
    let asks = |name: &str, deadline| {
        let wait = with(receive("run", 1, name), deadline);
        Registration {
            over: vec![elapsed(&wait)],
            waits: vec![wait],
            ..register("run", lease.epoch)
        }
    };
    for (name, deadline) in [
        ("now", Deadline::In(Duration::ZERO)),
        ("past", Deadline::At(past)),
    ] {
        let registration = asks(name, deadline);
        let told = done(store.register(registration.clone()).await);
        assert_eq!(told.over, [registration.over[0].key()], "nothing is there");
        assert_eq!(open(&*store, "run").await, []);
    }
    for (name, deadline) in [
        ("here now", Deadline::In(Duration::ZERO)),
        ("here past", Deadline::At(past)),
    ] {
        done(store.signal(signal("run", name, name)).await);
        let told = done(store.register(asks(name, deadline)).await);
        assert_eq!(
            told.over,
            [],
            "what is there wins, although its time is over"
        );
        let last = told.signals.last().expect("it is told");
        assert_eq!(last.name, name);
        let taken = received(&receive("run", 1, name), last.number);
        done(
            store
                .journal(journal("run", lease.epoch, vec![taken]))
                .await,
        );
    }
    // Of two that ask, the one whose signal goes in the same call gets nothing else.
    done(store.signal(signal("run", "one", "shared")).await);
    let last = mail(&*store, "run").await.pop().expect("a signal");
    let mut registration = asks("shared", Deadline::In(Duration::ZERO));
    let other = EffectRecord {
        n: 1,
        ..received(&receive("run", 1, "shared"), last.number)
    };
    registration.effects = vec![other];
    let told = done(store.register(registration.clone()).await);
    assert_eq!(
        told.over,
        [registration.over[0].key()],
        "it was taken before"
    );
    assert_eq!(told.signals, []);
}

pub(super) async fn a_signal_counts_for_a_wait_until_its_deadline(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let long = Deadline::In(Duration::from_millis(30));
    let waits = [
        with(receive("run", 1, "in time"), long),
        with(receive("run", 1, "late"), long),
        with(receive("run", 1, "wrong"), long),
    ];
    let kept = registered(&*store, &lease, waits.to_vec()).await;
    done(store.signal(signal("run", "1", "in time")).await);
    done(store.signal(signal("run", "2", "other")).await);
    let sent = mail(&*store, "run").await[0].sent;
    let is_in_time = sent <= due(&kept[0]);
    clock_after(&*store, due(&kept[2]) + MILLI).await;
    done(store.signal(signal("run", "3", "late")).await);
    let told = over(&*store, &lease, &waits).await;
    let wanted = waits.iter().skip(usize::from(is_in_time));
    let wanted: Vec<_> = wanted.map(Wait::key).collect();
    assert_eq!(
        told.over, wanted,
        "only what came in time counts, under its name"
    );
    assert!(
        told.signals.iter().any(|one| one.name == "late"),
        "it stays in the queue"
    );

    // What came at the very deadline came in time, and what comes after it was found to be over did not.
    let sent = told.signals.last().expect("the late one").sent;
    let at = |n, time| Wait {
        n,
        ..with(receive("run", 1, "asked"), Deadline::At(time))
    };
    let asked = at(0, sent + 20 * MILLI);
    let kept = registered(&*store, &lease, vec![asked.clone()]).await;
    clock_after(&*store, due(&kept[0])).await;
    assert_eq!(
        over(&*store, &lease, slice::from_ref(&asked)).await.over,
        [asked.key()]
    );
    done(store.signal(signal("run", "4", "asked")).await);
    let sent = mail(&*store, "run").await.pop().expect("a signal").sent;
    assert!(sent > due(&kept[0]), "it comes after the deadline");
}

pub(super) async fn what_is_recorded_is_not_over(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let wait = with(receive("run", 1, "paid"), Deadline::In(Duration::ZERO));
    done(store.signal(signal("run", "1", "paid")).await);
    registered(&*store, &lease, vec![wait.clone()]).await;
    let taken = received(&wait, 1);
    done(
        store
            .journal(journal("run", lease.epoch, vec![taken.clone()]))
            .await,
    );
    clock_after(&*store, done(store.now().await) + 2 * MILLI).await;
    assert_eq!(over(&*store, &lease, &[wait]).await.over, []);
    let records = done(store.all_effects("run", 0, 9).await);
    assert_eq!(records[0].kind, EffectKind::Done, "what came stands");
    assert_eq!(records[0].response, taken.response);
}

pub(super) async fn nobody_waits_for_what_is_closed(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let [a, b, c] = ["a", "b", "c"].map(|name| receive("run", 1, name));
    registered(&*store, &lease, vec![a.clone(), b.clone()]).await;
    let registration = Registration {
        closed: vec![a.key(), receive("run", 1, "unknown").key()],
        waits: vec![c.clone()],
        ..register("run", lease.epoch)
    };
    done(store.register(registration).await);
    let names = async || -> Vec<String> {
        let open = open(&*store, "run").await.into_iter();
        open.map(|wait| wait.name).collect()
    };
    assert_eq!(names().await, ["b", "c"]);
    let left = Wait { parked: true, ..c };
    done(store.park(waiting("run", lease.epoch, vec![left])).await);
    assert_eq!(names().await, ["c"], "a park names all that is left");
}

pub(super) async fn only_the_open_step_waits(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 1).await;
    let before = all(&*store, "run").await;
    for step in [1, 3] {
        let wait = receive("run", step, "paid");
        let plain = register("run", lease.epoch);
        let mut wrong = vec![
            Registration {
                waits: vec![receive("run", 2, "a"), wait.clone()],
                ..plain.clone()
            },
            Registration {
                over: vec![elapsed(&wait)],
                ..plain.clone()
            },
            Registration {
                effects: vec![effect("run", step, "a")],
                ..plain
            },
        ];
        for registration in wrong.drain(..) {
            refused!(
                store.register(registration).await,
                StoreError::NotNext { .. },
                "what is of another step is refused"
            );
        }
        refused!(
            store.park(waiting("run", lease.epoch, vec![wait])).await,
            StoreError::NotNext { .. },
            "and nothing is parked with it"
        );
    }
    assert_eq!(
        all(&*store, "run").await,
        before,
        "a refusal leaves no trace"
    );
    registered(&*store, &lease, vec![receive("run", 2, "a")]).await;
    now(&*store, next("run", 2, lease.epoch)).await;
    assert_eq!(
        open(&*store, "run").await,
        [],
        "a step that is over waits for nothing"
    );
}

pub(super) async fn without_the_lease_nothing_is_registered(store: Arc<impl Store>) {
    let lost = run_to(&*store, "run", 0).await;
    let late = Registration {
        waits: vec![receive("run", 1, "paid")],
        effects: vec![effect("run", 1, "fetch")],
        over: vec![elapsed(&receive("run", 1, "paid"))],
        ..register("run", lost.epoch)
    };
    let lease = done(store.acquire("run", claim("anna", LONG)).await);
    assert_ne!(lease.epoch, lost.epoch);
    for step in [1, 2] {
        let before = all(&*store, "run").await;
        refused!(
            store.register(late.clone()).await,
            StoreError::LeaseLost { .. },
            "who lost the lease registers nothing, and hears that, whatever happened since"
        );
        assert_eq!(
            all(&*store, "run").await,
            before,
            "a refusal leaves no trace"
        );
        now(&*store, next("run", step, lease.epoch)).await;
    }
    refused!(
        store.register(register("nobody", 1)).await,
        StoreError::NoSuchRun { run } if run == "nobody",
        "nobody waits there"
    );
}

/// What a step leaves open when it fails, and who takes it up again.
pub(super) async fn a_failed_run_keeps_what_it_waited_for(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let wait = with(receive("run", 1, "paid"), Deadline::In(HOUR));
    let kept = registered(&*store, &lease, vec![wait.clone()]).await;
    let failed = Park {
        waits: vec![wait.clone()],
        ..park("run", lease.epoch)
    };
    done(store.park(failed).await);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(
        (head.status, head.wakes),
        (Status::Failed, None),
        "nothing wakes it"
    );
    assert_eq!(open(&*store, "run").await, kept, "its deadline goes on");
    let commit = Commit {
        access: take("anna", LONG),
        ..next("run", 1, 0)
    };
    now(&*store, commit).await;
    assert_eq!(open(&*store, "run").await, []);
}
