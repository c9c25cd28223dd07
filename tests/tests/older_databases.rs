//! Runs that an older program wrote continue, and replay in every step.
//!
//! A file under `tests/golden` was written by the program of its schema and is
//! never written again; a later schema gets a file of its own.
#![cfg(feature = "sqlite")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{EffectKind, Prune, StepKind, StoreExt, TurnRecord};
use superstep::{At, Graph, Outcome, ok};
use superstep_tests::{Journal, sqlite_at};
use tempfile::{TempDir, tempdir};

/// What a desk knows.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Desk {
    message: String,
    #[reduce(append)]
    log: Vec<String>,
    #[reduce(sum)]
    paid: u64,
}

/// Where `plan` can go.
#[derive(Route, Debug)]
enum Plan {
    Read(Vec<String>),
    Pay(u64),
    Reply,
}

/// The world outside: what was asked of it, and whether it is broken.
#[derive(Clone, Debug, Default)]
struct World {
    calls: Journal,
    broken: Arc<AtomicBool>,
}

impl World {
    fn broken() -> Self {
        let world = Self::default();
        world.broken.store(true, Ordering::Relaxed);
        world
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    async fn ask(&self, cx: &Cx, name: &str, what: &str) -> Result<String, NodeError> {
        let answer = cx.effect(name, what).run(|| async {
            self.calls.note(format_args!("{name} {what}"));
            ok(format!("{name} of {what}"))
        });
        answer.await
    }
}

/// `read a b` reads words, `pay 7` pays, everything else gets a reply.
#[node]
fn plan(state: &Desk) -> Result<(DeskUpdate, Plan), NodeError> {
    let mut words = state.message.split(' ').map(str::to_owned);
    let plan = match words.next().as_deref() {
        Some("read") => Plan::Read(words.collect()),
        Some("pay") => Plan::Pay(words.next().unwrap_or_default().parse()?),
        _ => Plan::Reply,
    };
    Ok((Desk::update().log([format!("planned {plan:?}")]), plan))
}

/// The word `slip` is read in the second attempt, the word `lost` never.
#[node(retry(attempts = 2, base = "1ms"))]
async fn read(_: &Desk, word: String, world: &World, cx: &Cx) -> Result<DeskUpdate, NodeError> {
    let at = cx.now();
    let text = world.ask(cx, "fetch", &word).await?;
    if word == "lost" {
        return Err(NodeError::permanent("it is lost"));
    }
    if word == "slip" && cx.attempt() == 1 {
        return Err(NodeError::transient("it slipped"));
    }
    let seen = at <= cx.now();
    Ok(Desk::update().log([format!("{text}, {seen}, {}", cx.uuid())]))
}

/// Fails as long as the world is broken.
#[node]
async fn check(_: &Desk, world: &World, cx: &Cx) -> Result<DeskUpdate, NodeError> {
    let text = world.ask(cx, "probe", "desk").await?;
    if world.is_broken() {
        return Err(NodeError::permanent("the desk is broken"));
    }
    Ok(Desk::update().log([text]))
}

/// Pays at most once; nobody knows whether a broken world was paid.
#[node]
async fn pay(_: &Desk, price: u64, world: &World, cx: &Cx) -> Result<DeskUpdate, NodeError> {
    let paid = cx.effect("charge", &price).at_most_once().run(|| async {
        world.calls.note(format_args!("charge {price}"));
        if world.is_broken() {
            return Err(NodeError::permanent("the line went dead"));
        }
        Ok(price)
    });
    Ok(Desk::update().paid(paid.await?))
}

#[node]
fn mend(_: &Desk, failure: Failure) -> DeskUpdate {
    Desk::update().log([format!("{}: {}", failure.node, failure.message)])
}

#[node]
fn sort(state: &Desk) -> DeskUpdate {
    Desk::update().log([format!("sorted {}", state.log.len())])
}

#[node]
fn reply(state: &Desk) -> DeskUpdate {
    Desk::update().log([format!("replied after {}", state.log.len())])
}

#[node]
fn close(state: &Desk) -> DeskUpdate {
    Desk::update().log([format!("closed after {}", state.log.len())])
}

#[graph(
    state = Desk,
    start -> plan,
    plan -> match {
        Plan::Read(words) => [each read(words) else sort, check, defer close],
        Plan::Pay(price) => pay(price),
        Plan::Reply => reply,
    },
    read -> sort,
    read on error -> mend,
    mend -> end,
    [sort, check] -> reply,
    pay -> reply,
    reply -> end,
    close -> end,
)]
#[derive(Clone, Debug)]
struct Clerk {
    world: World,
}

