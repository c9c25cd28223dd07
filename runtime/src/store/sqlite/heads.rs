//! Heads of runs, one or many. A list finds its runs in an index, and then their rows.

use std::time::SystemTime;

use rusqlite::{Connection, Row, ToSql, params};

use super::cells::{Cells, count, one_more};
use super::errors::Fail;
use crate::store::{
    GraphChange, Head, Lease, Listed, Origin, Page, RunFilter, Status, clock, rules,
};

const HEADS: &str = "SELECT runs.number, runs.id, runs.graph, runs.fingerprint, runs.version, \
     runs.seed, runs.created, runs.updated, runs.status, runs.step, runs.turn, runs.turn_step, \
     runs.chain, runs.epoch, runs.lapses, runs.owner, runs.token, runs.error, runs.pruned, \
     forks.origin_step, origins.id AS origin, runs.counted_from, runs.changed, runs.changed_to, \
     runs.changed_version, runs.wakes FROM runs \
     LEFT JOIN forks ON forks.run = runs.number \
     LEFT JOIN runs AS origins ON origins.number = forks.origin";

pub(super) fn head(conn: &Connection, run: &str) -> Result<Option<Head>, Fail> {
    Ok(numbered_head(conn, run)?.map(|(_, head)| head))
}

pub(super) fn numbered_head(conn: &Connection, run: &str) -> Result<Option<(i64, Head)>, Fail> {
    let mut query = conn.prepare_cached(&format!("{HEADS} WHERE runs.id = ?1"))?;
    let mut rows = query.query([run])?;
    rows.next()?.map(head_of).transpose()
}

/// All of them, in the order in which they were made.
pub(super) fn each(
    conn: &Connection,
    mut see: impl FnMut(Head) -> Result<(), Fail>,
) -> Result<(), Fail> {
    let mut query = conn.prepare_cached(HEADS)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        see(head_of(row)?.1)?;
    }
    Ok(())
}

pub(super) fn page(
    conn: &Connection,
    filter: &RunFilter,
    page: &Page<String>,
) -> Result<Listed<Head, String>, Fail> {
    let Listed { items, next } = listed(conn, filter, page)?;
    let mut query = conn.prepare_cached(&numbered())?;
    let mut heads = Vec::with_capacity(items.len());
    for (_, number) in items {
        let mut rows = query.query([number])?;
        if let Some(row) = rows.next()? {
            heads.push(head_of(row)?.1);
        }
    }
    Ok(Listed { items: heads, next })
}

pub(super) fn numbered() -> String {
    format!("{HEADS} WHERE runs.number = ?1")
}

/// The ids and numbers of the runs on a page. An index has the runs of one status in the order
/// of their ids; those of several are merged here.
fn listed(
    conn: &Connection,
    filter: &RunFilter,
    page: &Page<String>,
) -> Result<Listed<(String, i64), String>, Fail> {
    let mut found = Vec::new();
    if filter.statuses.is_empty() {
        // Not status by status: a run whose status is not one of our words must be noticed.
        find(conn, filter, None, page, &mut found)?;
    } else {
        for status in rules::statuses(filter) {
            find(conn, filter, Some(status), page, &mut found)?;
        }
        found.sort_unstable();
    }
    Ok(rules::cut(found, page, |(id, _)| id.clone()))
}

/// Of one status, or all: enough of them for the page, and to see whether more follow.
fn find(
    conn: &Connection,
    filter: &RunFilter,
    status: Option<Status>,
    page: &Page<String>,
    found: &mut Vec<(String, i64)>,
) -> Result<(), Fail> {
    let status = status.map(Status::as_str);
    let after = page.after.as_deref().unwrap_or_default();
    let most = count(one_more(page))?;
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":after", &after), (":most", &most)];
    if let Some(status) = &status {
        values.push((":status", status));
    }
    if let Some(graph) = &filter.graph {
        values.push((":graph", graph));
    }
    let mut query = conn.prepare_cached(&finding(status.is_some(), filter, page))?;
    let mut rows = query.query(values.as_slice())?;
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        found.push((id_of(row, number)?, number));
    }
    Ok(())
}

