//! Which graphs a run has lived under.

use rusqlite::{Connection, Row, params};

use super::cells::{Cells, LAST_STEP, count};
use super::errors::Fail;
use super::lineage::{find, lineage};
use crate::hash::Digest;
use crate::store::{GraphChange, Origin};

/// Keeps the graph's canonical text.
pub(super) fn describe(
    conn: &Connection,
    fingerprint: Digest,
    description: &str,
) -> Result<(), Fail> {
    conn.prepare_cached("INSERT OR IGNORE INTO graphs (fingerprint, description) VALUES (?1, ?2)")?
        .execute(params![fingerprint.as_bytes(), description])?;
    Ok(())
}

/// Notes that the run's graph changes at a step.
pub(super) fn change(
    conn: &Connection,
    number: i64,
    change: &GraphChange,
    description: Option<&str>,
) -> Result<(), Fail> {
    if let Some(description) = description {
        describe(conn, change.fingerprint, description)?;
    }
    conn.prepare_cached(
        "INSERT INTO graph_changes (run, step, fingerprint, version) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        number,
        count(change.step)?,
        change.fingerprint.as_bytes(),
        change.version
    ])?;
    stand(conn, number, change)
}

/// A fork begins under the graph of the step at which it branches off.
pub(super) fn inherit(conn: &Connection, number: i64, origin: &Origin) -> Result<(), Fail> {
    let last = match last_of(conn, &origin.run)? {
        // It came later: what was before has to be looked for.
        Some(last) if last.step > origin.step => find(conn, &origin.run, |stretch| {
            let to = stretch.last.min(origin.step);
            let changes = of_stretch(conn, &origin.run, stretch.number, to)?;
            Ok(changes.last().copied())
        })?,
        last => last,
    };
    last.map_or(Ok(()), |change| stand(conn, number, &change))
}

fn last_of(conn: &Connection, run: &str) -> Result<Option<GraphChange>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT changed, changed_to, changed_version FROM runs \
         WHERE id = ?1 AND changed IS NOT NULL",
    )?;
    let mut rows = query.query([run])?;
    rows.next()?.map(|row| change_of(row, run)).transpose()
}

/// The head's copy of the last change.
fn stand(conn: &Connection, number: i64, change: &GraphChange) -> Result<(), Fail> {
    conn.prepare_cached(
        "UPDATE runs SET changed = ?2, changed_to = ?3, changed_version = ?4 WHERE number = ?1",
    )?
    .execute(params![
        number,
        count(change.step)?,
        change.fingerprint.as_bytes(),
        change.version
    ])?;
    Ok(())
}

/// All changes in the history of a run, by step.
pub(super) fn changes(conn: &Connection, run: &str) -> Result<Vec<GraphChange>, Fail> {
    let mut changes = Vec::new();
    for stretch in lineage(conn, run, 0)?.iter().rev() {
        changes.append(&mut of_stretch(conn, run, stretch.number, stretch.last)?);
    }
    Ok(changes)
}

fn of_stretch(
    conn: &Connection,
    run: &str,
    number: i64,
    last: u64,
) -> Result<Vec<GraphChange>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT step, fingerprint, version FROM graph_changes \
         WHERE run = ?1 AND step <= ?2 ORDER BY step",
    )?;
    let mut rows = query.query([number, count(last.min(LAST_STEP))?])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(change_of(row, run)?);
    }
    Ok(changes)
}

fn change_of(row: &Row<'_>, run: &str) -> Result<GraphChange, Fail> {
    let cells = Cells {
        row,
        run,
        place: &"a change of its graph",
    };
    let (step, fingerprint) = (cells.number(0)?, cells.digest(1)?);
    Ok(GraphChange::new(step, fingerprint, cells.small(2)?))
}
