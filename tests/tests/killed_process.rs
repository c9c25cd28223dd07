//! A process killed at a random point loses no acknowledged commit and repeats
//! none; tasks of committed steps never run again; recorded effects are not
//! called again; what must not be repeated is asked about instead; the next
//! process takes over at once.
//!
//! `SUPERSTEP_KILLS` sets how many processes are killed (50 by default),
//! `SUPERSTEP_SEED` when.
#![cfg(all(unix, feature = "sqlite"))]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{EffectKind, StoreExt};
use superstep::{Outcome, ok};
use superstep_tests::survey::{Survey, Surveyor, World};
use superstep_tests::{
    Dice, Hooked, Journal, Moment, child, child_folder, scale, sqlite_at, trace, well,
};
use tokio::task::JoinSet;

const SIGKILL: i32 = 9;

/// How many payments a till makes.
const PAYMENTS: usize = 12;

fn input() -> Survey {
    Survey::of(6, 5)
}

/// Notes what ran before it runs, and each commit after it was acknowledged.
async fn survey(folder: &Path, id: &str, dice: Dice) -> Result<Run<Survey>, Error> {
    let journal = Journal::in_file(&folder.join("journal"));
    let store = sqlite_at(&folder.join("runs.db"));
    // A step that was committed before this process began is not acknowledged
    // here, but recognised.
    let before = store.head(id).await.expect("the store works");
    let last = Arc::new(AtomicU64::new(before.map_or(0, |head| head.step + 1)));
    let hooked = {
        let (journal, store, id) = (journal.clone(), Arc::clone(&store), id.to_owned());
        Hooked::new(Arc::clone(&store), move |moment, call| {
            if (moment, call) != (Moment::After, "commit") {
                return well();
            }
            let (journal, store, id) = (journal.clone(), Arc::clone(&store), id.clone());
            let last = Arc::clone(&last);
            Box::pin(async move {
                let head = store.head(&id).await?.expect("it was committed");
                if last.fetch_max(head.step + 1, Ordering::Relaxed) <= head.step {
                    journal.note(format_args!("committed {id} {} {}", head.step, head.chain));
                }
                Ok(())
            })
        })
    };
    let world = World {
        dice,
        calls: journal.clone(),
        journal,
    };
    let engine = Engine::builder(Surveyor { world })
        .store(hooked)
        .build()
        .expect("the settings make sense");
    engine.run(id, input()).await
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Till {
    #[reduce(append)]
    receipts: Vec<usize>,
}

#[derive(Route)]
enum Next {
    Customer,
    Closed,
}

/// Pays once, and says so in a journal that outlives the process.
#[node]
async fn pay(
    state: &Till,
    dice: &Dice,
    paid: &Journal,
    cx: &Cx,
) -> Result<(TillUpdate, Next), NodeError> {
    let number = state.receipts.len();
    let receipt = cx.effect("pay", &number).at_most_once().run(|| async {
        dice.dawdle().await;
        paid.note(number);
        dice.dawdle().await;
        ok(number)
    });
    let receipt = receipt.await?;
    let next = match number + 1 < PAYMENTS {
        true => Next::Customer,
        false => Next::Closed,
    };
    Ok((Till::update().receipts([receipt]), next))
}

#[graph(
    state = Till,
    start -> pay,
    pay -> match { Next::Customer => pay, Next::Closed => end },
)]
struct Tills {
    dice: Dice,
    paid: Journal,
}

