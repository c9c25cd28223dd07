//! A run that failed, or reached its limit, takes a further turn, which drops the
//! step that was open. What that step had on record stays readable, but nothing
//! uses it; an effect of which nobody knows whether it happened is
//! asked about first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{EffectKind, Prune, StepKind, StoreExt};
use superstep::{Outcome, diff, ok};
use superstep_tests::{Journal, Moment, Place, only_nth, poll_times, stores};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Chat {
    #[reduce(append)]
    messages: Vec<String>,
    #[reduce(sum)]
    paid: u64,
}

#[derive(Clone, Debug, Default)]
struct World {
    calls: Journal,
    /// Nobody knows whether a payment to it was made.
    silent: Arc<AtomicBool>,
}

#[derive(Route)]
enum Next {
    Tools(Vec<String>),
    Again,
    Answer,
}

fn last(chat: &Chat) -> &str {
    let mut said = chat.messages.iter().rev();
    said.find_map(|line| line.strip_prefix("user: "))
        .unwrap_or_default()
}

/// Calls the tools that the last message names: `loop` for ever, `forbidden` never.
#[node]
async fn think(chat: &Chat, world: &World, cx: &Cx) -> Result<(ChatUpdate, Next), NodeError> {
    let message = last(chat);
    let asked = cx.effect("model", message).run(|| async {
        world.calls.note(format_args!("model {message}"));
        ok(message.to_owned())
    });
    match asked.await?.as_str() {
        "loop" => Ok((Chat::update().messages(["tool"]), Next::Again)),
        "forbidden" => Err(NodeError::permanent("400: content policy")),
        _ if chat
            .messages
            .last()
            .is_some_and(|line| !line.starts_with("user")) =>
        {
            Ok((Chat::update(), Next::Answer))
        }
        message => match message.strip_prefix("call ") {
            Some(tools) => {
                let tools = tools.split(' ').map(str::to_owned).collect();
                Ok((Chat::update(), Next::Tools(tools)))
            }
            None => Ok((Chat::update(), Next::Answer)),
        },
    }
}

/// `broken` fails, `pay` pays, which nobody knows of if the world is silent.
#[node]
async fn tool(_: &Chat, name: String, world: &World, cx: &Cx) -> Result<ChatUpdate, NodeError> {
    let _ = cx.now();
    if name == "pay" {
        let paid = cx.effect("pay", &7).at_most_once().run(|| async {
            world.calls.note("pay");
            if world.silent.load(Ordering::Relaxed) {
                return Err(NodeError::permanent("the line went dead"));
            }
            Ok(7)
        });
        return Ok(Chat::update().paid(paid.await?));
    }
    let looked = cx.effect("look", &name).run(|| async {
        world.calls.note(format_args!("look {name}"));
        ok(name.clone())
    });
    let looked = looked.await?;
    if looked == "broken" {
        return Err(NodeError::permanent("it is broken"));
    }
    Ok(Chat::update().messages([format!("tool: {looked}")]))
}

#[node]
fn aside(_: &Chat) {}

#[node]
fn gather(_: &Chat) {}

#[node]
fn report(chat: &Chat) -> ChatUpdate {
    Chat::update().messages([format!("agent: {} lines", chat.messages.len())])
}

// Joins wait and a node is deferred while the tools are called.
#[graph(
    state = Chat,
    max_steps = 8,
    start -> think,
    think -> match {
        Next::Tools(names) => [each tool(names) else gather, aside, defer report],
        Next::Again => think,
        Next::Answer => report,
    },
    tool -> gather,
    [gather, aside] -> think,
    report -> end,
)]
#[derive(Clone, Debug)]
struct Agent {
    world: World,
}

fn engine(place: &Place, world: &World) -> Engine<Agent> {
    let world = world.clone();
    let builder = Engine::builder(Agent { world });
    builder.store(place.store.clone()).build().unwrap()
}

fn says(message: &str) -> ChatUpdate {
    Chat::update().messages([format!("user: {message}")])
}

fn hello() -> Chat {
    Chat {
        messages: vec!["user: hello".into()],
        ..Chat::default()
    }
}

