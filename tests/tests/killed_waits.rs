//! Processes that are killed while a run sleeps and receives lose no signal, receive none twice, and
//! end no sleep early; whoever comes next reads what they read.
//!
//! `SUPERSTEP_KILLS` sets how many processes are killed (30 by default), `SUPERSTEP_SEED` when.
#![cfg(all(unix, feature = "sqlite"))]

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use superstep::ok;
use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep_tests::lab::{Findings, Lab, seen};
use superstep_tests::{Dice, Journal, child, child_folder, scale, sqlite_at};

const SIGKILL: i32 = 9;

/// How many rounds there are, and how many numbers each receives.
const ROUNDS: u32 = 3;
const NUMBERS: u64 = 5;
const NAP: Duration = Duration::from_millis(3);

/// One task sleeps, the other receives numbers; both say in the journal what they see.
fn lab(journal: Journal) -> Lab {
    Lab::new(move |cx, _, item| {
        let journal = journal.clone();
        let note = move |cx: &Cx, nth: u64, what: String| {
            journal.note(format_args!("saw {}-{item}-{nth} {what}", cx.step()));
        };
        Box::pin(async move {
            let mut all = Vec::new();
            for nth in 0..NUMBERS {
                let before = cx.now();
                let what = match item {
                    0 => {
                        cx.sleep(NAP).await;
                        let time = cx.now().duration_since(before).unwrap_or_default();
                        format!("slept {}", if time < NAP { "too little" } else { "enough" })
                    }
                    _ => {
                        let number: u64 = cx.receive("number").await;
                        let call = cx
                            .effect("double", &number)
                            .run(|| async move { ok(2 * number) });
                        format!("{}", call.await? / 2)
                    }
                };
                note(cx, nth, what.clone());
                all.push(what);
            }
            Ok(all.join(" "))
        })
    })
}

fn engine(folder: &Path, store: &Arc<dyn Store>) -> Engine<Lab> {
    let journal = Journal::in_file(&folder.join("journal"));
    lab(journal).builder(store).build().unwrap()
}

async fn drive(folder: &Path) -> Run<Findings> {
    let store = sqlite_at(&folder.join("runs.db"));
    let engine = engine(folder, &store);
    loop {
        let run = engine.run("run", Findings::of(ROUNDS, 2)).await.unwrap();
        if run.status() == Status::Completed {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn the_victim() {
    let Some(folder) = child_folder() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(drive(&folder));
}

#[test]
fn kills_lose_no_signal_and_repeat_none() {
    let kills = scale("SUPERSTEP_KILLS", 30);
    let dice = Dice::from_env();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let store = sqlite_at(&folder.path().join("runs.db"));
    let sender = engine(folder.path(), &store);
    let all = u64::from(ROUNDS) * NUMBERS;

    let (mut killed, mut sent) = (0, 0);
    while killed < kills {
        let mut victim = child("the_victim", folder.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(dice.below(80_000)));
        // Each comes twice, as a webhook does; some while the victim lives, and all before its end.
        let due = all * (killed + 1) / kills;
        while sent < due && runtime.block_on(store.head("run")).unwrap().is_some() {
            for _ in 0..2 {
                let signal = sender.signal("run", "number", &sent);
                runtime.block_on(signal.id(sent.to_string())).unwrap();
            }
            sent += 1;
            std::thread::sleep(Duration::from_micros(dice.below(5_000)));
        }
        let _ = victim.kill();
        let status = victim.wait().unwrap();
        assert!(
            status.signal() == Some(SIGKILL) || status.success(),
            "the victim died by itself: {status}"
        );
        killed += 1;
        assert_eq!(runtime.block_on(store.all_stuck()).unwrap(), [""; 0]);
    }
    runtime.block_on(async {
        for number in sent..all {
            let signal = sender.signal("run", "number", &number);
            signal.id(number.to_string()).await.unwrap();
        }
    });
    let run = runtime.block_on(drive(folder.path()));

    let slept = ["slept enough"; NUMBERS as usize].join(" ");
    let received = (0..u64::from(ROUNDS)).map(|round| {
        let numbers = (0..NUMBERS).map(|nth| (round * NUMBERS + nth).to_string());
        numbers.collect::<Vec<_>>().join(" ")
    });
    let wanted: Vec<String> = received
        .flat_map(|numbers| [slept.clone(), numbers])
        .collect();
    assert_eq!(seen(&run), wanted);
    assert!(
        runtime
            .block_on(store.mail("run", 0))
            .unwrap()
            .signals
            .is_empty()
    );

    // Whoever came to a place saw there what everybody saw.
    let text = std::fs::read_to_string(folder.path().join("journal")).unwrap();
    let mut known = BTreeMap::new();
    for line in text.lines() {
        let (place, what) = line.split_at(line.match_indices(' ').nth(1).unwrap().0);
        assert_eq!(*known.entry(place).or_insert(what), what, "at {place}");
    }
    assert_eq!(known.len() as u64, 2 * all);
    let replayed = runtime.block_on(sender.replay("run")).unwrap();
    assert_eq!(replayed.fingerprint(), run.fingerprint());
}
