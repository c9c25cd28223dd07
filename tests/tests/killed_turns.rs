//! Rivals that are stopped, continued and killed at any moment of turns,
//! corrections, effects and failures still write one conversation, each turn
//! once; what one of them saw of an effect is what all of them see.
#![cfg(all(feature = "sqlite", unix))]

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use superstep::ok;
use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep_tests::{Dice, Journal, child, child_folder, scale, sqlite_at, trace};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Chat {
    message: u64,
    #[reduce(append)]
    log: Vec<String>,
    #[reduce(sum)]
    mended: u64,
}

#[derive(Clone, Debug)]
struct World {
    dice: Dice,
    journal: Journal,
}

#[node]
async fn part(state: &Chat, n: u64, world: &World, cx: &Cx) -> Result<ChatUpdate, NodeError> {
    world.dice.dawdle().await;
    // A different number at every call.
    let draw = cx.effect("draw", &n).run(|| async {
        world.dice.dawdle().await;
        ok(world.dice.below(u64::MAX))
    });
    let drawn = draw.await?;
    let (message, key) = (state.message, cx.order_key());
    world.journal.note(format_args!("{key} {drawn}"));
    if world.dice.below(8) == 0 {
        return Err(NodeError::permanent("bad luck"));
    }
    Ok(Chat::update().log([format!("{message}.{n}")]))
}

#[node]
fn close(state: &Chat) -> ChatUpdate {
    Chat::update().log([format!("{} closed", state.message)])
}

#[graph(state = Chat, start -> each part(0..4) else end, part -> close -> end)]
struct Chatting {
    world: World,
}

fn engine(store: &Arc<dyn Store>, world: World) -> Engine<Chatting> {
    Engine::builder(Chatting { world })
        .store(Arc::clone(store))
        .lease(Duration::from_secs(1))
        .build()
        .expect("the settings make sense")
}

fn turns() -> u64 {
    scale("SUPERSTEP_TURNS", 40)
}

/// Takes every turn, whoever else does so too.
async fn converse(engine: &Engine<Chatting>) {
    while engine.run("chat", Chat::default()).await.is_err() {
        mend(engine).await;
    }
    for turn in 1..=turns() {
        let say = || Chat::update().message(turn);
        let token = format!("turn {turn}");
        while let Err(error) = engine.turn("chat", say()).token(&token).await {
            match error {
                Error::NodeFailed { .. } | Error::RunNotFinished { .. } => mend(engine).await,
                Error::LeaseHeld { .. }
                | Error::LeaseLost { .. }
                | Error::IdempotencyViolation { .. }
                | Error::Store { .. } => tokio::time::sleep(Duration::from_millis(1)).await,
                error => panic!("{error}"),
            }
        }
    }
}

/// What an operator does, unless somebody else is doing it.
async fn mend(engine: &Engine<Chatting>) {
    let _ = engine.get("chat").await;
    let _ = engine.update("chat", Chat::update().mended(1)).await;
    let _ = engine.resume("chat").await;
}

#[test]
fn a_rival() {
    let Some(folder) = child_folder() else { return };
    let world = World {
        dice: Dice::from_env(),
        journal: Journal::in_file(&folder.join("journal")),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = sqlite_at(&folder.join("runs.db"));
        converse(&engine(&store, world)).await;
    });
}

fn signal(child: &Child, signal: &str) {
    let mut kill = Command::new("kill");
    let _ = kill.args([signal, &child.id().to_string()]).status();
}

#[test]
fn rivals_that_are_stopped_and_killed_take_each_turn_once() {
    let folder = tempfile::tempdir().unwrap();
    let dice = Dice::from_env();
    let rival = || child("a_rival", folder.path()).spawn().unwrap();
    let mut rivals = [rival(), rival()];
    let mut done = 0;
    while done < rivals.len() {
        std::thread::sleep(Duration::from_millis(dice.below(60)));
        let one = &mut rivals[dice.below(2) as usize];
        match dice.below(6) {
            0 => {
                signal(one, "-STOP");
                let long = dice.below(8) == 0;
                std::thread::sleep(Duration::from_millis(if long { 1_500 } else { 50 }));
                signal(one, "-CONT");
            }
            1 => {
                one.kill().unwrap();
                one.wait().unwrap();
                *one = rival();
            }
            _ => {}
        }
        let ended = rivals.iter_mut().map(|rival| rival.try_wait().unwrap());
        let ended: Vec<_> = ended.flatten().collect();
        assert!(ended.iter().all(|status| status.success()), "{ended:?}");
        done = ended.len();
    }

    let text = std::fs::read_to_string(folder.path().join("journal")).unwrap();
    let mut drawn = BTreeMap::new();
    for line in text.lines() {
        let (task, number) = line.split_once(' ').unwrap();
        let known = drawn.entry(task).or_insert(number);
        assert_eq!(*known, number, "task {task} saw two responses");
    }
    assert_eq!(drawn.len() as u64, 4 * (turns() + 1));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = sqlite_at(&folder.path().join("runs.db"));
        let world = World {
            dice,
            journal: Journal::new(),
        };
        let one = engine(&store, world);
        let run = one.get("chat").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        let expected = (0..=turns()).flat_map(|turn| {
            let parts = (0..4).map(move |n| format!("{turn}.{n}"));
            parts.chain([format!("{turn} closed")])
        });
        assert_eq!(run.state().log, expected.collect::<Vec<_>>());
        let history = trace(&one, "chat").await.unwrap().history;
        assert_eq!(history.len() as u64, 1 + run.steps());
        assert_eq!(
            run.steps(),
            turns() + 2 * (turns() + 1) + run.state().mended
        );
        assert_eq!(store.all_stuck().await.unwrap(), [""; 0]);
    });
}
