//! Steps and snapshots as they were written, across all stretches of a history.

use rusqlite::Connection;

use super::cells::{Cells, LAST_STEP, count, one_more};
use super::errors::Fail;
use super::lineage::{Stretch, find, gather};
use crate::hash::Digest;
use crate::store::{Listed, Page, Snapshot, StepKind, StepRecord, rules};

pub(super) const STEPS: &str = "SELECT step, kind, committed, chain, digest, key, updates, \
     frontier, version, notes, journal, graph FROM steps \
     WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3";

pub(super) const DIGESTS: &str =
    "SELECT step, digest FROM steps WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3";

pub(super) fn steps(
    conn: &Connection,
    run: &str,
    from: u64,
    to: u64,
    page: &Page<u64>,
) -> Result<Listed<StepRecord, u64>, Fail> {
    let range = (rules::first_step(from, page), to);
    let read = |places, most| steps_at(conn, run, places, most);
    let steps = gather(conn, run, range, one_more(page), read)?;
    Ok(rules::cut(steps, page, |step| step.step))
}

pub(super) fn own_steps(
    conn: &Connection,
    run: &str,
    number: i64,
    from: u64,
) -> Result<Vec<StepRecord>, Fail> {
    match Stretch::own(number).places(from, LAST_STEP)? {
        Some(places) => steps_at(conn, run, places, LAST_STEP),
        None => Ok(Vec::new()),
    }
}

fn steps_at(
    conn: &Connection,
    run: &str,
    [first, last]: [i64; 2],
    most: u64,
) -> Result<Vec<StepRecord>, Fail> {
    let mut query = conn.prepare_cached(STEPS)?;
    let mut rows = query.query([first, last, count(most)?])?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        let step: u64 = row.get::<_, u32>(0)?.into();
        let place = format!("step {step}");
        let cells = Cells {
            row,
            run,
            place: &place,
        };
        steps.push(StepRecord {
            step,
            kind: cells.word(1, StepKind::parse)?,
            committed: cells.time(2)?,
            chain: cells.digest(3)?,
            digest: cells.digest(4)?,
            key: cells.digest(5)?,
            updates: cells.text(6)?,
            frontier: cells.text(7)?,
            version: cells.small(8)?,
            notes: cells.optional_text(9)?,
            journal: cells.optional(10, Cells::digest)?,
            graph: cells.optional(11, Cells::digest)?,
        });
    }
    Ok(steps)
}

pub(super) fn digests(
    conn: &Connection,
    run: &str,
    page: &Page<u64>,
) -> Result<Listed<(u64, Digest), u64>, Fail> {
    let range = (rules::first_step(0, page), LAST_STEP);
    let read = |places, most| digests_at(conn, run, places, most);
    let digests = gather(conn, run, range, one_more(page), read)?;
    Ok(rules::cut(digests, page, |(step, _)| *step))
}

fn digests_at(
    conn: &Connection,
    run: &str,
    [first, last]: [i64; 2],
    most: u64,
) -> Result<Vec<(u64, Digest)>, Fail> {
    let mut query = conn.prepare_cached(DIGESTS)?;
    let mut rows = query.query([first, last, count(most)?])?;
    let mut digests = Vec::new();
    while let Some(row) = rows.next()? {
        let step: u64 = row.get::<_, u32>(0)?.into();
        let cells = Cells {
            row,
            run,
            place: &format_args!("step {step}"),
        };
        digests.push((step, cells.digest(1)?));
    }
    Ok(digests)
}

pub(super) fn snapshot(conn: &Connection, run: &str, step: u64) -> Result<Option<Snapshot>, Fail> {
    find(conn, run, |stretch| snapshot_of(conn, run, &stretch, step))
}

pub(super) fn own_snapshot(
    conn: &Connection,
    run: &str,
    number: i64,
) -> Result<Option<Snapshot>, Fail> {
    snapshot_of(conn, run, &Stretch::own(number), LAST_STEP)
}

fn snapshot_of(
    conn: &Connection,
    run: &str,
    stretch: &Stretch,
    step: u64,
) -> Result<Option<Snapshot>, Fail> {
    let Some(places) = stretch.places(0, step)? else {
        return Ok(None);
    };
    let mut query = conn.prepare_cached(
        "SELECT step, digest, state FROM snapshots \
         WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1",
    )?;
    let mut rows = query.query(places)?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let step: u64 = row.get::<_, u32>(0)?.into();
    let place = format!("the snapshot after step {step}");
    let cells = Cells {
        row,
        run,
        place: &place,
    };
    Ok(Some(Snapshot {
        step,
        digest: cells.digest(1)?,
        state: cells.text(2)?,
    }))
}
