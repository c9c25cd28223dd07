//! The queries behind the reading half of the store.

use rusqlite::{Connection, OptionalExtension, params};

use super::cells::{Cells, corrupt};
use super::errors::Fail;
use super::heads::numbered_head;
use super::{effects, history, questions, signals, waits};
use crate::hash::Digest;
use crate::store::{Event, Head, Loaded, PendingResult, StepRecord};

pub(super) fn number_of(conn: &Connection, run: &str) -> Result<Option<i64>, Fail> {
    let mut query = conn.prepare_cached("SELECT number FROM runs WHERE id = ?1")?;
    Ok(query.query_row([run], |row| row.get(0)).optional()?)
}

pub(super) fn load(conn: &Connection, run: &str) -> Result<Option<Loaded>, Fail> {
    let Some((number, head)) = numbered_head(conn, run)? else {
        return Ok(None);
    };
    let snapshot = history::own_snapshot(conn, run, number)?;
    let first = head.first_own_step();
    let from = snapshot.as_ref().map_or(first, |snapshot| snapshot.step);
    let steps = history::own_steps(conn, run, number, from)?;
    unbroken(&head, from, &steps)?;
    let open = head.step + 1;
    Ok(Some(Loaded {
        pending: results(conn, run, number)?,
        effects: effects::of_step(conn, run, number, open)?,
        questions: questions::open(conn, run, number, open)?,
        answers: questions::answers(conn, run, number, open)?,
        waits: waits::of_step(conn, run, number, open)?,
        signals: signals::behind(conn, run, number, 0)?,
        head,
        snapshot,
        steps,
    }))
}

/// Every step from the first one needed to the head must be there, and the last must have
/// the head's chain value: else a row is gone, or is another's.
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