pub(super) fn finding(by_status: bool, filter: &RunFilter, page: &Page<String>) -> String {
    let mut sql = format!(
        "SELECT number, id FROM runs WHERE id {} :after",
        beyond(page)
    );
    if by_status {
        sql += " AND status = :status";
    }
    if filter.graph.is_some() {
        sql += " AND graph = :graph";
    }
    sql + " ORDER BY id LIMIT :most"
}

pub(super) fn stuck(
    conn: &Connection,
    page: &Page<String>,
) -> Result<Listed<String, String>, Fail> {
    let mut query = conn.prepare_cached(&finding_stuck(page))?;
    let after = page.after.as_deref().unwrap_or_default();
    let runs = query.query_map(params![after, count(one_more(page))?], |row| row.get(0))?;
    let runs: Vec<String> = runs.collect::<Result<_, _>>()?;
    Ok(rules::cut(runs, page, String::clone))
}

pub(super) fn finding_stuck(page: &Page<String>) -> String {
    let beyond = beyond(page);
    format!("SELECT run FROM stuck WHERE run {beyond} ?1 ORDER BY run LIMIT ?2")
}

/// No id sorts before the empty one, which is an id, too.
const fn beyond(page: &Page<String>) -> &'static str {
    match page.after {
        Some(_) => ">",
        None => ">=",
    }
}

pub(super) const SET_STATUS: &str = "UPDATE runs SET status = ?2 WHERE number = ?1";

/// Sets a run's status, in a statement of its own: one that does not name the status does
/// not touch the indexes on it.
pub(super) fn set_status(conn: &Connection, number: i64, status: Status) -> Result<(), Fail> {
    conn.prepare_cached(SET_STATUS)?
        .execute(params![number, status.as_str()])?;
    Ok(())
}

pub(super) const SET_WAKES: &str = "UPDATE runs SET wakes = ?2 WHERE number = ?1";

/// Sets when a run wakes, in a statement of its own for the same reason.
pub(super) fn set_wakes(
    conn: &Connection,
    number: i64,
    wakes: Option<SystemTime>,
) -> Result<(), Fail> {
    conn.prepare_cached(SET_WAKES)?
        .execute(params![number, wakes.map(clock::to_millis)])?;
    Ok(())
}

fn id_of(row: &Row<'_>, number: i64) -> Result<String, Fail> {
    let name = format!("number {number}");
    let cells = Cells {
        row,
        run: &name,
        place: &"its row",
    };
    cells.text(1)
}

fn head_of(row: &Row<'_>) -> Result<(i64, Head), Fail> {
    let number: i64 = row.get(0)?;
    let run = id_of(row, number)?;
    let cells = Cells {
        row,
        run: &run,
        place: &"its row",
    };
    let owner = cells.optional_text(15)?;
    let origin = match cells.optional(19, Cells::number)? {
        Some(step) => Some(Origin {
            run: cells.text(20)?,
            step,
        }),
        None => None,
    };
    let changed = match cells.optional(22, Cells::number)? {
        Some(step) => Some(GraphChange::new(step, cells.digest(23)?, cells.small(24)?)),
        None => None,
    };
    let (epoch, expires) = (cells.number(13)?, cells.time(14)?);
    let head = Head {
        graph: cells.text(2)?,
        fingerprint: cells.digest(3)?,
        version: cells.small(4)?,
        changed,
        seed: cells.bits(5)?,
        created: cells.time(6)?,
        updated: cells.time(7)?,
        status: cells.word(8, Status::parse)?,
        step: cells.number(9)?,
        turn: cells.number(10)?,
        turn_step: cells.number(11)?,
        counted_from: cells.number(21)?,
        chain: cells.digest(12)?,
        lease: owner.map(|owner| Lease {
            owner,
            epoch,
            expires,
        }),
        origin,
        wakes: cells.optional(25, Cells::time)?,
        pruned: cells.number(18)?,
        token: cells.optional_text(16)?,
        error: cells.optional_text(17)?,
        run,
    };
    Ok((number, head))
}
