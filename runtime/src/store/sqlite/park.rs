//! What is kept when a step stays open.

use rusqlite::{Connection, params};

use super::cells::count;
use super::errors::Fail;
use super::owners::Owners;
use super::{effects, heads, lease, questions, sizes};
use crate::store::{Park, clock, rules};

pub(super) fn park(conn: &Connection, owners: &Owners, park: &Park) -> Result<(), Fail> {
    sizes::park(park)?;
    let stored = lease::existing(conn, &park.run)?;
    let Some(state) = rules::park(&park.run, &stored.lease, park.epoch)? else {
        return Ok(());
    };
    let (number, open) = (stored.number, stored.step + 1);
    rules::of_open_step(&park.run, open, &park.effects, &park.questions)?;
    for kept in &park.results {
        conn.prepare_cached(
            "INSERT OR REPLACE INTO results (run, task, node, saw, result) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            number,
            kept.task.as_bytes(),
            kept.node,
            count(kept.saw)?,
            kept.result
        ])?;
    }
    effects::write(conn, number, &park.effects)?;
    questions::ask(conn, number, &park.questions)?;
    conn.prepare_cached("UPDATE runs SET updated = ?2, error = ?3 WHERE number = ?1")?
        .execute(params![number, clock::to_millis(clock::now()), park.error])?;
    if stored.status != park.status {
        heads::set_status(conn, number, park.status)?;
    }
    lease::put(conn, owners, number, &state)
}