/// Messages after which no turn ends well.
const BAD: [&str; 4] = ["loop", "forbidden", "call a broken b", "call broken"];

#[tokio::test]
async fn the_next_message_is_always_possible() {
    for place in stores() {
        for bad in BAD {
            // In one process, and in a new one for each call.
            for restarts in [false, true] {
                let world = World::default();
                let one = engine(&place, &world);
                let engine = || match restarts {
                    true => engine(&place, &world),
                    false => one.clone(),
                };
                let id = format!("{bad} {restarts}");
                let turn = |message, token| engine().turn(&id, says(message)).token(token);
                engine().run(&id, hello()).await.unwrap();
                for round in 0..3 {
                    let token = format!("bad {round}");
                    let before = engine().get(&id).await.unwrap().steps();
                    let error = turn(bad, token.clone()).await.unwrap_err();
                    let failed = matches!(
                        error,
                        Error::MaxStepsExceeded { .. } | Error::NodeFailed { .. }
                    );
                    assert!(failed, "{error}");
                    // The same message again continues the turn that failed.
                    turn("something else", token).await.unwrap_err();
                    let run = engine().get(&id).await.unwrap();
                    assert_eq!(run.status(), Status::Failed);
                    assert!(run.steps() > before);
                    assert_eq!(last(run.state()), bad);
                }
                let run = turn("sorry", "next".into()).await.unwrap();
                assert_eq!(run.status(), Status::Completed);
                let last = run.state().messages.last().unwrap();
                assert!(last.starts_with("agent: "), "{last}");
                let again = turn("sorry", "next".into()).await.unwrap();
                assert_eq!(again.fingerprint(), run.fingerprint());

                let calls = world.calls.lines().len();
                let replayed = engine().replay(&id).await.unwrap();
                assert_eq!(replayed.fingerprint(), run.fingerprint());
                assert_eq!(replayed.state(), run.state());
                assert_eq!(world.calls.lines().len(), calls);
            }
        }
    }
}

/// Effects of the open step of run `id` that a turn dropped, by name.
async fn dropped(engine: &Engine<Agent>, id: &str) -> Vec<(u64, String, EffectKind)> {
    let history = engine.history(id).await.unwrap();
    for step in &history {
        assert!(step.dropped.is_empty() || step.kind == StepKind::Turn);
    }
    let dropped = history.into_iter().flat_map(|step| step.dropped);
    dropped
        .map(|effect| (effect.step, effect.name, effect.kind))
        .collect()
}

#[tokio::test]
async fn what_the_dropped_step_had_on_record_stays_readable_and_is_nobodys() {
    for place in stores() {
        for snapshots in [1, 100] {
            let world = World::default();
            let builder = Engine::builder(Agent {
                world: world.clone(),
            });
            let builder = builder.snapshot_every(snapshots);
            let engine = builder.store(place.store.clone()).build().unwrap();
            let id = format!("run {snapshots}");
            engine.run(&id, hello()).await.unwrap();
            let call = says("call a broken b");
            engine.turn(&id, call).await.unwrap_err();
            let failed = engine.get(&id).await.unwrap();
            let loaded = place.store.load(&id).await.unwrap().unwrap();
            assert_eq!(loaded.pending.len(), 3, "results are kept");
            let on_record = loaded.effects.len();
            assert_eq!(on_record, 6, "three clocks, three looks");
            assert_eq!(dropped(&engine, &id).await, []);

            let calls = world.calls.lines().len();
            let run = engine.turn(&id, says("call a c")).await.unwrap();
            assert_eq!(run.status(), Status::Completed);
            // `a` was looked up once more: it belongs to another message.
            let calls = world.calls.lines().split_off(calls);
            assert_eq!(
                calls.iter().filter(|call| *call == "look a").count(),
                1,
                "{calls:?}"
            );
            let at = failed.steps() + 1;
            let gone = dropped(&engine, &id).await;
            assert_eq!(gone.len(), on_record);
            assert!(gone.iter().all(|(step, ..)| *step == at), "{gone:?}");
            let looks = gone.iter().filter(|(_, name, _)| name == "look");
            assert_eq!(looks.count(), 3);
            let loaded = place.store.load(&id).await.unwrap().unwrap();
            assert!(loaded.pending.is_empty() && loaded.effects.is_empty());

            // Before, at and after the turn: past, forks, replays.
            for step in 0..=run.steps() {
                engine.state_at(&id, step).await.unwrap();
                let fork = format!("{id} from {step}");
                engine.fork(&id, step, &fork, |_| {}).await.unwrap();
                let end = engine.resume(&fork).await;
                let is_dropped = (at - 2..at).contains(&step);
                assert_eq!(end.is_err(), is_dropped, "{fork}: {end:?}");
                engine.replay(&fork).await.unwrap();
                if is_dropped {
                    engine.turn(&fork, says("sorry")).await.unwrap();
                    engine.replay(&fork).await.unwrap();
                    let parting = diff((&place.store, &*id), (&place.store, &*fork));
                    assert!(parting.await.unwrap().unwrap().step() > step);
                }
            }
            let report = superstep::testing::replay_all(
                Agent {
                    world: world.clone(),
                },
                &*place.store,
            );
            assert_eq!(report.with_ended().await.unwrap().broken.len(), 0);
        }
    }
}

