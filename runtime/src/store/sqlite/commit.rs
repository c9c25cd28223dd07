//! One step, one transaction.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::cells::{Cells, count, place};
use super::errors::Fail;
use super::lease::{self, Stored};
use super::lineage::{chain_at, pruned_before};
use super::owners::Owners;
use super::{effects, graphs, heads, questions, read, sizes, snapshots, turns, waits};
use crate::hash::Digest;
use crate::store::rules::{self, Facts, Grant, Verdict};
use crate::store::{
    Access, Commit, Committed, Creation, Event, GraphChange, Origin, StepKind, StepRecord, clock,
};

/// Returns what happened, and the lock file of an owner that the lease was taken from.
pub(super) fn commit(
    conn: &Connection,
    owners: &Owners,
    commit: &Commit,
) -> Result<(Committed, Option<String>), Fail> {
    sizes::commit(commit)?;
    let now = clock::now();
    let stored = lease::stored(conn, &commit.run)?;
    let verdict = match &stored {
        Some(stored) => {
            let life = || stored.life(owners);
            rules::judge(commit, &facts(conn, stored, commit)?, now, life)?
        }
        None => {
            let past = (branch(conn, commit)?, last_epoch(conn)?);
            Verdict::Write(rules::begin(commit, past, now)?)
        }
    };
    let Grant { lease, state } = match verdict {
        Verdict::Already(lease) => return Ok((Committed::Already(lease), None)),
        Verdict::TokenSpent => return Ok((Committed::TokenSpent, None)),
        Verdict::Write(grant) => grant,
    };
    let number = match (&stored, &commit.create) {
        (Some(stored), _) => {
            if commit.record.kind == StepKind::Update && rules::can_wake(commit.status) {
                stored.wake(conn, now)?;
            }
            if rules::begins_turn(commit) {
                turns::end(conn, stored.number)?;
            }
            let time = rules::time_of_run(now, stored.updated);
            advance(conn, stored.number, commit, time)?;
            if stored.status != commit.status {
                heads::set_status(conn, stored.number, commit.status)?;
            }
            if commit.record.kind != StepKind::Update && stored.wakes.is_some() {
                heads::set_wakes(conn, stored.number, None)?;
            }
            stored.number
        }
        (None, Some(create)) => create_run(conn, commit, create, now)?,
        // `judge` has refused a run that is neither there nor to be created.
        (None, None) => return Ok((Committed::Already(None), None)),
    };
    if stored.as_ref().is_none_or(|stored| stored.lease != state) {
        lease::put(conn, owners, number, &state)?;
    }
    write_step(conn, number, &commit.record, now)?;
    if let Some(snapshot) = &commit.snapshot {
        snapshots::write(conn, number, snapshot)?;
    }
    write_events(conn, number, commit.record.step, &commit.events)?;
    if rules::begins_turn(commit) {
        turns::begin(conn, number, commit)?;
    }
    if let Some(change) = GraphChange::of(&commit.record) {
        graphs::change(conn, number, &change, commit.description.as_deref())?;
    }
    if commit.record.kind == StepKind::Update {
        effects::move_along(conn, number, commit.record.step)?;
        questions::move_along(conn, number, commit.record.step)?;
        waits::move_along(conn, number, commit.record.step)?;
    }
    effects::remove(conn, number, &commit.unheard)?;
    effects::write(conn, number, &commit.effects)?;
    if stored.is_some() && commit.record.kind != StepKind::Update {
        conn.prepare_cached("DELETE FROM results WHERE run = ?1")?
            .execute([number])?;
    }
    let taken = matches!(commit.access, Access::Take(_));
    let left = stored
        .filter(|_| taken)
        .and_then(|stored| stored.left_behind(owners));
    Ok((Committed::Now(lease), left))
}

fn facts(conn: &Connection, stored: &Stored, commit: &Commit) -> Result<Facts, Fail> {
    let step = commit.record.step;
    let key = if step <= stored.step {
        key_of(conn, stored.number, &commit.run, step)?
    } else {
        None
    };
    Ok(Facts {
        step: stored.step,
        chain: stored.chain,
        key,
        token_spent: is_token_spent(conn, stored.number, commit)?,
        lease: stored.lease.clone(),
    })
}

/// For a fork's first step, the chain value at which it branches off.
fn branch(conn: &Connection, commit: &Commit) -> Result<Option<Digest>, Fail> {
    let create = commit.create.as_ref();
    match create.and_then(|create| create.origin.as_ref()) {
        Some(origin) => chain_at(conn, &origin.run, origin.step),
        None => Ok(None),
    }
}

/// The highest epoch of a run that is gone.
fn last_epoch(conn: &Connection) -> Result<u64, Fail> {
    let mut query = conn.prepare_cached("SELECT value FROM marks WHERE name = 'epoch'")?;
    let mut rows = query.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(0);
    };
    Cells {
        row,
        run: "",
        place: &"the marks",
    }
    .number(0)
}

