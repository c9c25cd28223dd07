//! Steps and snapshots as they were written, over all stretches of a history.

use rusqlite::Connection;

use super::cells::{Cells, LAST_STEP};
use super::errors::Fail;
use super::lineage::{Stretch, find, lineage};
use crate::hash::Digest;
use crate::store::{Snapshot, StepKind, StepRecord};

pub(super) fn steps(
    conn: &Connection,
    run: &str,
    from: u64,
    to: u64,
) -> Result<Vec<StepRecord>, Fail> {
    let mut steps = Vec::new();
    for stretch in lineage(conn, run, from)?.iter().rev() {
        steps.extend(steps_of(conn, run, stretch, from, to)?);
    }
    Ok(steps)
}

pub(super) fn own_steps(
    conn: &Connection,
    run: &str,
    number: i64,
    from: u64,
) -> Result<Vec<StepRecord>, Fail> {
    steps_of(conn, run, &Stretch::own(number), from, LAST_STEP)
}

fn steps_of(
    conn: &Connection,
    run: &str,
    stretch: &Stretch,
    from: u64,
    to: u64,
) -> Result<Vec<StepRecord>, Fail> {
    let Some(places) = stretch.places(from, to)? else {
        return Ok(Vec::new());
    };
    let mut query = conn.prepare_cached(
        "SELECT step, kind, committed, chain, digest, key, updates, frontier, version, notes, \
         journal FROM steps WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
    )?;
    let mut rows = query.query(places)?;
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
        });
    }
    Ok(steps)
}

pub(super) fn digests(conn: &Connection, run: &str) -> Result<Vec<(u64, Digest)>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT step, digest FROM steps WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
    )?;
    let mut digests = Vec::new();
    for stretch in lineage(conn, run, 0)?.iter().rev() {
        let Some(places) = stretch.places(0, LAST_STEP)? else {
            continue;
        };
        let mut rows = query.query(places)?;
        while let Some(row) = rows.next()? {
            let step: u64 = row.get::<_, u32>(0)?.into();
            let cells = Cells {
                row,
                run,
                place: &format_args!("step {step}"),
            };
            digests.push((step, cells.digest(1)?));
        }
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
