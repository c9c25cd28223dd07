use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::make::{
    LONG, all, answer, claim, done, fork, interrupt, mail, next, now, park, question, receive,
    received, register, run_to, signal, sleep, snapshot, take, waiting,
};
use crate::store::{
    Commit, Deadline, Lease, Mail, Park, Parked, Prune, Registration, Status, StepKind, Store,
    StoreExt, Wait,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// As the task that stopped because of it leaves it.
fn parked(wait: Wait) -> Wait {
    Wait {
        parked: true,
        ..wait
    }
}

fn until(wait: Wait, time: SystemTime) -> Wait {
    Wait {
        deadline: Deadline::At(time),
        ..wait
    }
}

async fn wakes(store: &impl Store, run: &str) -> Option<SystemTime> {
    done(store.head(run).await).expect("the run").wakes
}

/// Whether it is awake.
async fn is_awake(store: &impl Store, run: &str) -> bool {
    let now = done(store.now().await);
    wakes(store, run).await.is_some_and(|wakes| wakes <= now)
}

/// What must be left.
async fn leave(store: &impl Store, park: Park) {
    let told = done(store.park(park).await);
    assert!(matches!(told, Parked::Left), "it is to be left: {told:?}");
}

/// What must not be left, since what it waits for is there.
async fn stay(store: &impl Store, park: Park) -> Mail {
    let (run, epoch) = (park.run.clone(), park.epoch);
    let before = all(store, &run).await;
    let told = done(store.park(park).await);
    assert_eq!(all(store, &run).await, before, "nothing is written");
    done(store.renew(&run, epoch, LONG).await);
    match told {
        Parked::Mail(mail) => mail,
        Parked::Left => panic!("what it waits for is there"),
    }
}

pub(super) async fn who_waits_for_what_is_there_does_not_leave(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let wait = parked(receive("run", 1, "paid"));
    for (id, name) in [("1", "other"), ("2", "paid")] {
        done(store.signal(signal("run", id, name)).await);
    }
    let signals = mail(&*store, "run").await;
    for known in [0, 1] {
        let told = Park {
            known,
            questions: vec![question("run", 1, "q")],
            ..waiting("run", epoch, vec![wait.clone()])
        };
        let Mail {
            now, signals: told, ..
        } = stay(&*store, told).await;
        assert_eq!(
            told,
            signals[known as usize..],
            "those behind the one it knows"
        );
        assert!(now.is_some());
    }
    let past = done(store.now().await) - HOUR;
    for due in [
        until(receive("run", 1, "late"), past),
        sleep("run", 1, Deadline::At(past)),
        sleep("run", 1, Deadline::In(Duration::ZERO)),
    ] {
        stay(&*store, waiting("run", epoch, vec![parked(due)])).await;
    }
    let other = parked(receive("run", 1, "third"));
    stay(&*store, waiting("run", epoch, vec![other, wait])).await;
}

pub(super) async fn who_waits_for_nothing_that_is_there_leaves(store: Arc<impl Store>) {
    let past = done(store.now().await) - HOUR;
    let wait = |run| receive(run, 1, "paid");
    for run in ["not parked", "another name", "taken", "does not wait"] {
        let Lease { epoch, .. } = run_to(&*store, run, 0).await;
        done(store.signal(signal(run, "1", "paid")).await);
        let park = match run {
            "not parked" => waiting(run, epoch, vec![wait(run), until(wait(run), past)]),
            "another name" => waiting(run, epoch, vec![parked(receive(run, 1, "pay"))]),
            // By another task, in the same call.
            "taken" => Park {
                effects: vec![received(&Wait { n: 1, ..wait(run) }, 1)],
                ..waiting(run, epoch, vec![parked(wait(run))])
            },
            _ => Park {
                waits: vec![parked(wait(run))],
                ..park(run, epoch)
            },
        };
        let status = park.status;
        leave(&*store, park).await;
        let head = done(store.head(run).await).expect("the run");
        assert_eq!(
            (head.status, head.lease, head.wakes),
            (status, None, None),
            "{run}"
        );
    }
    assert!(mail(&*store, "taken").await.is_empty());
}

pub(super) async fn a_run_wakes_at_the_first_deadline(store: Arc<impl Store>) {
    let time = done(store.now().await) + HOUR;
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let waits = vec![
        parked(until(receive("run", 1, "a"), time + 2 * HOUR)),
        parked(sleep("run", 1, Deadline::At(time + HOUR))),
        parked(receive("run", 1, "b")),
        // Its task is not stopped because of it.
        until(receive("run", 1, "c"), time),
    ];
    leave(&*store, waiting("run", epoch, waits)).await;
    assert_eq!(wakes(&*store, "run").await, Some(time + HOUR));

    let Lease { epoch, .. } = done(store.acquire("run", claim("anna", LONG)).await);
    let plain = vec![parked(receive("run", 1, "b"))];
    leave(&*store, waiting("run", epoch, plain)).await;
    assert_eq!(wakes(&*store, "run").await, None, "each park says anew");

    let Lease { epoch, .. } = done(store.acquire("run", claim("anna", LONG)).await);
    let wait = parked(sleep("run", 1, Deadline::At(time)));
    leave(&*store, waiting("run", epoch, vec![wait])).await;
    let Lease { epoch, .. } = done(store.acquire("run", claim("anna", LONG)).await);
    leave(&*store, park("run", epoch)).await;
    assert_eq!(
        wakes(&*store, "run").await,
        None,
        "a failed run does not wake"
    );
}

pub(super) async fn a_signal_wakes_whoever_waits_for_it(store: Arc<impl Store>) {
    let time = done(store.now().await) + HOUR;
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let waits = vec![
        parked(until(receive("run", 1, "paid"), time)),
        receive("run", 1, "elsewhere"),
    ];
    leave(&*store, waiting("run", epoch, waits)).await;
    for (id, name) in [("1", "other"), ("2", "elsewhere")] {
        done(store.signal(signal("run", id, name)).await);
        assert_eq!(
            wakes(&*store, "run").await,
            Some(time),
            "nobody stopped for `{name}`"
        );
    }
    done(store.signal(signal("run", "3", "paid")).await);
    assert!(is_awake(&*store, "run").await);
    let first = wakes(&*store, "run").await;
    while Some(done(store.now().await)) <= first {
        tokio::task::yield_now().await;
    }
    done(store.signal(signal("run", "4", "paid")).await);
    assert_eq!(wakes(&*store, "run").await, first, "it was awake already");

    // Whoever takes it up and leaves it again does not miss what came meanwhile.
    let Lease { epoch, .. } = done(store.acquire("run", claim("anna", LONG)).await);
    stay(
        &*store,
        waiting("run", epoch, vec![parked(receive("run", 1, "paid"))]),
    )
    .await;

    let failed = run_to(&*store, "failed", 0).await;
    let park = Park {
        waits: vec![parked(receive("failed", 1, "paid"))],
        ..park("failed", failed.epoch)
    };
    leave(&*store, park).await;
    done(store.signal(signal("failed", "1", "paid")).await);
    assert_eq!(
        wakes(&*store, "failed").await,
        None,
        "a failed run does not wake"
    );
}

pub(super) async fn an_answer_wakes_whoever_asked(store: Arc<impl Store>) {
    let asks = |run, epoch, id| interrupt(run, epoch, vec![question(run, 1, id)]);
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    leave(&*store, asks("run", epoch, "q")).await;
    assert_eq!(wakes(&*store, "run").await, None);
    done(store.answer(answer("run", "q", "1")).await);
    assert!(is_awake(&*store, "run").await);

    // The answer comes while the run is driven by somebody who takes the question for open.
    for is_told in [true, false] {
        let run = if is_told { "told" } else { "not told" };
        let Lease { epoch, .. } = run_to(&*store, run, 0).await;
        leave(&*store, asks(run, epoch, "q")).await;
        let Lease { epoch, .. } = done(store.acquire(run, claim("anna", LONG)).await);
        done(store.answer(answer(run, "q", "1")).await);
        let asked = match is_told {
            true => vec!["r".to_owned(), "q".to_owned()],
            false => vec!["r".to_owned()],
        };
        let again = Park {
            asked,
            ..asks(run, epoch, "r")
        };
        leave(&*store, again).await;
        assert_eq!(is_awake(&*store, run).await, is_told, "{run}");
    }
    let Lease { epoch, .. } = done(store.acquire("told", claim("anna", LONG)).await);
    let failed = Park {
        asked: vec!["q".to_owned()],
        ..park("told", epoch)
    };
    leave(&*store, failed).await;
    assert_eq!(
        wakes(&*store, "told").await,
        None,
        "a failed run does not wake"
    );
}

pub(super) async fn a_correction_wakes_a_run_and_a_step_does_not(store: Arc<impl Store>) {
    let time = done(store.now().await) + HOUR;
    for (run, status) in [
        ("interrupted", Status::Interrupted),
        ("sleeping", Status::Sleeping),
        ("failed", Status::Failed),
        ("steps", Status::Running),
    ] {
        let Lease { epoch, .. } = run_to(&*store, run, 0).await;
        let waits = vec![
            parked(until(receive(run, 1, "paid"), time)),
            parked(sleep(run, 1, Deadline::At(time))),
        ];
        let rest = Park {
            status: if status == Status::Running {
                Status::Sleeping
            } else {
                status
            },
            ..waiting(run, epoch, waits)
        };
        leave(&*store, rest).await;
        let before = done(store.load(run).await).expect("the run");
        let is_update = status != Status::Running;
        let mut commit = Commit {
            access: take("anna", LONG),
            release: true,
            status,
            ..next(run, 1, 0)
        };
        if is_update {
            commit.record.kind = StepKind::Update;
        }
        now(&*store, commit).await;
        let after = done(store.load(run).await).expect("the run");
        if !is_update {
            assert_eq!(
                (after.head.wakes, after.waits),
                (None, vec![]),
                "its step is over"
            );
            continue;
        }
        assert_eq!(after.head.status, status, "it stays what it was");
        assert_eq!(
            is_awake(&*store, run).await,
            status != Status::Failed,
            "{run}"
        );
        let moved = before.waits.into_iter().map(|wait| Wait {
            step: 2,
            parked: false,
            ..wait
        });
        let moved: Vec<Wait> = moved.collect();
        assert_eq!(
            after.waits, moved,
            "they keep their deadlines, and nothing is stopped for them"
        );
        let Lease { epoch, .. } = done(store.acquire(run, claim("anna", LONG)).await);
        let again = vec![parked(until(receive(run, 2, "paid"), time + HOUR))];
        // The task is that of the first step.
        let again: Vec<Wait> = again
            .into_iter()
            .map(|wait| Wait {
                task: moved[0].task,
                ..wait
            })
            .collect();
        leave(&*store, waiting(run, epoch, again)).await;
        assert_eq!(
            wakes(&*store, run).await,
            Some(time),
            "the first deadline stays"
        );
    }
}

pub(super) async fn a_fork_waits_for_nothing(store: Arc<impl Store>) {
    let time = done(store.now().await) + HOUR;
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    let waits = vec![parked(sleep("run", 2, Deadline::At(time)))];
    leave(&*store, waiting("run", epoch, waits)).await;
    now(&*store, fork("fork", "run", 1)).await;
    let fork = done(store.load("fork").await).expect("the fork");
    assert_eq!(
        (fork.waits, fork.signals, fork.head.wakes),
        (vec![], vec![], None)
    );
    assert_eq!(
        wakes(&*store, "run").await,
        Some(time),
        "its origin still does"
    );
}

pub(super) async fn pruning_leaves_what_is_waited_for(store: Arc<impl Store>) {
    let time = done(store.now().await) + HOUR;
    let Lease { epoch, .. } = run_to(&*store, "run", 2).await;
    done(store.put_snapshot("run", epoch, snapshot("run", 2)).await);
    done(store.signal(signal("run", "1", "other")).await);
    let waits = vec![parked(until(receive("run", 3, "paid"), time))];
    leave(&*store, waiting("run", epoch, waits)).await;
    let before = done(store.load("run").await).expect("the run");
    let pruned = done(store.prune(&Prune::history()).await);
    assert!(pruned.steps > 0, "there is something to prune");
    let after = done(store.load("run").await).expect("the run");
    assert_eq!((after.waits, after.head.wakes), (before.waits, Some(time)));
    assert_eq!(after.signals, before.signals);

    // A run that was dropped leaves no wait to the next one of its id.
    let lease = run_to(&*store, "dropped", 0).await;
    let registration = Registration {
        waits: vec![receive("dropped", 1, "paid")],
        ..register("dropped", lease.epoch)
    };
    done(store.register(registration).await);
    let last = Commit {
        status: Status::Completed,
        release: true,
        ..next("dropped", 1, lease.epoch)
    };
    now(&*store, last).await;
    assert_eq!(done(store.prune(&Prune::runs()).await).runs, 1);
    run_to(&*store, "dropped", 0).await;
    assert!(
        done(store.load("dropped").await)
            .expect("the run")
            .waits
            .is_empty()
    );
}

pub(super) async fn who_waits_for_nothing_is_stuck(store: Arc<impl Store>) {
    let time = done(store.now().await) + HOUR;
    for run in ["nothing", "signal", "time", "due", "not stopped", "held"] {
        let Lease { epoch, .. } = run_to(&*store, run, 0).await;
        let waits = match run {
            "nothing" | "held" => vec![],
            "signal" => vec![parked(receive(run, 1, "paid"))],
            // A time that it stopped for, which comes by itself, and one that it did not.
            "not stopped" => vec![sleep(run, 1, Deadline::At(time))],
            _ => vec![parked(sleep(run, 1, Deadline::At(time)))],
        };
        let rest = Park {
            status: Status::Sleeping,
            ..waiting(run, epoch, waits)
        };
        leave(&*store, rest).await;
    }
    done(store.acquire("held", claim("anna", LONG)).await);
    assert_eq!(done(store.all_stuck().await), ["not stopped", "nothing"]);
}
