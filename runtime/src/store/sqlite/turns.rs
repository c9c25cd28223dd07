//! The further turns of a run: where each began, and how it ended if it failed.

use rusqlite::{Connection, Row, params};

use super::cells::{Cells, count, one_more};
use super::errors::Fail;
use super::lineage::lineage;
use super::read::number_of;
use crate::store::{Commit, Listed, Page, TurnRecord, rules};

/// The current turn gets the run's error, which the next one clears.
pub(super) fn end(conn: &Connection, number: i64) -> Result<(), Fail> {
    conn.prepare_cached(
        "UPDATE turns SET error = runs.error FROM runs \
         WHERE runs.number = ?1 AND runs.error IS NOT NULL \
           AND turns.run = ?1 AND turns.step = runs.turn_step",
    )?
    .execute([number])?;
    Ok(())
}

pub(super) fn begin(conn: &Connection, number: i64, commit: &Commit) -> Result<(), Fail> {
    conn.prepare_cached("INSERT INTO turns (run, step, turn, token) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            number,
            count(commit.record.step)?,
            count(commit.turn)?,
            commit.token
        ])?;
    Ok(())
}

const TURNS: &str = "SELECT turn, step, token, error FROM turns";

/// The turn that the run itself began with that token.
pub(super) fn with_token(
    conn: &Connection,
    run: &str,
    token: &str,
) -> Result<Option<TurnRecord>, Fail> {
    let Some(number) = number_of(conn, run)? else {
        return Ok(None);
    };
    let mut query = conn.prepare_cached(&format!("{TURNS} WHERE run = ?1 AND token = ?2"))?;
    let mut rows = query.query(params![number, token])?;
    rows.next()?.map(|row| turn_of(row, run)).transpose()
}

/// Those of the history of a run.
pub(super) fn page(
    conn: &Connection,
    run: &str,
    page: &Page<u64>,
) -> Result<Listed<TurnRecord, u64>, Fail> {
    let mut query = conn.prepare_cached(&within())?;
    let most = one_more(page);
    let after = count(page.after.unwrap_or_default())?;
    let mut turns = Vec::new();
    for stretch in lineage(conn, run, 0)?.iter().rev() {
        let wanted = count(most - turns.len() as u64)?;
        let mut rows = query.query([stretch.number, after, count(stretch.last)?, wanted])?;
        while let Some(row) = rows.next()? {
            turns.push(turn_of(row, run)?);
        }
    }
    Ok(rules::cut(turns, page, |turn| turn.step))
}

pub(super) fn within() -> String {
    format!("{TURNS} WHERE run = ?1 AND step > ?2 AND step <= ?3 ORDER BY step LIMIT ?4")
}

fn turn_of(row: &Row<'_>, run: &str) -> Result<TurnRecord, Fail> {
    let cells = Cells {
        row,
        run,
        place: &"one of its turns",
    };
    Ok(TurnRecord {
        turn: cells.number(0)?,
        step: cells.number(1)?,
        token: cells.optional_text(2)?,
        error: cells.optional_text(3)?,
    })
}
