//! Names of steps.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::cells::{Cells, count};
use super::errors::Fail;
use super::lease;
use super::lineage::{chain_at, lineage};
use crate::store::rules;

pub(super) fn label(conn: &Connection, run: &str, step: u64, label: &str) -> Result<(), Fail> {
    let stored = lease::existing(conn, run)?;
    let named = labels(conn, run)?.get(label).copied();
    let exists = chain_at(conn, run, step)?.is_some();
    if rules::label(run, label, step, named, exists)? {
        conn.prepare_cached("INSERT INTO labels (run, name, step) VALUES (?1, ?2, ?3)")?
            .execute(params![stored.number, label, count(step)?])?;
    }
    Ok(())
}

/// The run's own label hides its origin's.
pub(super) fn labels(conn: &Connection, run: &str) -> Result<BTreeMap<String, u64>, Fail> {
    let mut query =
        conn.prepare_cached("SELECT name, step FROM labels WHERE run = ?1 AND step <= ?2")?;
    let mut labels = BTreeMap::new();
    for stretch in lineage(conn, run, 0)?.iter().rev() {
        let mut rows = query.query([stretch.number, count(stretch.last)?])?;
        while let Some(row) = rows.next()? {
            let cells = Cells {
                row,
                run,
                place: &"a label",
            };
            labels.insert(cells.text(0)?, cells.number(1)?);
        }
    }
    Ok(labels)
}
