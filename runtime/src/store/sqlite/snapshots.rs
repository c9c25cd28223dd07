//! Writing snapshots.

use rusqlite::{Connection, params};

use super::cells::place;
use super::errors::Fail;
use super::{lease, sizes};
use crate::store::{Snapshot, rules};

pub(super) fn put(
    conn: &Connection,
    run: &str,
    epoch: u64,
    snapshot: &Snapshot,
) -> Result<(), Fail> {
    sizes::snapshot(run, snapshot)?;
    let (stored, _) = lease::held(conn, run, epoch)?;
    rules::at_head(run, stored.step, snapshot.step)?;
    write(conn, stored.number, snapshot)
}

pub(super) fn write(conn: &Connection, number: i64, snapshot: &Snapshot) -> Result<(), Fail> {
    let at = place(number, snapshot.step)?;
    drop_before(conn, number, at)?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO snapshots (place, digest, state) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![at, snapshot.digest.as_bytes(), snapshot.state])?;
    Ok(())
}

/// Drops the run's snapshots before `at`, except those that
/// [`rules::stands_on`] keeps.
pub(super) fn drop_before(conn: &Connection, number: i64, at: i64) -> Result<(), Fail> {
    conn.prepare_cached(
        "DELETE FROM snapshots WHERE place BETWEEN ?1 AND ?2 - 1 \
         AND NOT EXISTS (SELECT 1 FROM runs \
                         WHERE number = ?3 AND pruned > 0 AND pruned = snapshots.step) \
         AND NOT EXISTS (SELECT 1 FROM forks WHERE origin = ?3 AND origin_step >= snapshots.step)",
    )?
    .execute([place(number, 0)?, at, number])?;
    Ok(())
}
