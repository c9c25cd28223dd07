//! Damage to the rows of a SQLite database, and hashes that fit it.

use std::collections::HashMap;

use rusqlite::types::{Type, Value};
use rusqlite::{Connection, ToSql, params};
use superstep_tests::Dice;

use crate::desk::RUNS;
use crate::hashes::{self, Effect};
use crate::mutate;

struct Table {
    name: &'static str,
    keys: &'static [&'static str],
    columns: &'static [&'static str],
}

const fn table(
    name: &'static str,
    keys: &'static [&'static str],
    columns: &'static [&'static str],
) -> Table {
    Table {
        name,
        keys,
        columns,
    }
}

const TABLES: &[Table] = &[
    table(
        "steps",
        &["place"],
        &[
            "updates",
            "frontier",
            "notes",
            "kind",
            "committed",
            "chain",
            "digest",
            "key",
            "version",
            "journal",
            "graph",
            "place",
        ],
    ),
    table(
        "effects",
        &["place", "task", "name", "n"],
        &[
            "response", "excerpt", "error", "name", "kind", "n", "call", "attempt", "task",
            "request", "recorded", "place",
        ],
    ),
    table(
        "runs",
        &["number"],
        &[
            "status",
            "step",
            "turn",
            "turn_step",
            "counted_from",
            "chain",
            "epoch",
            "lapses",
            "owner",
            "lock",
            "token",
            "error",
            "pruned",
            "id",
            "graph",
            "fingerprint",
            "version",
            "seed",
            "created",
            "updated",
            "changed",
            "changed_to",
            "changed_version",
            "number",
        ],
    ),
    table("snapshots", &["place"], &["state", "digest", "place"]),
    table(
        "results",
        &["run", "task"],
        &["result", "node", "saw", "task", "run"],
    ),
    table(
        "questions",
        &["run", "id"],
        &[
            "id", "kind", "step", "task", "node", "name", "n", "question", "schema", "asked",
            "answered", "answer", "run",
        ],
    ),
    table("graphs", &["fingerprint"], &["description", "fingerprint"]),
    table("labels", &["run", "name"], &["name", "step", "run"]),
    table("forks", &["run"], &["origin", "origin_step", "run"]),
    table(
        "turns",
        &["run", "step"],
        &["token", "turn", "step", "error", "run"],
    ),
];

/// The texts that a hash covers: an altered one is noticed, or not read.
const HASHED: &[(usize, &[&str])] = &[
    (0, &["updates", "frontier", "notes"]),
    (1, &["response", "excerpt", "error", "name"]),
    (3, &["state"]),
];

const WORDS: &[&str] = &["status", "kind"];

/// What was done, and the position of the run that it was done to.
pub type Damage = (String, usize);

fn run_of(table: &Table, key: &[Value]) -> usize {
    let number = match (table.keys[0], &key[0]) {
        ("place", Value::Integer(place)) => place >> 32,
        (_, Value::Integer(number)) => *number,
        _ => 1,
    };
    (number.max(1) as usize - 1) % RUNS.len()
}

/// Alters one text that a hash covers, and leaves the hash.
pub fn alter_hashed(database: &Connection, dice: &Dice) -> Damage {
    let (table, columns) = HASHED[dice.below(HASHED.len() as u64) as usize];
    let column = columns[dice.below(columns.len() as u64) as usize];
    // Nothing covers the effects of a step that is open.
    let closed = match TABLES[table].name {
        "effects" => "WHERE step <= (SELECT step FROM runs WHERE number = effects.run)",
        _ => "",
    };
    cell(database, dice, &TABLES[table], column, closed, true)
}

/// Alters cells and rows, some of them.
pub fn alter_any(database: &Connection, dice: &Dice) -> Damage {
    let (mut done, mut run) = alter(database, dice);
    for _ in 0..dice.below(2) * dice.below(3) {
        let (more, later) = alter(database, dice);
        (done, run) = (format!("{done}; {more}"), later);
    }
    (done, run)
}

