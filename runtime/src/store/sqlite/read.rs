//! The queries behind the reading half of the store.

use rusqlite::{Connection, OptionalExtension, params};

use super::cells::{Cells, LAST_STEP, corrupt, place};
use super::errors::Fail;
use crate::hash::Digest;
use crate::store::{
    Event, Head, Lease, Loaded, PendingResult, Snapshot, Status, StepKind, StepRecord,
};

const HEADS: &str = "SELECT number, id, graph, fingerprint, version, seed, created, updated, status, \
     step, turn, turn_step, chain, epoch, expires, owner, token, error FROM runs";

pub(super) fn number_of(conn: &Connection, run: &str) -> Result<Option<i64>, Fail> {
    let mut query = conn.prepare_cached("SELECT number FROM runs WHERE id = ?1")?;
    Ok(query.query_row([run], |row| row.get(0)).optional()?)
}

pub(super) fn head(conn: &Connection, run: &str) -> Result<Option<Head>, Fail> {
    Ok(numbered_head(conn, run)?.map(|(_, head)| head))
}

fn numbered_head(conn: &Connection, run: &str) -> Result<Option<(i64, Head)>, Fail> {
    let mut query = conn.prepare_cached(&format!("{HEADS} WHERE id = ?1"))?;
    let mut rows = query.query([run])?;
    rows.next()?.map(head_of).transpose()
}

pub(super) fn heads(conn: &Connection) -> Result<Vec<Head>, Fail> {
    let mut query = conn.prepare_cached(&format!("{HEADS} ORDER BY id"))?;
    let mut rows = query.query([])?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        heads.push(head_of(row)?.1);
    }
    Ok(heads)
}

fn head_of(row: &rusqlite::Row<'_>) -> Result<(i64, Head), Fail> {
    let number: i64 = row.get(0)?;
    let name = format!("number {number}");
    let run = Cells {
        row,
        run: &name,
        place: &"its row",
    }
    .text(1)?;
    let cells = Cells {
        row,
        run: &run,
        place: &"its row",
    };
    let owner = cells.optional_text(15)?;
    let (epoch, expires) = (cells.number(13)?, cells.time(14)?);
    let head = Head {
        graph: cells.text(2)?,
        fingerprint: cells.digest(3)?,
        version: cells.small(4)?,
        seed: cells.bits(5)?,
        created: cells.time(6)?,
        updated: cells.time(7)?,
        status: cells.word(8, Status::parse)?,
        step: cells.number(9)?,
        turn: cells.number(10)?,
        turn_step: cells.number(11)?,
        chain: cells.digest(12)?,
        lease: owner.map(|owner| Lease {
            owner,
            epoch,
            expires,
        }),
        origin: None,
        pruned: 0,
        token: cells.optional_text(16)?,
        error: cells.optional_text(17)?,
        run,
    };
    Ok((number, head))
}

pub(super) fn load(conn: &Connection, run: &str) -> Result<Option<Loaded>, Fail> {
    let Some((number, head)) = numbered_head(conn, run)? else {
        return Ok(None);
    };
    let snapshot = snapshot_of(conn, run, number, LAST_STEP)?;
    let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.step);
    let steps = steps_of(conn, run, number, from, LAST_STEP)?;
    unbroken(&head, from, &steps)?;
    Ok(Some(Loaded {
        pending: results(conn, run, number)?,
        effects: Vec::new(),
        questions: Vec::new(),
        head,
        snapshot,
        steps,
    }))
}

/// Every step from the first one needed to the head, and the head's chain value
/// that of the last: else a row is gone, or is another's.
fn unbroken(head: &Head, from: u64, steps: &[StepRecord]) -> Result<(), Fail> {
    let missing = (from..=head.step)
        .zip(steps.iter().map(|step| Some(step.step)).chain([None]))
        .find(|(wanted, found)| Some(*wanted) != *found);
    if let Some((step, _)) = missing {
        return Err(corrupt(&head.run, format!("step {step}"), "it is missing"));
    }
    let last = steps.last();
    if last.is_none_or(|last| last.step != head.step || last.chain != head.chain) {
        let reason = format!(
            "it does not end in the head's chain value at step {}",
            head.step
        );
        return Err(corrupt(&head.run, "the chain", reason));
    }
    Ok(())
}

