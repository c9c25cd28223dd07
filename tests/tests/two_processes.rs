//! Two processes on one database never both advance a run.
#![cfg(feature = "sqlite")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::survey::{Survey, Surveyor, World};
use superstep_tests::{Dice, Journal, child, child_folder, sqlite_at, trace};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Word {
    said: String,
}

/// Says that it has begun, and continues when it reads a line.
#[node(blocking)]
fn wait(_: &Word) -> Result<WordUpdate, std::io::Error> {
    eprintln!("driving");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(Word::update().said(line.trim()))
}

#[graph(state = Word, start -> wait -> end)]
struct Waiting;

#[test]
fn the_driver() {
    let Some(folder) = child_folder() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = sqlite_at(&folder.join("runs.db"));
        let engine = Engine::builder(Waiting).store(store).build().unwrap();
        engine.run("run", Word::default()).await.unwrap();
    });
}

/// The process of [`the_driver`], when it drives.
fn driving(folder: &Path) -> Child {
    let mut driver = child("the_driver", folder)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(driver.stderr.as_mut().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == "driving"));
    driver
}

#[test]
fn a_run_that_another_process_drives_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut driver = driving(folder.path());

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = sqlite_at(&folder.path().join("runs.db"));
        let engine = Engine::builder(Waiting).store(store).build().unwrap();
        for result in [
            engine.resume("run").await,
            engine.run("run", Word::default()).await,
            engine.update("run", Word::update().said("no")).await,
        ] {
            let error = result.unwrap_err();
            let Error::LeaseHeld { owner, .. } = &error else {
                panic!("{error}")
            };
            assert!(owner.contains(&driver.id().to_string()), "{owner}");
        }
        driver.stdin.take().unwrap().write_all(b"go on\n").unwrap();
        assert!(driver.wait().unwrap().success());
        let run = engine.resume("run").await.unwrap();
        assert_eq!((run.state().said.as_str(), run.steps()), ("go on", 1));
    });
}

/// Whoever has another message is told to wait, or what to do once there is nothing to wait for.
#[test]
fn a_turn_knows_whether_the_process_that_drives_the_run_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut driver = driving(folder.path());

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = sqlite_at(&folder.path().join("runs.db"));
        let engine = Engine::builder(Waiting).store(store).build().unwrap();
        let message = || engine.turn("run", Word::update().said("hello"));
        let error = message().token("msg-2").await.unwrap_err();
        assert!(matches!(error, Error::LeaseHeld { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("`resume` takes the run over"), "{text}");
        driver.kill().unwrap();
        driver.wait().unwrap();
        for _ in 0..2 {
            let error = message().token("msg-2").await.unwrap_err();
            let Error::RunNotFinished { status, asks, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!((*status, *asks), (Status::Running, false));
            let text = error.to_string();
            assert!(text.contains("nobody drives it, so resume it"), "{text}");
        }
        assert_eq!(engine.get("run").await.unwrap().steps(), 0);
    });
}

const RUNS: u64 = 12;

#[test]
fn a_rival() {
    let Some(folder) = child_folder() else { return };
    let journal = Journal::in_file(&folder.join("journal"));
    let world = World {
        dice: Dice::from_env(),
        journal,
        calls: Journal::new(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = Engine::builder(Surveyor { world })
            .store(sqlite_at(&folder.join("runs.db")))
            .build()
            .unwrap();
        let rivals = (0..RUNS).map(|run| {
            let engine = engine.clone();
            tokio::spawn(async move {
                loop {
                    match engine.run(format!("run-{run}"), Survey::of(2, 3)).await {
                        Err(Error::LeaseHeld { .. }) => tokio::task::yield_now().await,
                        other => return other,
                    }
                }
            })
        });
        for rival in rivals.collect::<Vec<_>>() {
            rival.await.unwrap().unwrap();
        }
    });
}

#[test]
fn rivals_run_each_task_once() {
    let folder = tempfile::tempdir().unwrap();
    let rivals: Vec<_> = (0..3)
        .map(|_| child("a_rival", folder.path()).spawn().unwrap())
        .collect();
    for mut rival in rivals {
        assert!(rival.wait().unwrap().success());
    }

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let alone = Surveyor::new();
        let undisturbed = Engine::builder(alone.clone()).build().unwrap();
        let engine = Engine::builder(Surveyor::new())
            .store(sqlite_at(&folder.path().join("runs.db")))
            .build()
            .unwrap();
        for run in 0..RUNS {
            let id = format!("run-{run}");
            undisturbed.run(&id, Survey::of(2, 3)).await.unwrap();
            let expected = trace(&undisturbed, &id).await.unwrap();
            assert_eq!(trace(&engine, &id).await.unwrap(), expected);
        }
        let text = std::fs::read_to_string(folder.path().join("journal")).unwrap();
        let mut ran: Vec<&str> = text.lines().collect();
        ran.sort_unstable();
        let mut expected = alone.world.journal.lines();
        expected.sort();
        let tasks: BTreeSet<&str> = ran.iter().copied().collect();
        assert!(tasks.len() > RUNS as usize * 20);
        assert_eq!(ran, expected, "some task ran twice, or not at all");
    });
}