fn engine(path: &Path, world: &World, max_steps: u64) -> Engine<Clerk> {
    let world = world.clone();
    let builder = Engine::builder(Clerk { world }).max_steps(max_steps);
    builder.store(sqlite_at(path)).build().unwrap()
}

fn asked(message: &str) -> Desk {
    Desk {
        message: message.to_owned(),
        ..Desk::default()
    }
}

/// The only question of a run that waits.
fn question(run: &Run<Desk>) -> &str {
    assert_eq!(run.status(), Status::Interrupted);
    &run.interrupts()[0].id
}

/// `GOLDEN=golden/v2.sqlite cargo test -p superstep-tests --test older_databases -- --ignored`,
/// once per schema, before it is released.
#[tokio::test]
#[ignore = "writes a file that is kept in the repository"]
async fn write_the_golden_database() {
    let path = PathBuf::from(std::env::var("GOLDEN").unwrap());
    let (well, broken) = (World::default(), World::broken());
    let desk = engine(&path, &well, 100);
    let sick = engine(&path, &broken, 100);

    let run = desk.run("mended", asked("read a slip lost")).await.unwrap();
    assert_eq!(run.status(), Status::Completed);

    let error = sick
        .run("failed", asked("read a lost b"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NodeFailed { step: 2, .. }),
        "{error}"
    );

    for id in ["asking", "answered", "settled", "undone"] {
        let run = sick.run(id, asked("pay 7")).await.unwrap();
        let outcome = match id {
            "asking" => continue,
            "undone" => Outcome::DidNotHappen,
            _ => Outcome::Happened(5_u64),
        };
        sick.answer(id, question(&run), outcome).await.unwrap();
    }
    let run = desk.resume("settled").await.unwrap();
    assert_eq!((run.status(), run.state().paid), (Status::Completed, 5));

    desk.run("chat", asked("hello")).await.unwrap();
    for (token, message) in [
        ("one", "read a b"),
        ("two", "pay 3"),
        ("three", "read lost slip"),
    ] {
        let turn = desk.turn("chat", Desk::update().message(message));
        turn.token(token).await.unwrap();
    }
    desk.label("chat", 3, "first turn").await.unwrap();
    let edit = |state: &mut Desk| state.message = "read b".into();
    desk.fork("chat", 3, "fork", edit).await.unwrap();
    desk.resume("fork").await.unwrap();

    // Joins wait, one node is deferred, inputs are in the frontier.
    for (id, steps) in [("inputs", 1), ("joining", 2)] {
        let halting = engine(&path, &well, steps);
        let error = halting.run(id, asked("read a lost")).await.unwrap_err();
        assert!(matches!(error, Error::MaxStepsExceeded { .. }), "{error}");
    }
    desk.update("joining", Desk::update().log(["corrected"]))
        .await
        .unwrap();
}

/// A copy of the golden database, opened by today's program in a world that
/// was never asked anything.
fn opened(name: &str) -> (TempDir, Engine<Clerk>, World) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    fs::copy(golden.join(name), &path).unwrap();
    let world = World::default();
    let engine = engine(&path, &world, 100);
    (folder, engine, world)
}

const GOLDEN: [&str; 4] = ["v2.sqlite", "v3.sqlite", "v4.sqlite", "v5.sqlite"];

/// All runs, and what became of them.
const RUNS: [(&str, Status); 10] = [
    ("answered", Status::Interrupted),
    ("asking", Status::Interrupted),
    ("chat", Status::Completed),
    ("failed", Status::Failed),
    ("fork", Status::Completed),
    ("inputs", Status::Failed),
    ("joining", Status::Failed),
    ("mended", Status::Completed),
    ("settled", Status::Completed),
    ("undone", Status::Interrupted),
];

