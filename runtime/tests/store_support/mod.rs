//! Commits for the tests of stores, and a look at all that a store shows.
#![allow(dead_code, reason = "not every test file needs all of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use superstep::Digest;
use superstep::store::{
    Access, Answer, Claim, Commit, Committed, Creation, EffectKind, EffectRecord, Event, Journal,
    Lease, Origin, PendingResult, Question, QuestionKind, Snapshot, SqliteStore, Status, StepKind,
    StepRecord, Store, StoreError,
};

pub const LONG: Duration = Duration::from_secs(600);

/// Some 32 bytes, different for every word and number.
pub fn digest(word: &str, number: u64) -> Digest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    for (byte, letter) in bytes[8..].iter_mut().zip(word.bytes()) {
        *byte = letter;
    }
    Digest::from_bytes(bytes)
}

pub fn take(owner: &str) -> Access {
    Access::Take(Claim::new(owner, LONG))
}

pub fn first(run: &str, access: Access) -> Commit {
    Commit {
        create: Some(Creation {
            graph: "Researcher".to_owned(),
            fingerprint: digest("graph", 0),
            version: 1,
            description: "start -> plan; plan -> end".to_owned(),
            seed: u64::MAX,
            origin: None,
        }),
        ..next(run, 0, access)
    }
}

pub fn next(run: &str, step: u64, access: Access) -> Commit {
    Commit {
        run: run.to_owned(),
        create: None,
        access,
        release: false,
        previous: digest("chain", step.saturating_sub(1)),
        record: StepRecord {
            step,
            kind: if step == 0 {
                StepKind::Input
            } else {
                StepKind::Step
            },
            version: 1,
            updates: format!(r#"{{"step":{step}}}"#),
            frontier: r#"["plan"]"#.to_owned(),
            chain: digest("chain", step),
            digest: digest("digest", step),
            key: digest("key", step),
            notes: None,
            journal: None,
            committed: SystemTime::UNIX_EPOCH,
        },
        snapshot: None,
        status: Status::Running,
        turn: 0,
        turn_step: 0,
        counted_from: 0,
        token: None,
        effects: Vec::new(),
        events: Vec::new(),
    }
}

/// A commit that writes to every table a commit can write to.
pub fn fullest(run: &str, step: u64, access: Access) -> Commit {
    Commit {
        release: true,
        snapshot: Some(Snapshot {
            step,
            state: format!(r#"{{"after":{step}}}"#),
            digest: digest("state", step),
        }),
        token: Some(format!("msg-{step}")),
        events: vec![event("one"), event("two")],
        status: Status::Completed,
        ..next(run, step, access)
    }
}

pub fn event(name: &str) -> Event {
    Event {
        id: 0,
        run: String::new(),
        step: 0,
        name: name.to_owned(),
        payload: "{}".to_owned(),
    }
}

pub fn result(task: u64) -> PendingResult {
    PendingResult {
        task: digest("task", task),
        node: "plan".to_owned(),
        saw: 1,
        result: "{}".to_owned(),
    }
}

/// An effect of step `step` that went well.
pub fn effect(step: u64, name: &str) -> EffectRecord {
    EffectRecord {
        step,
        task: digest("task", step),
        name: name.to_owned(),
        n: 0,
        kind: EffectKind::Done,
        call: Some(0),
        attempt: 1,
        request: digest("request", step),
        excerpt: r#""page""#.to_owned(),
        response: Some(r#"{"text":"ü"}"#.to_owned()),
        error: None,
        recorded: SystemTime::UNIX_EPOCH,
    }
}

/// A `fetch` in step `step`.
pub fn journal(run: &str, epoch: u64, step: u64) -> Journal {
    Journal {
        run: run.to_owned(),
        epoch,
        effects: vec![effect(step, "fetch")],
    }
}

pub fn question(step: u64, id: &str) -> Question {
    Question {
        id: id.to_owned(),
        kind: QuestionKind::Interrupt,
        step,
        task: digest("task", step),
        node: "plan".to_owned(),
        name: id.to_owned(),
        n: 0,
        question: r#""really?""#.to_owned(),
        schema: Some(r#"{"type":"boolean"}"#.to_owned()),
        asked: SystemTime::UNIX_EPOCH,
        answer: None,
        token: None,
    }
}

pub fn answer(run: &str, question: &str) -> Answer {
    Answer::new(run, question, "true")
}

/// The first step of a run that branches off at `step` of `origin`.
pub fn fork(run: &str, origin: &str, step: u64) -> Commit {
    let mut commit = first(run, take("anna"));
    if let Some(create) = &mut commit.create {
        create.origin = Some(Origin {
            run: origin.to_owned(),
            step,
        });
    }
    let mut commit = Commit {
        create: commit.create,
        ..next(run, step + 1, commit.access)
    };
    commit.record.kind = StepKind::Fork;
    commit
}

pub async fn now(store: &SqliteStore, commit: Commit) -> Lease {
    match store.commit(commit).await {
        Ok(Committed::Now(lease)) => lease,
        other => panic!("not committed now: {other:?}"),
    }
}

/// A run at step `last`, held by `anna`.
pub async fn run_to(store: &SqliteStore, run: &str, last: u64) -> Lease {
    let lease = now(store, first(run, take("anna"))).await;
    for step in 1..=last {
        let access = Access::Held { epoch: lease.epoch };
        now(store, next(run, step, access)).await;
    }
    lease
}

pub async fn all(store: &SqliteStore, run: &str) -> Result<String, StoreError> {
    let loaded = store.load(run).await?;
    let steps = store.steps(run, 0, u64::MAX).await?;
    let snapshot = store.snapshot(run, u64::MAX).await?;
    let effects = store.effects(run, 0, u64::MAX).await?;
    let questions = store.questions(run).await?;
    let labels = store.labels(run).await?;
    let events = store.outbox(usize::MAX).await?;
    Ok(format!(
        "{loaded:#?}\n{steps:#?}\n{snapshot:#?}\n{effects:#?}\n{questions:#?}\n{labels:#?}\n{events:#?}"
    ))
}

/// Somebody else's connection, past the store.
pub fn behind(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(Duration::from_secs(5)).unwrap();
    conn
}