/// The records of the dropped step are covered by a hash, as all effects are.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_was_dropped_cannot_be_altered_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let graph = || Agent {
        world: World::default(),
    };
    let open = || {
        let builder = Engine::builder(graph()).store(superstep_tests::sqlite_at(&path));
        builder.build().unwrap()
    };
    let engine = open();
    engine.run("run", hello()).await.unwrap();
    engine.turn("run", says("forbidden")).await.unwrap_err();
    engine.turn("run", says("sorry")).await.unwrap();
    let history = engine.history("run").await.unwrap();
    let turn = history.iter().rfind(|step| step.kind == StepKind::Turn);
    let at = turn.unwrap().step;
    drop(engine);

    let database = rusqlite::Connection::open(&path).unwrap();
    let marked: Vec<i64> = database
        .prepare("SELECT step FROM journal WHERE dropped")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(marked, [at as i64], "people see it in the file, too");
    let sql = format!("UPDATE effects SET response = '\"hacked\"' WHERE step = {at}");
    assert_eq!(database.execute(&sql, []).unwrap(), 1);
    drop(database);
    let engine = open();
    for error in [
        engine.replay("run").await.unwrap_err(),
        engine.history("run").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains(&format!("step {at}")), "{error}");
    }
    // What nothing uses does not keep anybody from continuing.
    engine.turn("run", says("hello")).await.unwrap();
}

#[tokio::test]
async fn it_can_be_pruned() {
    for place in stores() {
        let engine = engine(&place, &World::default());
        engine.run("run", hello()).await.unwrap();
        for bad in BAD {
            engine.turn("run", says(bad)).await.unwrap_err();
        }
        let run = engine.turn("run", says("sorry")).await.unwrap();
        engine.snapshot("run").await.unwrap();
        assert!(engine.prune(Prune::history()).await.unwrap().steps > 0);
        let head = place.store.head("run").await.unwrap().unwrap();
        let effects = place.store.all_effects("run", 0, head.step).await.unwrap();
        assert!(effects.iter().all(|effect| effect.step >= head.pruned));
        assert_eq!(engine.get("run").await.unwrap().state(), run.state());
        engine.turn("run", says("forbidden")).await.unwrap_err();
        engine.turn("run", says("sorry")).await.unwrap();
        engine.history("run").await.unwrap();
        assert_eq!(engine.prune(Prune::runs()).await.unwrap().runs, 1);
    }
}

fn refused(error: Error) -> Status {
    match error {
        Error::RunNotFinished { run, status, asks } => {
            assert_eq!((run.as_str(), asks), ("run", true));
            status
        }
        other => panic!("{other}"),
    }
}

