//! What the file says it is, and how older files become current ones.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::errors::{Fail, translate};
use crate::store::StoreError;

/// Marks a file as ours: `sstp` in the header field that SQLite keeps for this.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"sstp");

/// What brings schema *n* to *n + 1*, from the empty file on. A released entry
/// never changes; its golden database under `tests/golden` keeps opening. What they
/// result in, with comments, is `docs/schema.sql`.
const MIGRATIONS: &[&str] = &[
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
    include_str!("v4.sql"),
    include_str!("v5.sql"),
    include_str!("v6.sql"),
];

/// What this version of the crate writes.
pub(super) const NEWEST: u32 = MIGRATIONS.len() as u32;

/// What a file is, by its own header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No tables and no marks.
    Empty,
    /// Ours, with that schema.
    Ours(u32),
    /// Somebody else's.
    Foreign,
}

pub(super) fn kind(conn: &Connection) -> rusqlite::Result<Kind> {
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version, tables) {
        (APPLICATION_ID, version, _) => Kind::Ours(version.unsigned_abs()),
        (0, 0, 0) => Kind::Empty,
        _ => Kind::Foreign,
    })
}

/// Refuses what must not be touched.
pub(super) fn check(kind: &Kind, path: &Path) -> Result<(), StoreError> {
    let known = NEWEST;
    let path = path.display().to_string();
    match *kind {
        Kind::Foreign => Err(StoreError::Foreign { path }),
        Kind::Ours(found) if found > known => Err(StoreError::NewerSchema { path, found, known }),
        _ => Ok(()),
    }
}

/// Creates the schema or brings it up to date, in one transaction. Another
/// process may be doing the same, so what there is to do is read inside it.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let upgrade = |conn: &mut Connection| -> Result<(), Fail> {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let kind = kind(&tx)?;
        check(&kind, path)?;
        let version = match kind {
            Kind::Ours(version) => version,
            Kind::Empty | Kind::Foreign => 0,
        };
        for migration in MIGRATIONS.iter().skip(version as usize) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", NEWEST)?;
        Ok(tx.commit()?)
    };
    let current = kind(conn).map_err(|error| translate(error, path))?;
    if current == Kind::Ours(NEWEST) {
        return Ok(());
    }
    upgrade(conn).map_err(|fail| fail.at(path))
}
