//! A process killed at a random point loses no acknowledged commit and repeats
//! none; tasks of committed steps never run again; the next process takes over
//! at once.
//!
//! `SUPERSTEP_KILLS` sets how many processes are killed (50 unless given),
//! `SUPERSTEP_SEED` when.
#![cfg(all(unix, feature = "sqlite"))]

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use superstep::prelude::*;
use superstep_tests::survey::{Survey, Surveyor, World};
use superstep_tests::{
    Dice, Hooked, Journal, Moment, child, child_folder, scale, sqlite_at, trace, well,
};

const SIGKILL: i32 = 9;

fn input() -> Survey {
    Survey::of(6, 5)
}

/// Notes what ran before it runs, and each commit after it was acknowledged.
async fn survey(folder: &Path, id: &str) -> Result<Run<Survey>, Error> {
    let journal = Journal::in_file(&folder.join("journal"));
    let store = sqlite_at(&folder.join("runs.db"));
    let hooked = {
        let (journal, store, id) = (journal.clone(), Arc::clone(&store), id.to_owned());
        Hooked::new(Arc::clone(&store), move |moment, call| {
            if (moment, call) != (Moment::After, "commit") {
                return well();
            }
            let (journal, store, id) = (journal.clone(), Arc::clone(&store), id.clone());
            Box::pin(async move {
                if let Some(head) = store.head(&id).await? {
                    journal.note(format_args!("committed {id} {} {}", head.step, head.chain));
                }
                Ok(())
            })
        })
    };
    let world = World {
        dice: Dice::from_env(),
        journal,
    };
    let engine = Engine::builder(Surveyor { world })
        .store(hooked)
        .build()
        .expect("the settings make sense");
    engine.run(id, input()).await
}

#[test]
fn the_victim() {
    let Some(folder) = child_folder() else { return };
    let id = std::fs::read_to_string(folder.join("id")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Err(error) = runtime.block_on(survey(&folder, &id)) {
        panic!("the next process could not go on at once: {error}");
    }
}

/// What the journal says, line by line.
#[derive(Default)]
struct Account {
    /// For each run, its last step that is known to be committed.
    committed: BTreeMap<String, u64>,
    chains: BTreeMap<(String, u64), String>,
    repeated: Vec<String>,
    tasks: BTreeMap<String, u64>,
}

impl Account {
    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["ran", run, step, _, _] => {
                let step: u64 = step.parse().expect("a step");
                let committed = self.committed.get(run).copied();
                if committed.is_some_and(|committed| step <= committed) {
                    self.repeated.push(line.to_owned());
                }
                *self.tasks.entry(line.to_owned()).or_default() += 1;
            }
            ["committed", run, step, chain] => {
                let step: u64 = step.parse().expect("a step");
                let known = self.committed.entry(run.to_owned()).or_default();
                *known = step.max(*known);
                let known = self.chains.insert((run.to_owned(), step), chain.to_owned());
                assert!(
                    known.is_none_or(|known| known == chain),
                    "two chains: {line}"
                );
            }
            _ => panic!("the journal says {line:?}"),
        }
    }
}

#[test]
fn kills_lose_no_commit_and_repeat_none() {
    let kills = scale("SUPERSTEP_KILLS", 50);
    let dice = Dice::from_env();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let journal = Journal::in_file(&folder.path().join("journal"));
    let store = sqlite_at(&folder.path().join("runs.db"));

    let (mut killed, mut finished, mut interrupted) = (0, Vec::new(), 0);
    while killed < kills {
        let id = format!("run-{}", finished.len());
        std::fs::write(folder.path().join("id"), &id).unwrap();
        let mut victim = child("the_victim", folder.path())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(dice.below(120_000)));
        let _ = victim.kill();
        let status = victim.wait().unwrap();
        if status.signal() == Some(SIGKILL) {
            killed += 1;
        } else {
            assert!(status.success(), "the victim died by itself: {status}");
            finished.push(id.clone());
        }
        // What stands in the store now is committed, acknowledged or not.
        if let Some(head) = runtime.block_on(store.head(&id)).unwrap() {
            interrupted += u32::from(head.step > 0 && !head.status.is_final());
            journal.note(format_args!("committed {id} {} {}", head.step, head.chain));
        }
    }
    assert!(
        interrupted > 10 || kills < 50,
        "only {interrupted} kills hit a run"
    );

    // The last run is finished here, at once.
    let last = format!("run-{}", finished.len());
    runtime.block_on(survey(folder.path(), &last)).unwrap();
    finished.push(last);

    let mut account = Account::default();
    let text = std::fs::read_to_string(folder.path().join("journal")).unwrap();
    text.lines().for_each(|line| account.read(line));
    assert_eq!(
        account.repeated, [""; 0],
        "tasks of committed steps ran again"
    );

    let engine = Engine::builder(Surveyor::new())
        .shared_store(Arc::clone(&store))
        .build()
        .unwrap();
    let undisturbed = Engine::builder(Surveyor::new()).build().unwrap();
    for id in &finished {
        let stored = runtime.block_on(trace(&engine, id)).unwrap();
        for step in &stored.history {
            if let Some(chain) = account.chains.get(&(id.clone(), step.step)) {
                assert_eq!(
                    *chain,
                    step.chain.to_string(),
                    "an acknowledged commit is lost"
                );
            }
        }
        let last = stored.history.last().unwrap().step;
        assert_eq!(account.committed[id], last);
        runtime
            .block_on(undisturbed.run(id.clone(), input()).into_future())
            .unwrap();
        let expected = runtime.block_on(trace(&undisturbed, id)).unwrap();
        assert_eq!(stored, expected, "{id} ended otherwise");
    }
    assert_eq!(runtime.block_on(store.stuck()).unwrap(), [""; 0]);
}