/// The other side may have been paid: that is asked before anything is dropped.
#[tokio::test]
async fn an_effect_of_unknown_outcome_is_asked_for_first() {
    for place in stores() {
        for (outcome, kind) in [
            (Outcome::Happened(7_u64), EffectKind::Answered),
            (Outcome::DidNotHappen, EffectKind::Failed),
        ] {
            let world = World::default();
            world.silent.store(true, Ordering::Relaxed);
            let engine = engine(&place, &world);
            engine.run("run", hello()).await.unwrap();
            let error = engine.turn("run", says("call pay broken")).await;
            assert!(matches!(error, Err(Error::NodeFailed { .. })), "{error:?}");
            for _ in 0..2 {
                let error = engine.turn("run", says("sorry")).await.unwrap_err();
                assert!(error.to_string().contains("answer"), "{error}");
                assert_eq!(refused(error), Status::Failed);
                let run = engine.get("run").await.unwrap();
                let [question] = run.interrupts() else {
                    panic!("{:?}", run.interrupts())
                };
                assert_eq!((&*question.name, &*question.node), ("pay", "tool"));
                let head = place.store.head("run").await.unwrap().unwrap();
                assert!(head.error.unwrap().contains("it is broken"));
                assert_eq!(head.lease, None);
            }
            let run = engine.get("run").await.unwrap();
            let question = &run.interrupts()[0].id;
            engine.answer("run", question, outcome).await.unwrap();
            assert_eq!(engine.get("run").await.unwrap().status(), Status::Failed);
            let run = engine.turn("run", says("sorry")).await.unwrap();
            assert_eq!((run.status(), run.state().paid), (Status::Completed, 0));
            let pays = world.calls.lines();
            assert_eq!(pays.iter().filter(|call| *call == "pay").count(), 1);
            let dropped = dropped(&engine, "run").await;
            let pay = dropped.iter().find(|(_, name, _)| name == "pay");
            assert_eq!(pay.unwrap().2, kind);
            engine.replay("run").await.unwrap();
            engine.prune(Prune::runs()).await.unwrap();
        }
    }
}

/// Stays in its payment for ever.
#[node]
async fn stay(_: &Chat, cx: &Cx, world: &World) -> Result<ChatUpdate, NodeError> {
    let pay = cx.effect("pay", &7).at_most_once().run(|| async {
        world.calls.note("pay");
        std::future::pending::<()>().await;
        ok(7)
    });
    Ok(Chat::update().paid(pay.await?))
}

#[graph(state = Chat, start -> stay -> end)]
struct Staying {
    world: World,
}

/// A run that failed while nobody had asked yet: the turn asks.
#[tokio::test]
async fn the_turn_asks_if_nobody_has() {
    for place in stores() {
        let world = World::default();
        let graph = Staying {
            world: world.clone(),
        };
        let builder = Engine::builder(graph).run_budget(Duration::from_millis(100));
        let engine = builder.store(place.store.clone()).build().unwrap();
        let error = engine.run("run", hello()).await.unwrap_err();
        assert!(matches!(error, Error::BudgetExceeded { .. }), "{error}");
        let run = engine.get("run").await.unwrap();
        assert_eq!(run.interrupts(), [], "it was cut off");
        for _ in 0..2 {
            let error = engine.turn("run", says("next")).await.unwrap_err();
            assert_eq!(refused(error), Status::Failed);
        }
        let run = engine.get("run").await.unwrap();
        assert_eq!((run.status(), run.interrupts().len()), (Status::Failed, 1));
        let question = &run.interrupts()[0];
        let outcome = Outcome::Happened(7_u64);
        engine.answer("run", &question.id, outcome).await.unwrap();
        // The turn begins; its own payment is another one.
        let error = engine.turn("run", says("next")).await.unwrap_err();
        assert!(matches!(error, Error::BudgetExceeded { .. }), "{error}");
        assert_eq!(world.calls.lines(), ["pay", "pay"]);
        let steps = engine.history("run").await.unwrap();
        assert_eq!(steps[1].dropped[0].kind, EffectKind::Answered);
    }
}

