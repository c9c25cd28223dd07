//! Databases of older schemas, read as they are: views of the connection supply what
//! was added since, so that today's queries find it.

use std::path::Path;

use rusqlite::Connection;

use super::errors::Fail;
use super::open::cannot_open;
use super::schema::{self, Kind, NEWEST};
use crate::store::StoreError;

/// A column that was added to a table.
struct Added {
    /// By that schema.
    schema: u32,
    table: &'static str,
    /// The value its migration gives to existing rows.
    column: &'static str,
}

const fn added(schema: u32, table: &'static str, column: &'static str) -> Added {
    Added {
        schema,
        table,
        column,
    }
}

/// All that heads and steps need.
const ADDED: &[Added] = &[
    added(2, "runs", "0 AS pruned"),
    added(
        2,
        "steps",
        "(SELECT version FROM main.runs WHERE number = main.steps.run) AS version",
    ),
    added(2, "steps", "NULL AS notes"),
    added(2, "steps", "NULL AS journal"),
    added(3, "runs", "turn_step AS counted_from"),
    added(
        5,
        "runs",
        "NULL AS changed, NULL AS changed_to, NULL AS changed_version",
    ),
    added(5, "steps", "NULL AS graph"),
    added(
        6,
        "runs",
        "expires AS lapses, (SELECT main.runs.updated WHERE status = 'interrupted' AND EXISTS \
         (SELECT 1 FROM main.questions AS asked WHERE asked.run = main.runs.number \
         AND asked.step = main.runs.step + 1 AND asked.answer IS NOT NULL)) AS wakes",
    ),
];

/// Prepares a connection for queries of what databases have since schema `since`.
pub(super) fn prepare(conn: &Connection, path: &Path, since: u32) -> Result<(), Fail> {
    let kind = schema::kind(conn)?;
    schema::check(&kind, path)?;
    let Kind::Ours(found) = kind else {
        return Err(cannot_open(path, "nothing was stored in it yet").into());
    };
    if found < since {
        return Err(Fail::Refused(StoreError::OldSchema {
            path: path.display().to_string(),
            found,
            needed: since,
        }));
    }
    if found < NEWEST {
        ["runs", "steps"]
            .into_iter()
            .try_for_each(|table| conn.execute_batch(&view(table, found)))?;
    }
    Ok(())
}

/// A name without a schema is looked up in the connection's views first.
fn view(table: &str, found: u32) -> String {
    let missing = ADDED
        .iter()
        .filter(|added| added.table == table && added.schema > found);
    let columns: String = missing.map(|added| format!(", {}", added.column)).collect();
    format!("CREATE TEMP VIEW {table} AS SELECT *{columns} FROM main.{table}")
}
