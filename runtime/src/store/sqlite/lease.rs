//! Leases as they are stored in the row of their run.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use super::cells::{Cells, count};
use super::errors::Fail;
use super::heads;
use super::owners::Owners;
use crate::hash::Digest;
use crate::store::rules::{self, Grant, LeaseState, Life};
use crate::store::{Claim, Lease, Status, StoreError, clock};

/// What a write has to know of a run.
pub(super) struct Stored {
    pub(super) number: i64,
    pub(super) step: u64,
    pub(super) chain: Digest,
    pub(super) status: Status,
    /// When it last changed.
    pub(super) updated: SystemTime,
    pub(super) wakes: Option<SystemTime>,
    pub(super) lease: LeaseState,
    /// The lock file of the owner.
    lock: Option<String>,
}

impl Stored {
    /// Whether something that it waits for is there already.
    pub(super) fn is_awake(&self, now: SystemTime) -> bool {
        self.wakes.is_some_and(|wakes| wakes <= now)
    }

    /// Something that it waits for is there.
    pub(super) fn wake(&self, conn: &Connection, now: SystemTime) -> Result<(), Fail> {
        if self.is_awake(now) {
            return Ok(());
        }
        heads::set_wakes(conn, self.number, Some(now))
    }

    /// What is known of the lease's owner.
    pub(super) fn life(&self, owners: &Owners) -> Result<Life, StoreError> {
        match &self.lock {
            Some(lock) => owners.life(lock),
            None => Ok(Life::Unknown),
        }
    }

    /// The lock file that a new owner's lease no longer names.
    pub(super) fn left_behind(&self, owners: &Owners) -> Option<String> {
        self.lock
            .clone()
            .filter(|lock| Some(lock.as_str()) != owners.own())
    }
}

pub(super) fn stored(conn: &Connection, run: &str) -> Result<Option<Stored>, Fail> {
    let mut query = conn.prepare_cached(
        "SELECT number, step, chain, owner, epoch, lapses, lock, status, claim, parked, \
         grace, updated, wakes FROM runs \
         WHERE id = ?1",
    )?;
    let mut rows = query.query([run])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        row,
        run,
        place: &"its row",
    };
    Ok(Some(Stored {
        number: row.get(0)?,
        step: cells.number(1)?,
        chain: cells.digest(2)?,
        status: cells.word(7, Status::parse)?,
        updated: cells.time(11)?,
        wakes: cells.optional(12, Cells::time)?,
        lease: LeaseState {
            owner: cells.optional_text(3)?,
            epoch: cells.number(4)?,
            expires: cells.time(5)?,
            claim: cells.optional(8, Cells::bits)?,
            parked: cells.optional(9, Cells::number)?,
            grace: cells.optional(10, Cells::time)?,
        },
        lock: cells.optional_text(6)?,
    }))
}

pub(super) fn existing(conn: &Connection, run: &str) -> Result<Stored, Fail> {
    stored(conn, run)?.ok_or_else(|| {
        Fail::Refused(StoreError::NoSuchRun {
            run: run.to_owned(),
        })
    })
}

/// The run, and its lease, which must have that epoch.
pub(super) fn held(conn: &Connection, run: &str, epoch: u64) -> Result<(Stored, Lease), Fail> {
    let stored = existing(conn, run)?;
    let lease = rules::held(run, &stored.lease, epoch)?;
    Ok((stored, lease))
}

/// Returns the lease, and the lock file of an owner that it was taken from.
pub(super) fn acquire(
    conn: &Connection,
    owners: &Owners,
    run: &str,
    claim: &Claim,
) -> Result<(Lease, Option<String>), Fail> {
    let stored = existing(conn, run)?;
    let life = || stored.life(owners);
    let Grant { lease, state } = rules::take(run, &stored.lease, claim, clock::now(), life)?;
    put(conn, owners, stored.number, &state)?;
    Ok((lease, stored.left_behind(owners)))
}

/// Leaves alone the lock file, which belongs to whoever took the lease.
pub(super) fn renew(
    conn: &Connection,
    run: &str,
    epoch: u64,
    term: Duration,
) -> Result<Lease, Fail> {
    let stored = existing(conn, run)?;
    let Grant { lease, state } = rules::renew(run, &stored.lease, epoch, clock::now(), term)?;
    let (expires, grace) = (state.expires, state.grace);
    conn.prepare_cached("UPDATE runs SET lapses = ?2, grace = ?3 WHERE number = ?1")?
        .execute(params![
            stored.number,
            clock::to_millis(expires),
            grace.map(clock::to_millis)
        ])?;
    Ok(lease)
}

pub(super) fn release(
    conn: &Connection,
    owners: &Owners,
    run: &str,
    epoch: u64,
) -> Result<(), Fail> {
    if let Some(stored) = stored(conn, run)?
        && let Some(state) = rules::release(&stored.lease, epoch)
    {
        put(conn, owners, stored.number, &state)?;
    }
    Ok(())
}

/// Writes what is stored of a lease; the epoch of one that was given back stays.
pub(super) fn put(
    conn: &Connection,
    owners: &Owners,
    number: i64,
    state: &LeaseState,
) -> Result<(), Fail> {
    conn.prepare_cached(
        "UPDATE runs SET owner = ?2, epoch = ?3, lapses = ?4, claim = ?5, parked = ?6, lock = ?7, \
         grace = ?8 \
         WHERE number = ?1",
    )?
    .execute(params![
        number,
        state.owner,
        count(state.epoch)?,
        clock::to_millis(state.expires),
        state.claim.map(u64::cast_signed),
        state.parked.map(count).transpose()?,
        state.owner.as_ref().and_then(|_| owners.own()),
        state.grace.map(clock::to_millis),
    ])?;
    Ok(())
}
