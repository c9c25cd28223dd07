//! Commits for the tests of stores, and a view of all that a store shows.
#![allow(dead_code, reason = "not every test file needs all of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use superstep::Digest;
use superstep::store::{
    Access, Answer, Claim, Commit, Committed, Creation, EffectKind, EffectRecord, Event, Lease,
    Origin, PendingResult, Question, QuestionKind, Recording, Snapshot, SqliteStore, Status,
    StepKind, StepRecord, Store, StoreError, StoreExt,
};

/// A record with some of its fields changed.
macro_rules! with {
    ($record:expr, $($field:ident = $value:expr),+ $(,)?) => {{
        let mut changed = $record;
        $(changed.$field = $value;)+
        changed
    }};
}
#[allow(unused_imports, reason = "not every test file needs it")]
pub(crate) use with;

pub const LONG: Duration = Duration::from_secs(600);

/// The number of the schema that the store writes: there is one file for each.
pub fn newest_schema() -> i64 {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite");
    let files = sources.read_dir().unwrap().map(|file| file.unwrap().path());
    let schemas = files.filter(|path| path.extension().is_some_and(|end| end == "sql"));
    schemas.count().try_into().unwrap()
}

/// 32 bytes, different for every word and number.
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
    with!(
        next(run, 0, access),
        create = Some(Creation::new(
            "Researcher",
            digest("graph", 0),
            1,
            "start -> plan; plan -> end",
            u64::MAX
        ))
    )
}

pub fn next(run: &str, step: u64, access: Access) -> Commit {
    let kind = match step {
        0 => StepKind::Input,
        _ => StepKind::Step,
    };
    let record = StepRecord::new(
        step,
        kind,
        format!(r#"{{"step":{step}}}"#),
        r#"["plan"]"#,
        digest("chain", step),
        digest("digest", step),
        digest("key", step),
    );
    let previous = digest("chain", step.saturating_sub(1));
    Commit::new(run, access, previous, record, Status::Running)
}

/// A commit that writes to every table a commit can write to.
pub fn fullest(run: &str, step: u64, access: Access) -> Commit {
    with!(
        next(run, step, access),
        release = true,
        snapshot = Some(Snapshot::new(
            step,
            format!(r#"{{"after":{step}}}"#),
            digest("state", step)
        )),
        token = Some(format!("msg-{step}")),
        events = vec![event("one"), event("two")],
        status = Status::Completed
    )
}

pub fn event(name: &str) -> Event {
    Event::new(name, "{}")
}

pub fn result(task: u64) -> PendingResult {
    PendingResult::new(digest("task", task), "plan", 1, "{}")
}

/// An effect of step `step` that succeeded.
pub fn effect(step: u64, name: &str) -> EffectRecord {
    let (task, request) = (digest("task", step), digest("request", step));
    with!(
        EffectRecord::new(step, task, name, 0, EffectKind::Done, request),
        call = Some(0),
        excerpt = r#""page""#.to_owned(),
        response = Some(r#"{"text":"ü"}"#.to_owned()),
    )
}

/// A `fetch` in step `step`.
pub fn journal(run: &str, epoch: u64, step: u64) -> Recording {
    Recording::new(run, epoch, vec![effect(step, "fetch")])
}

pub fn question(step: u64, id: &str) -> Question {
    let (kind, task) = (QuestionKind::Interrupt, digest("task", step));
    with!(
        Question::new(id, kind, step, task, "plan", id, r#""really?""#),
        schema = Some(r#"{"type":"boolean"}"#.to_owned()),
    )
}

pub fn answer(run: &str, question: &str) -> Answer {
    Answer::new(run, question, "true")
}

/// The first step of a run that branches off at `step` of `origin`.
pub fn fork(run: &str, origin: &str, step: u64) -> Commit {
    let mut commit = first(run, take("anna"));
    if let Some(create) = &mut commit.create {
        create.origin = Some(Origin::new(origin, step));
    }
    let mut commit = with!(next(run, step + 1, commit.access), create = commit.create);
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
    let steps = store.all_steps(run, 0, u64::MAX).await?;
    let snapshot = store.snapshot(run, u64::MAX).await?;
    let effects = store.all_effects(run, 0, u64::MAX).await?;
    let questions = store.questions(run).await?;
    let labels = store.labels(run).await?;
    let events = store.outbox(usize::MAX).await?;
    Ok(format!(
        "{loaded:#?}\n{steps:#?}\n{snapshot:#?}\n{effects:#?}\n{questions:#?}\n{labels:#?}\n{events:#?}"
    ))
}

/// Somebody else's connection, bypassing the store.
pub fn behind(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(Duration::from_secs(5)).unwrap();
    conn
}
