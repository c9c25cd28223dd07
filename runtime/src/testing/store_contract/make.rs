//! Commits that are as plain as can be, to be changed by the checks.

use std::time::Duration;

use crate::hash::{Digest, Hasher};
use crate::store::{
    Access, Answer, Claim, Commit, Committed, Creation, Deadline, EffectClass, EffectKind,
    EffectRecord, Event, Lease, NewSignal, Origin, Park, PendingResult, Question, QuestionKind,
    Recording, Registration, Signal, Snapshot, Status, StepKind, StepRecord, Store, StoreError,
    StoreExt, Wait,
};
use std::time::SystemTime;

/// Long enough not to lapse in a test.
pub(super) const LONG: Duration = Duration::from_secs(600);
/// Short enough for a test to wait for its end.
pub(super) const SHORT: Duration = Duration::from_millis(40);

pub(super) fn digest(word: &str, run: &str, step: u64) -> Digest {
    Hasher::new().part(word).part(run).number(step).finish()
}

pub(super) fn creation() -> Creation {
    Creation {
        graph: "Researcher".to_owned(),
        fingerprint: digest("graph", "", 0),
        version: 3,
        description: "start -> plan; plan -> end".to_owned(),
        seed: u64::MAX - 6,
        origin: None,
    }
}

pub(super) fn record(run: &str, step: u64) -> StepRecord {
    StepRecord {
        step,
        kind: if step == 0 {
            StepKind::Input
        } else {
            StepKind::Step
        },
        version: 3,
        updates: format!(r#"{{"step":{step}}}"#),
        frontier: r#"["plan"]"#.to_owned(),
        chain: digest("chain", run, step),
        digest: digest("digest", run, step),
        key: digest("key", run, step),
        notes: None,
        journal: None,
        graph: None,
        committed: SystemTime::UNIX_EPOCH,
    }
}

/// Creates `run` and takes its lease for `anna`.
pub(super) fn first(run: &str) -> Commit {
    Commit {
        create: Some(creation()),
        access: take("anna", LONG),
        ..next(run, 0, 0)
    }
}

/// Creates `run`, which branches off at `step` of `origin`, and takes its lease
/// for `anna`.
pub(super) fn fork(run: &str, origin: &str, step: u64) -> Commit {
    let at = Origin {
        run: origin.to_owned(),
        step,
    };
    let mut commit = Commit {
        create: Some(Creation {
            origin: Some(at),
            ..creation()
        }),
        access: take("anna", LONG),
        previous: digest("chain", origin, step),
        ..next(run, step + 1, 0)
    };
    commit.record.kind = StepKind::Fork;
    commit
}

/// Step `step` of `run` under a lease that is held.
pub(super) fn next(run: &str, step: u64, epoch: u64) -> Commit {
    Commit {
        run: run.to_owned(),
        create: None,
        access: Access::Held { epoch },
        release: false,
        previous: digest("chain", run, step.saturating_sub(1)),
        record: record(run, step),
        description: None,
        snapshot: None,
        status: Status::Running,
        turn: 0,
        turn_step: 0,
        counted_from: 0,
        token: None,
        effects: Vec::new(),
        unheard: Vec::new(),
        events: Vec::new(),
    }
}

pub(super) fn take(owner: &str, term: Duration) -> Access {
    Access::Take(claim(owner, term))
}

pub(super) fn claim(owner: &str, term: Duration) -> Claim {
    Claim::new(owner, term)
}

pub(super) fn snapshot(run: &str, step: u64) -> Snapshot {
    Snapshot {
        step,
        state: format!(r#"{{"after":{step}}}"#),
        digest: digest("state", run, step),
    }
}

pub(super) fn event(name: &str) -> Event {
    Event {
        id: 0,
        run: String::new(),
        step: 0,
        name: name.to_owned(),
        payload: format!(r#"{{"name":"{name}"}}"#),
    }
}

pub(super) fn result(run: &str, task: u64) -> PendingResult {
    PendingResult {
        task: digest("task", run, task),
        node: format!("node{task}"),
        saw: task,
        result: format!(r#"{{"task":{task}}}"#),
    }
}

/// The first call of the effect `name` of a task in step `step`.
pub(super) fn effect(run: &str, step: u64, name: &str) -> EffectRecord {
    let (task, request) = (digest("task", run, step), digest("request", run, step));
    EffectRecord {
        call: Some(0),
        seen: Some(0),
        excerpt: format!(r#"{{"asks":"{name}"}}"#),
        response: Some(r#"{"says":"ü"}"#.to_owned()),
        ..EffectRecord::new(step, task, name, 0, EffectKind::Done, request)
    }
}

pub(super) fn journal(run: &str, epoch: u64, effects: Vec<EffectRecord>) -> Recording {
    Recording {
        run: run.to_owned(),
        epoch,
        effects,
    }
}

pub(super) fn question(run: &str, step: u64, id: &str) -> Question {
    Question {
        schema: Some(r#"{"type":"boolean"}"#.to_owned()),
        ..Question::new(
            id,
            QuestionKind::Interrupt,
            step,
            digest("task", run, step),
            "plan",
            format!("the name of {id}"),
            format!(r#"{{"asks":"{id}"}}"#),
        )
    }
}

pub(super) fn answer(run: &str, question: &str, answer: &str) -> Answer {
    Answer::new(run, question, answer)
}

/// Waits for answers to these questions.
pub(super) fn interrupt(run: &str, epoch: u64, questions: Vec<Question>) -> Park {
    Park {
        status: Status::Interrupted,
        error: None,
        questions,
        ..park(run, epoch)
    }
}

pub(super) fn park(run: &str, epoch: u64) -> Park {
    Park {
        error: Some("node `plan` failed".to_owned()),
        ..Park::new(run, epoch, Status::Failed)
    }
}

/// A signal whose value names it.
pub(super) fn signal(run: &str, id: &str, name: &str) -> NewSignal {
    NewSignal::new(run, id, name, format!(r#"{{"sent":"{id}, ü"}}"#))
}

/// The first wait of a task in step `step` for the signal `name`.
pub(super) fn receive(run: &str, step: u64, name: &str) -> Wait {
    let task = digest("task", run, step);
    Wait::new(step, task, EffectClass::Signal, name, "plan")
}

/// The first wait of that task for a time.
pub(super) fn sleep(run: &str, step: u64, deadline: Deadline) -> Wait {
    let task = digest("task", run, step);
    Wait {
        deadline,
        ..Wait::new(step, task, EffectClass::Time, "", "plan")
    }
}

/// The record that `wait` got the signal with that number.
pub(super) fn received(wait: &Wait, number: u64) -> EffectRecord {
    EffectRecord {
        kind: EffectKind::Done,
        signal: Some(number),
        response: Some(format!(r#"{{"number":{number}}}"#)),
        ..elapsed(wait)
    }
}

/// The record that the time of `wait` is over.
pub(super) fn elapsed(wait: &Wait) -> EffectRecord {
    let key = wait.key();
    let request = digest("nothing", "", 0);
    EffectRecord {
        class: key.class,
        call: Some(0),
        seen: Some(0),
        ..EffectRecord::new(
            key.step,
            key.task,
            key.name,
            key.n,
            EffectKind::Elapsed,
            request,
        )
    }
}

/// Registers nothing yet.
pub(super) fn register(run: &str, epoch: u64) -> Registration {
    Registration::new(run, epoch, 0)
}

/// Waits for these.
pub(super) fn waiting(run: &str, epoch: u64, waits: Vec<Wait>) -> Park {
    Park {
        waits,
        ..interrupt(run, epoch, Vec::new())
    }
}

/// All signals that a run has not received.
pub(super) async fn mail(store: &impl Store, run: &str) -> Vec<Signal> {
    done(store.mail(run, 0).await).signals
}

/// Commits what must be committed now.
pub(super) async fn now(store: &impl Store, commit: Commit) -> Lease {
    let (run, step) = (commit.run.clone(), commit.record.step);
    match store.commit(commit).await {
        Ok(Committed::Now(lease)) => lease,
        other => {
            panic!("step {step} of `{run}` must be committed now, and the answer is {other:?}")
        }
    }
}

/// What a call that must succeed returns.
pub(super) fn done<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("a valid call failed: {error}"))
}

/// Fails unless the result is the error that the pattern describes.
macro_rules! refused {
    ($result:expr, $pattern:pat $(if $guard:expr)?, $promise:literal) => {
        match $result {
            Err($pattern) $(if $guard)? => {}
            other => panic!("{}: the answer is {other:?}", $promise),
        }
    };
}
pub(super) use refused;

/// A run with steps `0..=last`, and the lease it was made under.
pub(super) async fn run_to(store: &impl Store, run: &str, last: u64) -> Lease {
    let lease = now(store, first(run)).await;
    for step in 1..=last {
        now(store, next(run, step, lease.epoch)).await;
    }
    lease
}

/// The numbers of the steps that a run's history has.
pub(super) async fn numbers(store: &impl Store, run: &str) -> Vec<u64> {
    let steps = done(store.all_steps(run, 0, u64::MAX).await);
    let digests = done(store.all_digests(run).await);
    let told: Vec<_> = steps.iter().map(|step| (step.step, step.digest)).collect();
    assert_eq!(digests, told, "digests are those of the steps");
    steps.iter().map(|step| step.step).collect()
}

/// All that the store shows of a run, to compare.
pub(super) async fn all(store: &impl Store, run: &str) -> String {
    let loaded = done(store.load(run).await);
    let steps = done(store.all_steps(run, 0, u64::MAX).await);
    let effects = done(store.all_effects(run, 0, u64::MAX).await);
    let questions = done(store.questions(run).await);
    let snapshot = done(store.snapshot(run, u64::MAX).await);
    let labels = done(store.labels(run).await);
    let events = done(store.outbox(usize::MAX).await);
    let (graphs, turns) = (
        done(store.graphs(run).await),
        done(store.all_turns(run).await),
    );
    format!(
        "{graphs:#?}\n{turns:#?}\n{loaded:#?}\n{steps:#?}\n{effects:#?}\n{questions:#?}\n{snapshot:#?}\n{labels:#?}\n{events:#?}"
    )
}

/// [`all`] without the times, which a repeated call may set again.
pub(super) async fn all_but_times(store: &impl Store, run: &str) -> String {
    let told = all(store, run).await;
    let is_time = |line: &str| {
        ["tv_sec", "tv_nsec", "intervals"]
            .iter()
            .any(|part| line.trim_start().starts_with(part))
    };
    let lines = told.lines().filter(|line| !is_time(line));
    lines.collect::<Vec<_>>().join("\n")
}