fn alter(database: &Connection, dice: &Dice) -> Damage {
    // Steps and effects are what is read most.
    let table = &TABLES[(dice.below(TABLES.len() as u64).min(dice.below(14))) as usize];
    let column = table.columns[dice.below(table.columns.len() as u64) as usize];
    match dice.below(12) {
        0 => row(database, dice, table),
        1 => swap(database, dice, table, column),
        _ => cell(database, dice, table, column, "", false),
    }
}

/// A row of the table by its key; nothing if the table is empty.
fn pick(database: &Connection, dice: &Dice, table: &Table, which: &str) -> Option<Vec<Value>> {
    let Table { name, keys, .. } = table;
    let count: i64 = database
        .query_row(&format!("SELECT count(*) FROM {name} {which}"), [], |row| {
            row.get(0)
        })
        .unwrap();
    let at = dice.below(count.cast_unsigned());
    let sql = format!(
        "SELECT {} FROM {name} {which} LIMIT 1 OFFSET {at}",
        keys.join(", ")
    );
    let read = |row: &rusqlite::Row<'_>| (0..keys.len()).map(|key| row.get(key)).collect();
    database.query_row(&sql, [], read).ok()
}

fn condition(table: &Table, first: usize) -> String {
    let keys = table.keys.iter().zip(first..);
    let keys = keys.map(|(key, at)| format!("{key} = ?{at}"));
    keys.collect::<Vec<_>>().join(" AND ")
}

fn texts(database: &Connection, table: &Table, column: &str) -> Vec<String> {
    let sql = format!("SELECT {column} FROM {} LIMIT 40", table.name);
    let mut query = database.prepare(&sql).unwrap();
    let found = query.query_map([], |row| row.get::<_, Value>(0)).unwrap();
    let text = |value: Result<Value, _>| match value {
        Ok(Value::Text(text)) => Some(text),
        _ => None,
    };
    found.filter_map(text).collect()
}

fn cell(
    database: &Connection,
    dice: &Dice,
    table: &Table,
    column: &str,
    which: &str,
    text_only: bool,
) -> Damage {
    let name = table.name;
    let Some(key) = pick(database, dice, table, which) else {
        return (format!("no row in {name}"), 0);
    };
    let sql = format!("SELECT {column} FROM {name} WHERE {}", condition(table, 1));
    let read = database.query_row(&sql, rusqlite::params_from_iter(&key), |row| row.get(0));
    let Ok(old) = read else {
        return (format!("{name}.{column} cannot be read"), 0);
    };
    let others = texts(database, table, column);
    let mut binary = "?1";
    let new = match &old {
        Value::Text(old) if text_only => Value::Text(mutate::text(dice, old, &others)),
        _ if text_only => return (format!("{name}.{column} is empty"), 0),
        _ if dice.below(12) == 0 => {
            // As text that is not UTF-8, or a value of any type.
            binary = if dice.below(3) == 0 {
                "CAST(?1 AS TEXT)"
            } else {
                "?1"
            };
            any_type(dice)
        }
        Value::Text(old) if WORDS.contains(&column) => Value::Text(mutate::word(dice, old)),
        Value::Text(old) => Value::Text(mutate::text(dice, old, &others)),
        Value::Integer(old) => {
            Value::Integer(mutate::number(dice, old.cast_unsigned()).cast_signed())
        }
        Value::Blob(old) => Value::Blob(mutate::bytes(dice, old)),
        Value::Null | Value::Real(_) => {
            Value::Text(mutate::text(dice, "[1,{\"a\":\"b\"}]", &others))
        }
    };
    let sql = format!(
        "UPDATE OR IGNORE {name} SET {column} = {binary} WHERE {}",
        condition(table, 2)
    );
    let mut values: Vec<&dyn ToSql> = vec![&new];
    values.extend(key.iter().map(|value| value as &dyn ToSql));
    let changed = database.execute(&sql, values.as_slice()).unwrap_or(0);
    let (old, new) = (brief(&old), brief(&new));
    let done = format!("{changed} {name}.{column} of {key:?}: {old} -> {new}");
    (done, run_of(table, &key))
}

