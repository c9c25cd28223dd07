//! Retention.

use rusqlite::{Connection, Params, params};

use super::cells::{Cells, LAST_STEP, count, place};
use super::errors::Fail;
use super::heads::{self, numbered_head};
use super::owners::Owners;
use super::{lease, snapshots};
use crate::store::rules::{self, History, Life};
use crate::store::{Head, Prune, Pruning, clock};

/// The runs to prune, in that order.
pub(super) fn candidates(
    conn: &Connection,
    owners: &Owners,
    prune: &Prune,
) -> Result<Vec<String>, Fail> {
    let mut prunable = Vec::new();
    heads::each(conn, |head| {
        if is_prunable(conn, owners, prune, &head)? {
            prunable.push(head);
        }
        Ok(())
    })?;
    Ok(rules::candidates(prune, prunable))
}

fn is_prunable(
    conn: &Connection,
    owners: &Owners,
    prune: &Prune,
    head: &Head,
) -> Result<bool, Fail> {
    let now = clock::now();
    let live = match head.lease {
        Some(_) => match lease::stored(conn, &head.run)? {
            Some(stored) => stored.lease.is_live(now) && stored.life(owners)? != Life::Dead,
            None => false,
        },
        None => false,
    };
    Ok(rules::is_prunable(prune, head, live, now))
}

/// Prunes one run; returns how many steps went.
pub(super) fn prune(
    conn: &Connection,
    owners: &Owners,
    prune: &Prune,
    run: &str,
) -> Result<u64, Fail> {
    // It may have moved since all runs were listed.
    let Some((number, head)) = numbered_head(conn, run)? else {
        return Ok(0);
    };
    if !is_prunable(conn, owners, prune, &head)? {
        return Ok(0);
    }
    match prune.what {
        Pruning::Run => drop_run(conn, number, run),
        Pruning::History => drop_history(conn, number, &head),
    }
}

fn last_branch(conn: &Connection, number: i64, run: &str) -> Result<Option<u64>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT origin_step FROM forks WHERE origin = ?1 ORDER BY origin_step DESC LIMIT 1",
    )?;
    let mut rows = query.query([number])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        row,
        run,
        place: &"where a fork branches off",
    };
    cells.number(0).map(Some)
}

fn drop_run(conn: &Connection, number: i64, run: &str) -> Result<u64, Fail> {
    if last_branch(conn, number, run)?.is_some() {
        return Ok(0);
    }
    let places = [place(number, 0)?, place(number, LAST_STEP)?];
    let steps = delete(conn, "steps WHERE place BETWEEN ?1 AND ?2", places)?;
    delete(conn, "snapshots WHERE place BETWEEN ?1 AND ?2", places)?;
    delete(conn, "effects WHERE place BETWEEN ?1 AND ?2", places)?;
    delete(conn, "waits WHERE place BETWEEN ?1 AND ?2", places)?;
    for table in [
        "results",
        "questions",
        "signals",
        "labels",
        "forks",
        "graph_changes",
        "turns",
        "outbox",
    ] {
        delete(conn, &format!("{table} WHERE run = ?1"), [number])?;
    }
    conn.prepare_cached(
        "INSERT INTO marks SELECT 'epoch', epoch FROM runs WHERE number = ?1 \
         ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
    )?
    .execute([number])?;
    delete(conn, "runs WHERE number = ?1", [number])?;
    Ok(steps)
}

fn drop_history(conn: &Connection, number: i64, head: &Head) -> Result<u64, Fail> {
    let snapshot = "SELECT max(step) FROM snapshots WHERE place BETWEEN ?1 AND ?2";
    let places = [place(number, 0)?, place(number, LAST_STEP)?];
    let snapshot: Option<u32> = conn
        .prepare_cached(snapshot)?
        .query_row(places, |row| row.get(0))?;
    let gone = rules::droppable(History {
        first: head.first_own_step(),
        snapshot: snapshot.map(u64::from),
        branch: last_branch(conn, number, &head.run)?,
    });
    if gone.is_empty() {
        return Ok(0);
    }
    let places = [place(number, gone.start)?, place(number, gone.end - 1)?];
    let steps = delete(conn, "steps WHERE place BETWEEN ?1 AND ?2", places)?;
    if steps == 0 {
        return Ok(0);
    }
    delete(conn, "effects WHERE place BETWEEN ?1 AND ?2", places)?;
    delete(conn, "waits WHERE place BETWEEN ?1 AND ?2", places)?;
    let range = [number, count(gone.start)?, count(gone.end - 1)?];
    delete(
        conn,
        "questions WHERE run = ?1 AND step BETWEEN ?2 AND ?3",
        range,
    )?;
    delete(
        conn,
        "labels WHERE run = ?1 AND step BETWEEN ?2 AND ?3",
        range,
    )?;
    conn.prepare_cached("UPDATE runs SET pruned = ?2 WHERE number = ?1")?
        .execute(params![number, count(gone.end)?])?;
    snapshots::drop_before(conn, number, place(number, gone.end)?)?;
    Ok(steps)
}

fn delete(conn: &Connection, what: &str, which: impl Params) -> Result<u64, Fail> {
    let sql = format!("DELETE FROM {what}");
    Ok(conn.prepare_cached(&sql)?.execute(which)? as u64)
}
