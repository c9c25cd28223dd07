//! A run's history, which for a fork begins in the run that it branched off from.

use rusqlite::Connection;

use super::cells::{Cells, LAST_STEP, corrupt, place};
use super::errors::Fail;
use super::read::number_of;
use crate::hash::Digest;
use crate::store::{Origin, rules};

/// The part of a history that one run holds.
pub(super) struct Stretch {
    /// That run's number.
    pub(super) number: i64,
    /// The last of its steps that belong to the history.
    pub(super) last: u64,
}

impl Stretch {
    /// The places of those of the steps `from..=to` that are in it.
    pub(super) fn places(&self, from: u64, to: u64) -> Result<Option<[i64; 2]>, Fail> {
        let to = to.min(self.last);
        if from > to {
            return Ok(None);
        }
        Ok(Some([place(self.number, from)?, place(self.number, to)?]))
    }
}

/// The history of a run, newest stretch first; empty if there is no such run.
pub(super) fn lineage(conn: &Connection, run: &str) -> Result<Vec<Stretch>, Fail> {
    let mut query = conn.prepare_cached("SELECT origin, origin_step FROM forks WHERE run = ?1")?;
    let mut stretches = Vec::new();
    let mut next = number_of(conn, run)?.map(|number| (number, LAST_STEP));
    while let Some((number, last)) = next {
        stretches.push(Stretch { number, last });
        let mut rows = query.query([number])?;
        let Some(row) = rows.next()? else { break };
        let cells = Cells {
            row,
            run,
            place: &"where it branches off",
        };
        let origin = row.get(0)?;
        // A run has a greater number than all that were there before it; what
        // says otherwise could lead round in a circle.
        if origin >= number {
            return Err(corrupt(
                run,
                "where it branches off",
                "it is a run that came later",
            ));
        }
        next = Some((origin, last.min(cells.number(1)?)));
    }
    Ok(stretches)
}

/// The chain value of a step, if the run has that step.
pub(super) fn chain_at(conn: &Connection, run: &str, step: u64) -> Result<Option<Digest>, Fail> {
    let mut query = conn.prepare_cached("SELECT chain FROM steps WHERE place = ?1")?;
    for stretch in lineage(conn, run)? {
        let Some([at, _]) = stretch.places(step, step)? else {
            continue;
        };
        let mut rows = query.query([at])?;
        if let Some(row) = rows.next()? {
            let cells = Cells {
                row,
                run,
                place: &format_args!("step {step}"),
            };
            return cells.digest(0).map(Some);
        }
    }
    Ok(None)
}

/// What a fork's head says of pruned steps; most histories are whole, which
/// their runs tell without a look at the steps.
pub(super) fn pruned_before(conn: &Connection, origin: &Origin) -> Result<u64, Fail> {
    let stretches = lineage(conn, &origin.run)?;
    let mut was_pruned =
        conn.prepare_cached("SELECT 1 FROM runs WHERE number = ?1 AND pruned > 0")?;
    let mut whole = true;
    for stretch in &stretches {
        whole &= !was_pruned.exists([stretch.number])?;
    }
    if whole {
        return Ok(0);
    }
    let mut query = conn.prepare_cached(
        "SELECT step FROM steps WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC",
    )?;
    let mut steps = Vec::new();
    for stretch in &stretches {
        if let Some(places) = stretch.places(0, origin.step)? {
            let found = query.query_map(places, |row| row.get::<_, u32>(0))?;
            steps.extend(found.collect::<Result<Vec<_>, _>>()?);
        }
    }
    Ok(rules::pruned_before(
        origin.step,
        steps.into_iter().map(u64::from),
    ))
}
