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
    /// The first of its steps.
    first: u64,
    /// The last of its steps that belong to the history.
    pub(super) last: u64,
}

impl Stretch {
    /// All that the run holds itself.
    pub(super) const fn own(number: i64) -> Self {
        Self {
            number,
            first: 0,
            last: LAST_STEP,
        }
    }

    /// The places of the steps in `from..=to` that it holds.
    pub(super) fn places(&self, from: u64, to: u64) -> Result<Option<[i64; 2]>, Fail> {
        let to = to.min(self.last);
        if from > to {
            return Ok(None);
        }
        Ok(Some([place(self.number, from)?, place(self.number, to)?]))
    }
}

/// The history of a run from step `from` on, newest stretch first; empty if there
/// is no such run.
pub(super) fn lineage(conn: &Connection, run: &str, from: u64) -> Result<Vec<Stretch>, Fail> {
    let mut stretches = Vec::new();
    find(conn, run, |stretch| {
        let is_last = stretch.first <= from;
        stretches.push(stretch);
        Ok(is_last.then_some(()))
    })?;
    Ok(stretches)
}

/// The first `most` of what `read` finds at the places of steps `from..=to` of a run's history,
/// oldest stretch first; it is told how many are still wanted.
pub(super) fn gather<T>(
    conn: &Connection,
    run: &str,
    (from, to): (u64, u64),
    most: u64,
    mut read: impl FnMut([i64; 2], u64) -> Result<Vec<T>, Fail>,
) -> Result<Vec<T>, Fail> {
    let mut found = Vec::new();
    for stretch in lineage(conn, run, from)?.iter().rev() {
        let wanted = most - found.len() as u64;
        if wanted == 0 {
            break;
        }
        if let Some(places) = stretch.places(from, to)? {
            found.append(&mut read(places, wanted)?);
        }
    }
    Ok(found)
}

/// What `look` finds, newest stretch first: finding what is near does not walk
/// all forks of forks.
pub(super) fn find<T>(
    conn: &Connection,
    run: &str,
    mut look: impl FnMut(Stretch) -> Result<Option<T>, Fail>,
) -> Result<Option<T>, Fail> {
    let mut next = number_of(conn, run)?.map(|number| (number, LAST_STEP));
    while let Some((number, last)) = next {
        let origin = origin_of(conn, run, number)?;
        let first = origin.map_or(0, |(_, step)| step + 1);
        let stretch = Stretch {
            number,
            first,
            last,
        };
        if let Some(found) = look(stretch)? {
            return Ok(Some(found));
        }
        next = origin.map(|(origin, step)| (origin, last.min(step)));
    }
    Ok(None)
}

/// For a fork, the number of the run that it branched off from, and the step.
fn origin_of(conn: &Connection, run: &str, number: i64) -> Result<Option<(i64, u64)>, Fail> {
    let mut query = conn.prepare_cached("SELECT origin, origin_step FROM forks WHERE run = ?1")?;
    let mut rows = query.query([number])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        row,
        run,
        place: &"where it branches off",
    };
    let origin = cells.number(0)?.cast_signed();
    // A run has a greater number than all before it; a row that
    // says otherwise could form a cycle.
    if origin >= number {
        return Err(corrupt(
            run,
            "where it branches off",
            "it is a run that came later",
        ));
    }
    Ok(Some((origin, cells.number(1)?)))
}

/// The chain value of a step, if the run has that step.
pub(super) fn chain_at(conn: &Connection, run: &str, step: u64) -> Result<Option<Digest>, Fail> {
    let mut query = conn.prepare_cached("SELECT chain FROM steps WHERE place = ?1")?;
    let chain = find(conn, run, |stretch| {
        let Some([at, _]) = stretch.places(step, step)? else {
            return Ok(None);
        };
        let mut rows = query.query([at])?;
        let Some(row) = rows.next()? else {
            // Its origins have the step only if this run begins later.
            return Ok((stretch.first <= step).then_some(None));
        };
        let cells = Cells {
            row,
            run,
            place: &format_args!("step {step}"),
        };
        Ok(Some(Some(cells.digest(0)?)))
    });
    Ok(chain?.flatten())
}

/// What a fork's head says of pruned steps.
pub(super) fn pruned_before(conn: &Connection, origin: &Origin) -> Result<u64, Fail> {
    let mut query = conn.prepare_cached("SELECT pruned FROM runs WHERE id = ?1")?;
    let mut rows = query.query([&origin.run])?;
    let Some(row) = rows.next()? else {
        return Ok(0);
    };
    let cells = Cells {
        row,
        run: &origin.run,
        place: &"its row",
    };
    rules::pruned_before(origin.step, cells.number(0)?, || steps_up_to(conn, origin))
}

/// All steps up to where a fork branches off, downwards.
fn steps_up_to(conn: &Connection, origin: &Origin) -> Result<Vec<u64>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT step FROM steps WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC",
    )?;
    let mut steps = Vec::new();
    for stretch in lineage(conn, &origin.run, 0)? {
        if let Some(places) = stretch.places(0, origin.step)? {
            let found = query.query_map(places, |row| row.get::<_, u32>(0))?;
            for step in found {
                steps.push(step?.into());
            }
        }
    }
    Ok(steps)
}
