//! The rows of finished runs, written once more by bare `rusqlite`.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use superstep::store::Synchronous;

use crate::Outcome;

/// All that the steps of some runs left in a database.
pub struct Rows {
    schema: Vec<String>,
    runs: Table,
    /// In the order in which runs that advance side by side commit them, the
    /// effects of a step before the step.
    steps: Table,
    effects: Table,
    heads: Vec<[Value; 4]>,
    /// How many effects each step has.
    calls: Vec<usize>,
}

struct Table {
    insert: String,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// Reads them from the database of a store, without the run that came
    /// first: it is there to warm up the file.
    pub fn read(path: &Path) -> Outcome<Self> {
        let conn = Connection::open(path)?;
        let schema = column(
            &conn,
            "SELECT sql FROM sqlite_schema WHERE tbl_name IN ('runs', 'steps', 'effects') AND sql IS NOT NULL \
             AND type IN ('table', 'index') ORDER BY type DESC",
        )?;
        let mut heads = conn.prepare(
            "SELECT run, step, chain, committed FROM steps WHERE run > 1 ORDER BY step, run",
        )?;
        let heads = heads
            .query_map([], |row| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
            })?
            .collect::<Result<_, _>>()?;
        let mut calls = conn.prepare(
            "SELECT (SELECT count(*) FROM effects WHERE effects.place = steps.place) FROM steps \
             WHERE run > 1 ORDER BY step, run",
        )?;
        let calls = calls
            .query_map([], |row| row.get::<_, u32>(0).map(|count| count as usize))?
            .collect::<Result<_, _>>()?;
        Ok(Self {
            schema,
            runs: Table::read(&conn, "runs", "number > 1 ORDER BY number")?,
            steps: Table::read(&conn, "steps", "run > 1 ORDER BY step, run")?,
            effects: Table::read(&conn, "effects", "run > 1 ORDER BY step, run")?,
            heads,
            calls,
        })
    }

    pub fn steps(&self) -> usize {
        self.steps.rows.len()
    }

    pub fn effects(&self) -> usize {
        self.effects.rows.len()
    }

    /// Writes them into a new file, every step with its row and its run's head,
    /// `group` steps to a transaction, and their effects to one before it. Returns
    /// the time without opening the file.
    pub fn write(&self, path: &Path, synchronous: Synchronous, group: usize) -> Outcome<Duration> {
        let conn = self.create(path, synchronous)?;
        let mut begin = conn.prepare("BEGIN IMMEDIATE")?;
        let mut commit = conn.prepare("COMMIT")?;
        let mut run = conn.prepare(&self.runs.insert)?;
        let mut step = conn.prepare(&self.steps.insert)?;
        let mut head =
            conn.prepare("UPDATE runs SET step = ?2, chain = ?3, updated = ?4 WHERE number = ?1")?;
        let mut effect = conn.prepare(&self.effects.insert)?;
        let mut runs = self.runs.rows.iter();
        let mut effects = self.effects.rows.iter();
        let steps: Vec<_> = self.steps.rows.iter().zip(&self.heads).collect();
        let started = Instant::now();
        for (group, calls) in steps.chunks(group).zip(self.calls.chunks(group)) {
            let calls = calls.iter().sum();
            if calls > 0 {
                begin.execute([])?;
                for row in effects.by_ref().take(calls) {
                    effect.execute(params_from_iter(row))?;
                }
                commit.execute([])?;
            }
            begin.execute([])?;
            for (row, moved) in group {
                match runs.next() {
                    Some(row) => run.execute(params_from_iter(row))?,
                    None => head.execute(params_from_iter(moved.iter()))?,
                };
                step.execute(params_from_iter(row.iter()))?;
            }
            commit.execute([])?;
        }
        Ok(started.elapsed())
    }

    /// With the settings of the store's own connection.
    fn create(&self, path: &Path, synchronous: Synchronous) -> Outcome<Connection> {
        let conn = Connection::open(path)?;
        conn.pragma_update(None, "journal_mode", "wal")?;
        let synchronous = match synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        conn.pragma_update(None, "synchronous", synchronous)?;
        conn.pragma_update(None, "wal_autocheckpoint", 1_000)?;
        for sql in &self.schema {
            conn.execute_batch(sql)?;
        }
        Ok(conn)
    }
}

impl Table {
    fn read(conn: &Connection, table: &str, picked: &str) -> Outcome<Self> {
        // Generated columns are not in `table_info`.
        let columns = column(
            conn,
            &format!("SELECT name FROM pragma_table_info('{table}')"),
        )?;
        let names = columns.join(", ");
        let marks = vec!["?"; columns.len()].join(", ");
        let mut query = conn.prepare(&format!("SELECT {names} FROM {table} WHERE {picked}"))?;
        let rows = query
            .query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect())?
            .collect::<Result<_, _>>()?;
        let insert = format!("INSERT INTO {table} ({names}) VALUES ({marks})");
        Ok(Self { insert, rows })
    }
}

fn column(conn: &Connection, sql: &str) -> Outcome<Vec<String>> {
    let mut query = conn.prepare(sql)?;
    let rows = query.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