fn any_type(dice: &Dice) -> Value {
    match [
        Type::Null,
        Type::Integer,
        Type::Real,
        Type::Text,
        Type::Blob,
    ][dice.below(5) as usize]
    {
        Type::Null => Value::Null,
        Type::Integer => Value::Integer(dice.below(u64::MAX).cast_signed()),
        Type::Real => Value::Real([0.5, -1e300, f64::INFINITY][dice.below(3) as usize]),
        Type::Text => Value::Text("some text".to_owned()),
        Type::Blob => Value::Blob(vec![0xff, 0xfe, 0, 0x80]),
    }
}

fn brief(value: &Value) -> String {
    let text = format!("{value:?}");
    text.chars().take(1_500).collect()
}

/// A row that is removed, or duplicated.
fn row(database: &Connection, dice: &Dice, table: &Table) -> Damage {
    let Some(key) = pick(database, dice, table, "") else {
        return (String::new(), 0);
    };
    let Table {
        name,
        keys,
        columns,
    } = table;
    let at = condition(table, 1);
    if dice.below(2) == 0 {
        let sql = format!("DELETE FROM {name} WHERE {at}");
        database
            .execute(&sql, rusqlite::params_from_iter(&key))
            .unwrap();
        return (format!("{name} without {key:?}"), run_of(table, &key));
    }
    let moved = [1_i64, -1, 2, 1 << 32, -(1 << 32)][dice.below(5) as usize];
    let first = keys[0];
    let columns: Vec<&str> = columns
        .iter()
        .copied()
        .filter(|column| *column != first)
        .collect();
    let columns = columns.join(", ");
    let shifted = match first {
        "fingerprint" => "zeroblob(32)".to_owned(),
        _ => format!("{first} + {moved}"),
    };
    let sql = format!(
        "INSERT OR REPLACE INTO {name} ({first}, {columns}) \
         SELECT {shifted}, {columns} FROM {name} WHERE {at}"
    );
    let made = database
        .execute(&sql, rusqlite::params_from_iter(&key))
        .unwrap_or(0);
    let done = format!("{name} {key:?} {made} times more, {moved} on");
    (done, run_of(table, &key))
}

/// Two rows exchange a cell.
fn swap(database: &Connection, dice: &Dice, table: &Table, column: &str) -> Damage {
    let (one, other) = (
        pick(database, dice, table, ""),
        pick(database, dice, table, ""),
    );
    let (Some(one), Some(other)) = (one, other) else {
        return (String::new(), 0);
    };
    let name = table.name;
    let read = |key: &[Value]| -> Option<Value> {
        let sql = format!("SELECT {column} FROM {name} WHERE {}", condition(table, 1));
        let read = database.query_row(&sql, rusqlite::params_from_iter(key), |row| row.get(0));
        read.ok()
    };
    let (Some(first), Some(second)) = (read(&one), read(&other)) else {
        return (String::new(), 0);
    };
    for (key, value) in [(&one, &second), (&other, &first)] {
        let sql = format!(
            "UPDATE OR IGNORE {name} SET {column} = ?1 WHERE {}",
            condition(table, 2)
        );
        let mut values: Vec<&dyn ToSql> = vec![value];
        values.extend(key.iter().map(|value| value as &dyn ToSql));
        let _ = database.execute(&sql, values.as_slice());
    }
    let done = format!("{name}.{column} of {one:?} and {other:?} swapped");
    (done, run_of(table, &one))
}

/// Makes every hash that of what the rows say, where they can be read.
pub fn repair(database: &Connection) -> rusqlite::Result<()> {
    describe(database)?;
    let mut query = database.prepare("SELECT place, state FROM snapshots")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        if let (Ok(place), Ok(state)) = (row.get::<_, i64>(0), row.get::<_, String>(1)) {
            database.execute(
                "UPDATE snapshots SET digest = ?2 WHERE place = ?1",
                params![place, hashes::sha256(&[state.as_bytes()])],
            )?;
        }
    }
    chains(database)
}