pub(super) fn steps(
    conn: &Connection,
    run: &str,
    from: u64,
    to: u64,
) -> Result<Vec<StepRecord>, Fail> {
    match number_of(conn, run)? {
        Some(number) if from <= LAST_STEP => steps_of(conn, run, number, from, to),
        _ => Ok(Vec::new()),
    }
}

fn steps_of(
    conn: &Connection,
    run: &str,
    number: i64,
    from: u64,
    to: u64,
) -> Result<Vec<StepRecord>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT step, kind, committed, chain, digest, key, updates, frontier FROM steps \
         WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
    )?;
    let mut rows = query.query([place(number, from)?, place(number, to.min(LAST_STEP))?])?;
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
            version: 1,
            notes: None,
            journal: None,
            committed: cells.time(2)?,
            chain: cells.digest(3)?,
            digest: cells.digest(4)?,
            key: cells.digest(5)?,
            updates: cells.text(6)?,
            frontier: cells.text(7)?,
        });
    }
    Ok(steps)
}

pub(super) fn snapshot(conn: &Connection, run: &str, step: u64) -> Result<Option<Snapshot>, Fail> {
    match number_of(conn, run)? {
        Some(number) => snapshot_of(conn, run, number, step),
        None => Ok(None),
    }
}

fn snapshot_of(
    conn: &Connection,
    run: &str,
    number: i64,
    step: u64,
) -> Result<Option<Snapshot>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT step, digest, state FROM snapshots \
         WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1",
    )?;
    let mut rows = query.query([place(number, 0)?, place(number, step.min(LAST_STEP))?])?;
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

fn results(conn: &Connection, run: &str, number: i64) -> Result<Vec<PendingResult>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT task, node, saw, result FROM results WHERE run = ?1 ORDER BY task",
    )?;
    let mut rows = query.query([number])?;
    let mut results = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells {
            row,
            run,
            place: &"a stored result",
        };
        results.push(PendingResult {
            task: cells.digest(0)?,
            node: cells.text(1)?,
            saw: cells.number(2)?,
            result: cells.text(3)?,
        });
    }
    Ok(results)
}

pub(super) fn graph(conn: &Connection, fingerprint: Digest) -> Result<Option<String>, Fail> {
    let mut query = conn.prepare_cached("SELECT description FROM graphs WHERE fingerprint = ?1")?;
    let mut rows = query.query([fingerprint.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        row,
        run: "",
        place: &format_args!("graph {fingerprint}"),
    };
    cells.text(0).map(Some)
}

pub(super) fn outbox(conn: &Connection, limit: usize) -> Result<Vec<Event>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT outbox.id, runs.id, outbox.run, outbox.step, name, payload \
         FROM outbox LEFT JOIN runs ON runs.number = outbox.run \
         ORDER BY outbox.id LIMIT ?1",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = query.query(params![limit])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let place = format!("event {id}");
        let number = format!("number {}", row.get::<_, i64>(2)?);
        let run = Cells {
            row,
            run: &number,
            place: &place,
        }
        .text(1)?;
        let cells = Cells {
            row,
            run: &run,
            place: &place,
        };
        events.push(Event {
            id: id.cast_unsigned(),
            step: cells.number(3)?,
            name: cells.text(4)?,
            payload: cells.text(5)?,
            run,
        });
    }
    Ok(events)
}

pub(super) fn stuck(conn: &Connection) -> Result<Vec<String>, Fail> {
    let mut query = conn.prepare_cached("SELECT run FROM stuck ORDER BY run")?;
    let runs = query.query_map([], |row| row.get(0))?;
    Ok(runs.collect::<Result<_, _>>()?)
}
