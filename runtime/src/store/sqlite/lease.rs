//! Leases as they stand in the row of their run.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::cells::{Cells, count};
use super::errors::Fail;
use super::owners::Owners;
use crate::hash::Digest;
use crate::store::rules::{self, LeaseState};
use crate::store::{Lease, Status, StoreError, clock};

/// What a write has to know of a run.
pub(super) struct Stored {
    pub(super) number: i64,
    pub(super) step: u64,
    pub(super) chain: Digest,
    pub(super) status: Status,
    pub(super) lease: LeaseState,
    /// The lock file of the owner.
    lock: Option<String>,
}

impl Stored {
    /// Whether the lease's owner is certainly dead.
    pub(super) fn is_dead(&self, owners: &Owners) -> Result<bool, StoreError> {
        match &self.lock {
            Some(lock) => owners.is_dead(lock),
            None => Ok(false),
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
        "SELECT number, step, chain, owner, epoch, expires, lock, status FROM runs WHERE id = ?1",
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
        lease: LeaseState {
            owner: cells.optional_text(3)?,
            epoch: cells.number(4)?,
            expires: cells.time(5)?,
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

/// The run, and its lease, which has that epoch.
pub(super) fn held(conn: &Connection, run: &str, epoch: u64) -> Result<(Stored, Lease), Fail> {
    let stored = existing(conn, run)?;
    let lease = rules::held(run, &stored.lease, epoch)?;
    Ok((stored, lease))
}

/// Gives the lease, and the lock file of an owner that it was taken from.
pub(super) fn acquire(
    conn: &Connection,
    owners: &Owners,
    run: &str,
    owner: &str,
    term: Duration,
) -> Result<(Lease, Option<String>), Fail> {
    let stored = existing(conn, run)?;
    let now = clock::now();
    let dead = || stored.is_dead(owners);
    let lease = rules::take(run, &stored.lease, owner, now, term, dead)?;
    put(conn, owners, stored.number, Some(&lease))?;
    Ok((lease, stored.left_behind(owners)))
}

pub(super) fn renew(
    conn: &Connection,
    run: &str,
    epoch: u64,
    term: Duration,
) -> Result<Lease, Fail> {
    let (stored, lease) = held(conn, run, epoch)?;
    let expires = clock::after(clock::now(), term);
    conn.prepare_cached("UPDATE runs SET expires = ?2 WHERE number = ?1")?
        .execute([stored.number, clock::to_millis(expires)])?;
    Ok(Lease { expires, ..lease })
}

pub(super) fn release(conn: &Connection, run: &str, epoch: u64) -> Result<(), Fail> {
    let held = stored(conn, run)?.filter(|stored| stored.lease.epoch == epoch);
    if let Some(stored) = held {
        give_back(conn, stored.number)?;
    }
    Ok(())
}

/// Writes a lease; its epoch stays when it is given back.
pub(super) fn put(
    conn: &Connection,
    owners: &Owners,
    number: i64,
    lease: Option<&Lease>,
) -> Result<(), Fail> {
    let Some(lease) = lease else {
        return give_back(conn, number);
    };
    conn.prepare_cached(
        "UPDATE runs SET owner = ?2, epoch = ?3, expires = ?4, lock = ?5 WHERE number = ?1",
    )?
    .execute(params![
        number,
        lease.owner,
        count(lease.epoch)?,
        clock::to_millis(lease.expires),
        owners.own(),
    ])?;
    Ok(())
}

fn give_back(conn: &Connection, number: i64) -> Result<(), Fail> {
    conn.prepare_cached("UPDATE runs SET owner = NULL, lock = NULL WHERE number = ?1")?
        .execute([number])?;
    Ok(())
}
