//! Gives the space of what was deleted back to the file system.
//!
//! SQLite keeps the pages of what was deleted and reuses them. A database
//! with `auto_vacuum = INCREMENTAL` can give them back instead, piece by piece,
//! so that nobody waits for long.

use std::time::Duration;

use rusqlite::Connection;

use super::checkpointer::Checkpointer;
use super::errors::Fail;
use super::writer::Writer;

/// How many pages one transaction gives back: a few milliseconds.
const SLICE: u32 = 128;

const INCREMENTAL: u32 = 2;

/// Whether a database can give pages back. One that cannot be asked is left to
/// whoever opens it next.
pub(super) fn is_shrinkable(conn: &Connection) -> bool {
    let mode = conn.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, u32>(0));
    mode.map_or(true, |mode| mode == INCREMENTAL)
}

/// For a new database, before anything is written to it. Not for an existing
/// one: setting the mode again would be a write at every opening.
pub(super) fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    let pages: u32 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages == 0 { set_mode(conn) } else { Ok(()) }
}

fn set_mode(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")
}

/// Rewrites a database from before schema 2 as one that can give pages back, if
/// nobody else has it open and there is room; it works as well without.
pub(super) fn convert(conn: &Connection, busy: Duration) -> rusqlite::Result<()> {
    if is_shrinkable(conn) {
        return Ok(());
    }
    conn.busy_timeout(Duration::ZERO)?;
    let _ = rewrite(conn);
    conn.busy_timeout(busy)
}

/// Nobody can leave the write-ahead log while another connection is open.
fn rewrite(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    set_mode(conn)?;
    conn.execute_batch("VACUUM")
}

/// Gives back all pages that nothing uses. What fails is left to the next time:
/// until then the pages are reused.
pub(super) async fn give_back(writer: &Writer, checkpointer: &Checkpointer) {
    while let Ok(true) = writer.write(slice).await {}
    // Only this makes the file smaller.
    checkpointer.truncate().await;
}

/// Whether there is more to give back.
fn slice(conn: &Connection) -> Result<bool, Fail> {
    let unused = |conn: &Connection| -> Result<u32, Fail> {
        Ok(conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?)
    };
    let before = unused(conn)?;
    if before == 0 {
        return Ok(false);
    }
    // One row for every page: SQLite stops where nobody asks for the next.
    let mut vacuum = conn.prepare(&format!("PRAGMA incremental_vacuum({SLICE})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let after = unused(conn)?;
    Ok(0 < after && after < before)
}