#[tokio::test]
async fn every_run_is_there_and_replays() {
    for name in GOLDEN {
        let (_folder, engine, world) = opened(name);
        for (id, status) in RUNS {
            let run = engine.get(id).await.unwrap();
            assert_eq!(run.status(), status, "{id} of {name}");
            let replayed = engine.replay(id).await.unwrap();
            assert_eq!(replayed.fingerprint(), run.fingerprint());
            assert_eq!(replayed.state(), run.state());
        }
        let chat = engine.get("chat").await.unwrap();
        assert_eq!(chat.state().paid, 3);
        let history = engine.history("chat").await.unwrap();
        let turns = history.iter().filter(|step| step.kind == StepKind::Turn);
        assert_eq!(turns.count(), 3);
        assert_eq!(world.calls.lines(), [""; 0], "all of it was on record");
    }
}

/// A repeated token gives its turn, a new one begins another.
#[tokio::test]
async fn turns_go_on_and_their_tokens_are_known() {
    for name in GOLDEN {
        let (_folder, engine, world) = opened(name);
        let before = engine.get("chat").await.unwrap();
        let say = |message: &str| engine.turn("chat", Desk::update().message(message));
        let history = engine.history("chat").await.unwrap();
        for (turn, token) in (1..).zip(["one", "two", "three"]) {
            let again = say("read never").token(token).await.unwrap();
            assert_eq!((again.turn(), again.token()), (turn, Some(token)));
            let of_turn = history.iter().rfind(|step| step.turn == turn);
            assert_eq!(again.fingerprint(), of_turn.map(|step| step.chain));
        }
        assert_eq!(world.calls.lines(), [""; 0]);
        let run = say("read c").token("four").await.unwrap();
        assert!(run.steps() > before.steps());
        let mut called = world.calls.lines();
        called.sort();
        assert_eq!(called, ["fetch c", "probe desk"]);
        engine.replay("chat").await.unwrap();
    }
}

#[tokio::test]
async fn what_was_open_goes_on_and_calls_nothing_twice() {
    for name in GOLDEN {
        for (id, calls, paid) in [
            ("failed", &[][..], 0),
            ("answered", &[], 5),
            ("undone", &["charge 7"], 7),
            ("inputs", &["fetch a", "fetch lost", "probe desk"], 0),
            ("joining", &[], 0),
        ] {
            let (_folder, engine, world) = opened(name);
            let run = engine.resume(id).await.unwrap();
            assert_eq!(
                (run.status(), run.state().paid),
                (Status::Completed, paid),
                "{id}"
            );
            let mut called = world.calls.lines();
            called.sort();
            assert_eq!(called, calls, "{id}");
            let replayed = engine.replay(id).await.unwrap();
            assert_eq!(replayed.fingerprint(), run.fingerprint());
        }
    }
}

#[tokio::test]
async fn an_open_question_is_answered_and_an_answered_one_is_not() {
    for name in GOLDEN {
        let (_folder, engine, world) = opened(name);
        let run = engine.resume("asking").await.unwrap();
        let id = question(&run).to_owned();
        engine
            .answer("asking", &id, Outcome::Happened(9_u64))
            .await
            .unwrap();
        let again = engine.answer("asking", &id, Outcome::Happened(8_u64)).await;
        assert!(
            matches!(again, Err(Error::AlreadyAnswered { .. })),
            "{again:?}"
        );
        let run = engine.resume("asking").await.unwrap();
        assert_eq!((run.status(), run.state().paid), (Status::Completed, 9));
        engine.replay("asking").await.unwrap();
        assert_eq!(world.calls.lines(), [""; 0]);
    }
}