fn is_token_spent(conn: &Connection, number: i64, commit: &Commit) -> Result<bool, Fail> {
    let Some(token) = &commit.token else {
        return Ok(false);
    };
    let mut query = conn.prepare_cached("SELECT 1 FROM turns WHERE run = ?1 AND token = ?2")?;
    Ok(query.exists(params![number, token])?)
}

fn key_of(conn: &Connection, number: i64, run: &str, step: u64) -> Result<Option<Digest>, Fail> {
    let mut query = conn.prepare_cached("SELECT key FROM steps WHERE place = ?1")?;
    let mut rows = query.query([place(number, step)?])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        row,
        run,
        place: &format_args!("step {step}"),
    };
    cells.digest(0).map(Some)
}

fn create_run(
    conn: &Connection,
    commit: &Commit,
    create: &Creation,
    now: SystemTime,
) -> Result<i64, Fail> {
    graphs::describe(conn, create.fingerprint, &create.description)?;
    let now = clock::to_millis(now);
    conn.prepare_cached(
        "INSERT INTO runs (id, graph, fingerprint, version, seed, created, updated, status, \
         step, turn, turn_step, counted_from, chain, epoch, lapses, token) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?6, ?13)",
    )?
    .execute(params![
        commit.run,
        create.graph,
        create.fingerprint.as_bytes(),
        create.version,
        create.seed.cast_signed(),
        now,
        commit.status.as_str(),
        count(commit.record.step)?,
        count(commit.turn)?,
        count(commit.turn_step)?,
        count(commit.counted_from)?,
        commit.record.chain.as_bytes(),
        commit.token,
    ])?;
    let number = conn.last_insert_rowid();
    if let Some(origin) = &create.origin {
        branch_off(conn, number, origin)?;
    }
    Ok(number)
}

fn branch_off(conn: &Connection, number: i64, origin: &Origin) -> Result<(), Fail> {
    conn.prepare_cached("INSERT INTO forks (run, origin, origin_step) VALUES (?1, ?2, ?3)")?
        .execute(params![
            number,
            read::number_of(conn, &origin.run)?,
            count(origin.step)?
        ])?;
    graphs::inherit(conn, number, origin)?;
    conn.prepare_cached("UPDATE runs SET pruned = ?2 WHERE number = ?1")?
        .execute(params![number, count(pruned_before(conn, origin)?)?])?;
    Ok(())
}

pub(super) const ADVANCE: &str = "UPDATE runs SET updated = ?2, step = ?3, turn = ?4, \
     turn_step = ?5, counted_from = ?6, chain = ?7, token = iif(?10, ?8, token), \
     error = iif(?9, error, NULL) WHERE number = ?1";

/// Moves the head. The lease and the status have statements of their own, so that
/// a step that leaves them alone does not touch their indexes.
fn advance(conn: &Connection, number: i64, commit: &Commit, now: SystemTime) -> Result<(), Fail> {
    conn.prepare_cached(ADVANCE)?.execute(params![
        number,
        clock::to_millis(now),
        count(commit.record.step)?,
        count(commit.turn)?,
        count(commit.turn_step)?,
        count(commit.counted_from)?,
        commit.record.chain.as_bytes(),
        commit.token,
        commit.record.kind == StepKind::Update,
        rules::begins_turn(commit),
    ])?;
    Ok(())
}

fn write_step(
    conn: &Connection,
    number: i64,
    record: &StepRecord,
    now: SystemTime,
) -> Result<(), Fail> {
    conn.prepare_cached(
        "INSERT INTO steps (place, kind, committed, chain, digest, key, updates, frontier, \
         version, notes, journal, graph) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        place(number, record.step)?,
        record.kind.as_str(),
        clock::to_millis(now),
        record.chain.as_bytes(),
        record.digest.as_bytes(),
        record.key.as_bytes(),
        record.updates,
        record.frontier,
        record.version,
        record.notes,
        record.journal.as_ref().map(Digest::as_bytes),
        record.graph.as_ref().map(Digest::as_bytes),
    ])?;
    Ok(())
}

fn write_events(conn: &Connection, number: i64, step: u64, events: &[Event]) -> Result<(), Fail> {
    for event in events {
        conn.prepare_cached(
            "INSERT INTO outbox (run, step, name, payload) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![number, count(step)?, event.name, event.payload])?;
    }
    Ok(())
}

/// What is delivered leaves the outbox; its id is never reused.
pub(super) fn mark_delivered(conn: &Connection, ids: &[u64]) -> Result<(), Fail> {
    let mut delete = conn.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
    for id in ids {
        // An id that does not fit was never assigned.
        if let Ok(id) = i64::try_from(*id) {
            delete.execute([id])?;
        }
    }
    Ok(())
}
