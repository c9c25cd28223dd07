//! Where two long runs part, compared with reading the digests of both.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Statement};

use crate::effects::{talk, talking};
use crate::replay::{STEPS, quick};
use crate::timing::in_turns;
use crate::{Bench, Outcome, folder, table};

const AIM: Duration = Duration::from_millis(50);

pub fn measure(bench: &Bench) -> Outcome {
    let folder = folder()?;
    let path = folder.path().join("runs.db");
    let store = quick(&path)?;
    for (run, last) in [("one", "yes"), ("other", "no")] {
        let engine = talking(last, store.clone(), STEPS)?;
        let run = engine.run(run, talk(STEPS));
        bench.tokio.block_on(run.into_future())?;
    }
    let conn = Connection::open(&path)?;
    let mut digests =
        conn.prepare("SELECT digest FROM steps WHERE place BETWEEN ?1 << 32 AND (?1 << 32) + ?2")?;
    let pair = in_turns(
        bench.rounds(21, 7),
        || read_and_compare(&mut digests),
        || {
            let started = Instant::now();
            let diff = superstep::diff((&store, "one"), (&store, "other"));
            let parting = bench.tokio.block_on(diff.into_future())?;
            let parting = parting.map(|found| found.step());
            let took = started.elapsed();
            match parting {
                Some(STEPS) => Ok(took),
                other => Err(format!("they part at {other:?}").into()),
            }
        },
    )?;
    table::row(
        &format!(
            "`diff` of two runs of {STEPS} steps that differ in the last; limit: read the digests"
        ),
        &table::time(pair.limit),
        &table::time(pair.ours),
        &format!("{:.2}x", pair.ratio()),
        "under 50 ms",
        pair.ours < AIM,
    );
    Ok(())
}

fn read_and_compare(digests: &mut Statement<'_>) -> Outcome<Duration> {
    let started = Instant::now();
    let mut read = |run: i64| -> Outcome<Vec<[u8; 32]>> {
        let digests = digests.query_map([run, STEPS as i64], |row| row.get(0))?;
        Ok(digests.collect::<Result<_, _>>()?)
    };
    let (one, other) = (read(1)?, read(2)?);
    let parting = one.iter().zip(&other).position(|(one, other)| one != other);
    if parting != Some(STEPS as usize) {
        return Err(format!("they part at {parting:?}").into());
    }
    Ok(started.elapsed())
}