/// Failures say which item and input it was since schema 5; those that were written without it stay
/// as they are, and what was open goes on with them.
#[tokio::test]
async fn failures_that_do_not_say_which_stand() {
    for name in GOLDEN {
        let (_folder, engine, _) = opened(name);
        engine.resume("failed").await.unwrap();
        engine.resume("inputs").await.unwrap();
        let says = name == "v5.sqlite";
        for (id, item, says) in [
            ("mended", 2, says),
            ("failed", 1, says),
            ("inputs", 1, true),
        ] {
            let history = engine.history(id).await.unwrap();
            let tasks = history.iter().flat_map(|step| &step.tasks);
            let failures: Vec<_> = tasks.filter_map(|task| task.failed.as_ref()).collect();
            assert_eq!(failures.len(), 1, "{id} of {name}");
            let expected = says.then_some((item, r#""lost""#));
            let told = failures[0].item.zip(failures[0].input.as_deref());
            assert_eq!(told, expected, "{id} of {name}");
            engine.replay(id).await.unwrap();
        }
    }
}

/// A run that failed then takes a turn now, which drops the step that was open.
#[tokio::test]
async fn what_failed_takes_a_turn() {
    for name in GOLDEN {
        for (id, dropped) in [("failed", 9), ("inputs", 0), ("joining", 0)] {
            let (_folder, engine, world) = opened(name);
            let say = Desk::update().message("hello");
            let run = engine.turn(id, say).await.unwrap();
            assert_eq!(run.status(), Status::Completed);
            assert_eq!(world.calls.lines(), [""; 0]);
            let history = engine.history(id).await.unwrap();
            let of_turn = history.iter().find(|step| step.kind == StepKind::Turn);
            assert_eq!(of_turn.unwrap().dropped.len(), dropped, "{id}");
            engine.replay(id).await.unwrap();
        }
        let (_folder, engine, _) = opened(name);
        let say = Desk::update().message("hello");
        let error = engine.turn("asking", say).await.unwrap_err();
        assert!(matches!(error, Error::RunNotFinished { .. }), "{error}");
    }
}

/// From every committed step a fork continues as its origin did.
#[tokio::test]
async fn every_step_can_be_forked() {
    for name in GOLDEN {
        let (_folder, engine, _) = opened(name);
        for (id, _) in RUNS {
            let last = engine.get(id).await.unwrap();
            let done = last.status() == Status::Completed;
            for step in 0..=last.steps() {
                let fork = format!("{id} from {step}");
                engine.fork(id, step, &fork, |_| {}).await.unwrap();
                let state = engine.state_at(id, step).await.unwrap();
                assert_eq!(engine.get(&fork).await.unwrap().state(), &state);
                let run = engine.resume(&fork).await.unwrap();
                assert_eq!(run.status(), Status::Completed, "{fork}");
                engine.replay(&fork).await.unwrap();
                if done && step == last.steps() {
                    assert_eq!(run.state(), last.state());
                }
            }
        }
    }
}

/// The file has what the tests of later schemas look for.
#[tokio::test]
async fn the_golden_database_has_one_of_everything() {
    for name in GOLDEN {
        let (folder, engine, _) = opened(name);
        engine.get("chat").await.unwrap();
        let store = sqlite_at(&folder.path().join("runs.db"));
        let mut kinds = Vec::new();
        for (id, _) in RUNS {
            let effects = store.all_effects(id, 0, 1_000).await.unwrap();
            kinds.extend(effects.into_iter().map(|effect| effect.kind));
        }
        for kind in [EffectKind::Done, EffectKind::Intent, EffectKind::Answered] {
            assert!(kinds.contains(&kind), "{kind:?}");
        }
        let failed = store.load("failed").await.unwrap().unwrap();
        assert_eq!(failed.pending.len(), 3, "its siblings' results are kept");
        assert!(failed.head.error.unwrap().contains("the desk is broken"));
        let chat = store.head("chat").await.unwrap().unwrap();
        assert_eq!((chat.turn, chat.token.as_deref()), (3, Some("three")));
        let fork = store.head("fork").await.unwrap().unwrap();
        assert_eq!(fork.origin.unwrap().run, "chat");
        assert_eq!(Clerk::INFO.name, chat.graph);
    }
}

/// What schema 6 added is taken away.
const TO_SCHEMA_5: &str = "
    DROP VIEW journal;
    DROP VIEW stuck;
    CREATE VIEW journal AS SELECT 1;
    CREATE VIEW stuck AS SELECT 1;
    DROP INDEX runs_by_wakes;
    ALTER TABLE runs DROP COLUMN wakes;
    ALTER TABLE runs RENAME COLUMN lapses TO expires;
    ALTER TABLE questions DROP COLUMN due;
    ALTER TABLE questions DROP COLUMN fallback;
    ALTER TABLE questions DROP COLUMN reason;
    ALTER TABLE questions DROP COLUMN answered_by;
    CREATE TABLE effects_before (
        place    INTEGER NOT NULL,
        run      INTEGER AS (place >> 32),
        step     INTEGER AS (place & 4294967295),
        task     BLOB NOT NULL,
        name     TEXT NOT NULL,
        n        INTEGER NOT NULL,
        kind     TEXT NOT NULL,
        call     INTEGER,
        attempt  INTEGER NOT NULL,
        request  BLOB NOT NULL,
        excerpt  TEXT NOT NULL,
        response TEXT,
        error    TEXT,
        recorded INTEGER NOT NULL,
        PRIMARY KEY (place, task, name, n)
    ) WITHOUT ROWID;
    INSERT INTO effects_before
        SELECT place, task, name, n, kind, call, attempt, request, excerpt, response, error, recorded
        FROM effects;
    DROP TABLE effects;
    ALTER TABLE effects_before RENAME TO effects;
    DROP TABLE waits;
    DROP TABLE signals;
    CREATE TABLE timers (run INTEGER NOT NULL);
";

/// What schema 5 added is taken away: such a file knows the steps of turns only by the turns'
/// tokens.
const TO_SCHEMA_4: &str = "
    CREATE TABLE turn_tokens (
        run   INTEGER NOT NULL,
        token TEXT NOT NULL,
        turn  INTEGER NOT NULL,
        step  INTEGER NOT NULL,
        PRIMARY KEY (run, token)
    ) WITHOUT ROWID;
    INSERT INTO turn_tokens (run, token, turn, step)
        SELECT run, token, turn, step FROM turns WHERE token IS NOT NULL;
    DROP INDEX turns_by_token;
    DROP TABLE turns;
    DROP TABLE graph_changes;
    ALTER TABLE runs DROP COLUMN changed;
    ALTER TABLE runs DROP COLUMN changed_to;
    ALTER TABLE runs DROP COLUMN changed_version;
    ALTER TABLE steps DROP COLUMN graph;
    PRAGMA user_version = 4;
";

/// The turns of a run that are on record, and what is told of those with a token.
async fn told(path: &Path, id: &str) -> (Vec<TurnRecord>, Vec<String>) {
    let engine = engine(path, &World::default(), 100);
    let turns = sqlite_at(path).all_turns(id).await.unwrap();
    let mut results = Vec::new();
    for token in turns.iter().filter_map(|turn| turn.token.as_deref()) {
        let told = engine.turn_result(id, token).await;
        let told = told.map(|run| (run.turn(), run.steps(), run.fingerprint()));
        results.push(format!("{token} {:?}", told.map_err(|error| error.code())));
    }
    (turns, results)
}

/// With turns that had no token, some pruned, and some kept because a fork stands on them.
#[tokio::test]
async fn turns_beside_pruned_ones_are_told_as_before() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let desk = engine(&path, &World::default(), 100);
    let turns = async |id: &str, tokens: &[Option<&str>]| {
        for token in tokens {
            let say = desk.turn(id, Desk::update().message("hello"));
            match token {
                Some(token) => say.token(*token).await.unwrap(),
                None => say.await.unwrap(),
            };
        }
    };
    for id in ["chat", "long"] {
        desk.run(id, asked("hello")).await.unwrap();
    }
    turns("chat", &[Some("one"), None]).await;
    turns("long", &[None, Some("one"), None]).await;
    for fork in ["quiet", "loud"] {
        desk.fork("long", At::Last, fork, |_| {}).await.unwrap();
        desk.resume(fork).await.unwrap();
    }
    turns("loud", &[Some("one"), None, None]).await;
    turns("long", &[None, Some("two"), None, None]).await;
    let runs = ["chat", "long", "quiet", "loud"];
    for id in runs {
        desk.snapshot(id).await.unwrap();
    }
    assert_eq!(desk.prune(Prune::history()).await.unwrap().runs, 3);
    drop(desk);

    let mut before = Vec::new();
    for id in runs {
        before.push(told(&path, id).await);
    }
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(TO_SCHEMA_5).unwrap();
    conn.execute_batch(TO_SCHEMA_4).unwrap();
    drop(conn);
    for (id, (turns, results)) in runs.into_iter().zip(before) {
        let (now, told) = told(&path, id).await;
        assert_eq!(told, results, "{id}");
        // Nobody knows of those that are gone and had no token.
        let steps = sqlite_at(&path).all_steps(id, 0, 1_000).await.unwrap();
        let is_there = |step| steps.iter().any(|record| record.step == step);
        let last = turns.last().map(|turn| turn.step);
        let mut known = turns;
        known.retain(|turn| turn.token.is_some() || is_there(turn.step) || Some(turn.step) == last);
        assert_eq!(now, known, "{id}");
    }
}