fn paid(folder: &Path, id: &str) -> Vec<usize> {
    let text = std::fs::read_to_string(folder.join(id)).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Runs a till to its end, and answers from its journal what became of a payment.
async fn till(folder: &Path, id: &str, dice: Dice) -> Result<Run<Till>, Error> {
    let tills = Tills {
        dice,
        paid: Journal::in_file(&folder.join(id)),
    };
    let store = sqlite_at(&folder.join("runs.db"));
    let engine = Engine::builder(tills).store(store).build()?;
    loop {
        let run = engine.run(id, Till::default()).await?;
        for asked in run.interrupts() {
            let text: serde_json::Value = serde_json::from_str(asked.question.get()).unwrap();
            let number = text["request"].as_str().unwrap().parse().unwrap();
            let outcome = match paid(folder, id).contains(&number) {
                true => Outcome::Happened(number),
                false => Outcome::DidNotHappen,
            };
            engine.answer(id, &asked.id, outcome).await?;
            Journal::in_file(&folder.join("journal")).note(format_args!("answered {id} {number}"));
        }
        if run.status() == Status::Completed {
            return Ok(run);
        }
    }
}

/// Drives both runs of `number` to their ends.
async fn work(folder: &Path, number: &str, dice: Dice) {
    let (survey_id, till_id) = (format!("survey-{number}"), format!("till-{number}"));
    let (survey, till) = tokio::join!(
        survey(folder, &survey_id, dice.clone()),
        till(folder, &till_id, dice),
    );
    if let Err(error) = survey.and(till.map(|_| ())) {
        panic!("the next process could not continue at once: {error}");
    }
}

#[test]
fn the_victim() {
    let Some(folder) = child_folder() else { return };
    let number = std::fs::read_to_string(folder.join("number")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(work(&folder, &number, Dice::from_env()));
}

/// What the journal says, line by line.
#[derive(Default)]
struct Account {
    /// For each run, its last step that is known to be committed.
    committed: BTreeMap<String, u64>,
    /// Of every commit that is known, its chain value.
    chains: BTreeMap<(String, u64), String>,
    acknowledged: BTreeSet<(String, u64)>,
    repeated_commits: Vec<String>,
    reran: Vec<String>,
    /// Effects by run, task, name and number, that a node saw or the store has.
    recorded: BTreeSet<String>,
    called: BTreeSet<String>,
    recorded_again: Vec<String>,
    unrecorded_again: u64,
    readings: BTreeMap<String, String>,
    answered: u64,
}

impl Account {
    fn read(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').expect("two words");
        let words: Vec<&str> = rest.split(' ').collect();
        match (word, &words[..]) {
            ("ran", [run, step, _, _]) => {
                let step: u64 = step.parse().expect("a step");
                let committed = self.committed.get(*run);
                if committed.is_some_and(|committed| step <= *committed) {
                    self.reran.push(line.to_owned());
                }
            }
            ("committed", [run, step, chain]) => {
                let step = self.stands(run, step, chain);
                if !self.acknowledged.insert(((*run).to_owned(), step)) {
                    self.repeated_commits.push(line.to_owned());
                }
            }
            ("stands", [run, step, chain]) => {
                self.stands(run, step, chain);
            }
            ("called", [..]) => {
                if self.recorded.contains(rest) {
                    self.recorded_again.push(line.to_owned());
                } else if !self.called.insert(rest.to_owned()) {
                    self.unrecorded_again += 1;
                }
            }
            ("seen" | "recorded", [..]) => {
                self.recorded.insert(rest.to_owned());
            }
            ("read", [run, key, millis]) => {
                let task = format!("{run} {key}");
                let known = self.readings.entry(task).or_insert((*millis).to_owned());
                assert_eq!(known, millis, "two readings: {line}");
            }
            ("answered", [..]) => self.answered += 1,
            _ => panic!("the journal says {line:?}"),
        }
    }

    /// A step that is committed, with its chain value.
    fn stands(&mut self, run: &str, step: &str, chain: &str) -> u64 {
        let step: u64 = step.parse().expect("a step");
        let known = self.committed.entry(run.to_owned()).or_default();
        *known = step.max(*known);
        let place = (run.to_owned(), step);
        let known = self.chains.insert(place, chain.to_owned());
        assert!(
            known.is_none_or(|known| known == chain),
            "two chains: {run} {step}"
        );
        step
    }
}

/// Notes what is in the store now: it is committed and recorded,
/// acknowledged or not. Returns whether the run is under way.
async fn look(store: &Arc<dyn Store>, journal: &Journal, id: &str) -> bool {
    let Some(head) = store.head(id).await.unwrap() else {
        return false;
    };
    journal.note(format_args!("stands {id} {} {}", head.step, head.chain));
    let open = head.step + 1;
    for record in store.all_effects(id, open, open).await.unwrap() {
        if record.kind == EffectKind::Done {
            let (task, name, n) = (record.task, record.name, record.n);
            journal.note(format_args!("recorded {id} {task} {name} {n}"));
        }
    }
    head.step > 0 && !head.status.is_final()
}

/// How many of the known commits of survey `number` are not in the store as
/// they were, and how many payments of its till were made again. All the rest
/// must be as if nothing had happened.
async fn faults(folder: &Path, number: usize, account: &Account) -> [usize; 2] {
    let (survey_id, till_id) = (format!("survey-{number}"), format!("till-{number}"));
    let store = sqlite_at(&folder.join("runs.db"));
    let engine = Engine::builder(Surveyor::new()).store(Arc::clone(&store));
    let stored = trace(&engine.build().unwrap(), &survey_id).await.unwrap();
    let chain = |step: u64| stored.history.get(step as usize).map(|step| step.chain);
    let steps = account
        .chains
        .range((survey_id.clone(), 0)..=(survey_id.clone(), u64::MAX));
    let steps = steps.filter(|((_, step), known)| {
        let kept = chain(*step);
        kept.is_none_or(|kept| kept.to_string() != **known)
    });
    let lost = steps.count();

    let undisturbed = Engine::builder(Surveyor::new()).build().unwrap();
    undisturbed.run(survey_id.as_str(), input()).await.unwrap();
    let expected = trace(&undisturbed, &survey_id).await.unwrap();
    assert_eq!(stored, expected, "{survey_id} ended differently");
    let last = stored.history.last().unwrap().step;
    assert_eq!(account.committed[&survey_id], last);

    let all: Vec<usize> = (0..PAYMENTS).collect();
    let mut paid = paid(folder, &till_id);
    let payments = paid.len();
    paid.dedup();
    assert_eq!(paid, all, "{till_id} paid differently");
    let tills = Tills {
        dice: Dice::new(0),
        paid: Journal::new(),
    };
    let tills = Engine::builder(tills).store(store).build().unwrap();
    let till = tills.get(&till_id).await.unwrap();
    assert_eq!(till.state().receipts, all);
    [lost, payments - paid.len()]
}

/// The same for all runs that finished, a few at a time.
async fn all_faults(folder: &Path, finished: usize, account: Account) -> [usize; 2] {
    let account = Arc::new(account);
    let (mut looks, mut sum) = (JoinSet::new(), [0, 0]);
    for number in 0..finished {
        let (folder, account) = (folder.to_owned(), Arc::clone(&account));
        looks.spawn(async move { faults(&folder, number, &account).await });
        while looks.len() == 8 || (number + 1 == finished && !looks.is_empty()) {
            let [lost, twice] = looks.join_next().await.unwrap().unwrap();
            sum = [sum[0] + lost, sum[1] + twice];
        }
    }
    sum
}

#[test]
fn kills_lose_no_commit_and_repeat_nothing() {
    let kills = scale("SUPERSTEP_KILLS", 50);
    let dice = Dice::from_env();
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let journal = Journal::in_file(&folder.path().join("journal"));
    let store = sqlite_at(&folder.path().join("runs.db"));

    let (mut killed, mut finished, mut under_way) = (0, 0, 0);
    while killed < kills {
        std::fs::write(folder.path().join("number"), finished.to_string()).unwrap();
        let mut victim = child("the_victim", folder.path())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(dice.below(120_000)));
        let _ = victim.kill();
        let status = victim.wait().unwrap();
        let ids = [format!("survey-{finished}"), format!("till-{finished}")];
        if status.signal() == Some(SIGKILL) {
            killed += 1;
        } else {
            assert!(status.success(), "the victim died by itself: {status}");
            finished += 1;
        }
        let looks = ids.map(|id| runtime.block_on(look(&store, &journal, &id)));
        under_way += u64::from(looks[0]) + u64::from(looks[1]);
        assert_eq!(runtime.block_on(store.all_stuck()).unwrap(), [""; 0]);
    }
    assert!(
        under_way > 10 || kills < 50,
        "only {under_way} kills hit a run"
    );

    // The last runs are finished here, at once.
    runtime.block_on(work(folder.path(), &finished.to_string(), dice));
    finished += 1;

    let mut account = Account::default();
    let text = std::fs::read_to_string(folder.path().join("journal")).unwrap();
    text.lines().for_each(|line| account.read(line));
    let Account {
        repeated_commits,
        reran,
        recorded_again,
        ..
    } = &account;
    let [commits, tasks, effects] =
        [repeated_commits, reran, recorded_again].map(|lines| lines.clone());
    let (unrecorded, answered) = (account.unrecorded_again, account.answered);
    let [lost, paid_twice] = runtime.block_on(all_faults(folder.path(), finished, account));
    eprintln!(
        "{killed} kills ({under_way} times a run was under way), {finished} surveys and tills finished, \
         {lost} acknowledged commits lost, {} commits repeated, {} finished tasks re-run, \
         {} recorded effects called twice, {unrecorded} unrecorded effects called twice, \
         {paid_twice} payments made twice, {answered} questions answered; {:.0?}",
        commits.len(),
        tasks.len(),
        effects.len(),
        began.elapsed(),
    );
    assert_eq!([lost, paid_twice], [0, 0]);
    assert_eq!([commits, tasks, effects].concat(), [""; 0]);
    assert_eq!(runtime.block_on(store.all_stuck()).unwrap(), [""; 0]);
}