/// A graph is known by the hash of its description, and its runs know it so.
fn describe(database: &Connection) -> rusqlite::Result<()> {
    let mut query = database.prepare("SELECT fingerprint, description FROM graphs")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        if let (Ok(old), Ok(text)) = (row.get::<_, Vec<u8>>(0), row.get::<_, String>(1)) {
            let new = hashes::sha256(&[text.as_bytes()]);
            for table in ["graphs", "runs"] {
                let sql =
                    format!("UPDATE OR IGNORE {table} SET fingerprint = ?2 WHERE fingerprint = ?1");
                database.execute(&sql, params![old, new])?;
            }
        }
    }
    Ok(())
}

fn chains(database: &Connection) -> rusqlite::Result<()> {
    let mut query = database.prepare(
        "SELECT number, fingerprint, seed, step, origin, origin_step FROM runs \
         LEFT JOIN forks ON run = number ORDER BY number",
    )?;
    let mut runs = query.query([])?;
    let mut chain: HashMap<i64, Vec<u8>> = HashMap::new();
    while let Some(run) = runs.next()? {
        let (Ok(number), Ok(fingerprint), Ok(seed)) = (
            run.get::<_, i64>(0),
            run.get::<_, Vec<u8>>(1),
            run.get::<_, i64>(2),
        ) else {
            continue;
        };
        let last = run.get::<_, i64>(3).unwrap_or(0);
        if !(0..1 << 31).contains(&number) {
            continue;
        }
        let mut before = match (run.get::<_, i64>(4), run.get::<_, i64>(5)) {
            (Ok(origin), Ok(step)) => {
                let place = origin.checked_shl(32).unwrap_or(0) | step;
                chain.get(&place).cloned()
            }
            _ => None,
        };
        let mut query = database.prepare(
            "SELECT place, updates, frontier, notes, chain, graph FROM steps \
             WHERE place BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295 ORDER BY place",
        )?;
        let mut steps = query.query([number])?;
        let mut expected = None;
        while let Some(step) = steps.next()? {
            let place: i64 = step.get(0)?;
            if expected.is_some_and(|expected| expected != place) {
                before = None;
            }
            expected = Some(place.wrapping_add(1));
            let updates = step.get::<_, String>(1).unwrap_or_default();
            let frontier = step.get::<_, String>(2).unwrap_or_default();
            let graph = step.get::<_, Option<[u8; 32]>>(5).unwrap_or_default();
            let here = match &before {
                _ if place == number << 32 => {
                    hashes::first_chain(&fingerprint, seed.cast_unsigned(), &updates).to_vec()
                }
                Some(before) => hashes::next_chain(before, &updates, &frontier, graph).to_vec(),
                // What came before was pruned.
                None => step.get(4).unwrap_or_default(),
            };
            let notes = step.get::<_, Option<String>>(3).unwrap_or_default();
            let journal = hashes::journal_digest(notes.as_deref(), &effects(database, place)?);
            database.execute(
                "UPDATE steps SET chain = ?2, digest = ?3, journal = ?4 WHERE place = ?1",
                params![
                    place,
                    here,
                    hashes::step_digest(&updates, &frontier, graph),
                    journal
                ],
            )?;
            if place == (number << 32).wrapping_add(last) {
                database.execute(
                    "UPDATE runs SET chain = ?2 WHERE number = ?1",
                    params![number, here],
                )?;
            }
            chain.insert(place, here.clone());
            before = Some(here);
        }
    }
    Ok(())
}

fn effects(database: &Connection, place: i64) -> rusqlite::Result<Vec<Effect>> {
    let mut query = database.prepare_cached(
        "SELECT task, name, n, kind, call, attempt, request, excerpt, response, error \
         FROM effects WHERE place = ?1 ORDER BY task, name, n",
    )?;
    let mut rows = query.query([place])?;
    let mut effects = Vec::new();
    while let Some(row) = rows.next()? {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        effects.push(Effect {
            task: row.get(0).unwrap_or_default(),
            name: row.get(1).unwrap_or_default(),
            n: number(2).unwrap_or_default(),
            kind: row.get(3).unwrap_or_default(),
            call: number(4).ok(),
            attempt: number(5).unwrap_or_default(),
            request: row.get(6).unwrap_or_default(),
            excerpt: row.get(7).unwrap_or_default(),
            response: row.get(8).unwrap_or_default(),
            error: row.get(9).unwrap_or_default(),
        });
    }
    Ok(effects)
}