/// An answer that came in time is an answer for `resume`, too.
#[tokio::test]
async fn a_resume_after_the_refusal_goes_on_as_before() {
    for place in stores() {
        let world = World::default();
        world.silent.store(true, Ordering::Relaxed);
        let engine = engine(&place, &world);
        engine.run("run", hello()).await.unwrap();
        engine.turn("run", says("call pay a")).await.unwrap();
        let run = engine.get("run").await.unwrap();
        assert_eq!(run.status(), Status::Interrupted);
        let error = engine.turn("run", says("sorry")).await.unwrap_err();
        assert_eq!(refused(error), Status::Interrupted);
        let question = &run.interrupts()[0].id;
        let outcome = Outcome::Happened(5_u64);
        engine.answer("run", question, outcome).await.unwrap();
        let run = engine.resume("run").await.unwrap();
        assert_eq!((run.status(), run.state().paid), (Status::Completed, 5));
    }
}

/// Whatever the store loses on the way, the same call again settles it.
#[tokio::test]
async fn a_turn_that_lost_an_answer_is_repeated() {
    for place in stores() {
        for call in ["acquire", "load", "commit"] {
            for moment in [Moment::Before, Moment::After] {
                let world = World::default();
                let id = format!("{call} {moment:?}");
                let well = engine(&place, &world);
                well.run(&id, hello()).await.unwrap();
                well.turn(&id, says("call a broken")).await.unwrap_err();
                let store = place.hooked(only_nth(1, moment, call));
                let builder = Engine::builder(Agent {
                    world: world.clone(),
                });
                let sick = builder.store(store).build().unwrap();
                let turn = |engine: &Engine<Agent>| engine.turn(&id, says("sorry")).token("next");
                let error = turn(&sick).await.unwrap_err();
                assert!(matches!(error, Error::Store { .. }), "{id}: {error}");
                let run = turn(&sick).await.unwrap();
                assert_eq!(run.status(), Status::Completed, "{id}");
                let turns = well.history(&id).await.unwrap();
                let turns = turns.iter().filter(|step| step.kind == StepKind::Turn);
                assert_eq!(turns.count(), 2, "{id}");
                well.replay(&id).await.unwrap();
            }
        }
    }
}

/// The call is dropped at its first wait, at its second, and so on, and is made again.
#[tokio::test]
async fn a_turn_dropped_at_any_wait_begins_once() {
    for place in stores() {
        let slow = place.hooked(|_, _| {
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        });
        for polls in 1.. {
            let world = World::default();
            let id = format!("run {polls}");
            let well = engine(&place, &world);
            well.run(&id, hello()).await.unwrap();
            well.turn(&id, says("call a broken b")).await.unwrap_err();
            let builder = Engine::builder(Agent {
                world: world.clone(),
            });
            let slow = builder.store(Arc::clone(&slow)).build().unwrap();
            let turn = |engine: &Engine<Agent>| engine.turn(&id, says("sorry")).token("next");
            let mut call = turn(&slow).into_future();
            let finished = poll_times(&mut call, polls).await;
            drop(call);
            // Another process would have to wait for a lease whose answer was lost.
            let run = turn(&slow).await.unwrap();
            assert_eq!(run.status(), Status::Completed, "after {polls} polls");
            let turns = well.history(&id).await.unwrap();
            let turns = turns.iter().filter(|step| step.kind == StepKind::Turn);
            assert_eq!(turns.count(), 2, "after {polls} polls");
            assert_eq!(dropped(&well, &id).await.len(), 6);
            well.replay(&id).await.unwrap();
            if finished.is_some() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_operators_update_after_the_limit_helps() {
    for place in stores() {
        let world = World::default();
        let looping = Chat {
            messages: vec!["user: loop".into()],
            ..Chat::default()
        };
        let error = engine(&place, &world).run("run", looping).await;
        assert!(
            matches!(error, Err(Error::MaxStepsExceeded { .. })),
            "{error:?}"
        );
        let update = says("stop");
        engine(&place, &world).update("run", update).await.unwrap();
        let run = engine(&place, &world).resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
    }
}
