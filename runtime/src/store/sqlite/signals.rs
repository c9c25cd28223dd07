//! The signals of runs, in the order in which they came.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::cells::{Cells, count};
use super::errors::Fail;
use super::lease::Stored;
use super::{lease, questions, sizes, waits};
use crate::store::{Mail, NewSignal, Signal, clock, rules};

/// By that index, which has only what was not received: a run may have received any number.
pub(super) const BEHIND: &str = "SELECT number, name, value, sent FROM signals \
     INDEXED BY signals_unreceived WHERE run = ?1 AND number > ?2 AND value IS NOT NULL \
     ORDER BY number";

/// Those that the run has not received and that came after the one with that number.
pub(super) fn behind(
    conn: &Connection,
    run: &str,
    number: i64,
    known: u64,
) -> Result<Vec<Signal>, Fail> {
    let mut query = conn.prepare_cached(BEHIND)?;
    // No number reaches that far.
    let known = i64::try_from(known).unwrap_or(i64::MAX);
    let mut rows = query.query([number, known])?;
    let mut signals = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells {
            row,
            run,
            place: &"a signal",
        };
        signals.push(Signal {
            number: cells.number(0)?,
            name: cells.text(1)?,
            value: cells.text(2)?,
            sent: cells.time(3)?,
        });
    }
    Ok(signals)
}

pub(super) fn mail(conn: &Connection, run: &str, known: u64) -> Result<Mail, Fail> {
    let stored = lease::existing(conn, run)?;
    let open = stored.step + 1;
    mail_of(conn, run, (stored.number, open), known, clock::now())
}

/// The same of a run with that number and open step, at `now`.
pub(super) fn mail_of(
    conn: &Connection,
    run: &str,
    (number, open): (i64, u64),
    known: u64,
    now: SystemTime,
) -> Result<Mail, Fail> {
    let mut mail = Mail::new(now);
    mail.signals = behind(conn, run, number, known)?;
    mail.answers = questions::answers(conn, run, number, open)?;
    Ok(mail)
}

pub(super) fn signal(conn: &Connection, signal: &NewSignal) -> Result<(), Fail> {
    sizes::signal(signal)?;
    let run = signal.run.as_str();
    let stored = lease::existing(conn, run)?;
    let number = stored.number;
    let is_known = conn
        .prepare_cached(WITH_ID)?
        .exists(params![number, signal.id])?;
    if !rules::signal(stored.status, signal, is_known, unreceived(conn, number)?)? {
        return Ok(());
    }
    let now = clock::now();
    let last = last(conn, run, number)?;
    let sent = Signal {
        number: last.map_or(0, |(last, _)| last) + 1,
        name: signal.name.clone(),
        value: signal.value.clone(),
        sent: time_after(now, stored.updated, last),
    };
    conn.prepare_cached(
        "INSERT INTO signals (run, number, id, name, value, sent) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        number,
        count(sent.number)?,
        signal.id,
        sent.name,
        sent.value,
        clock::to_millis(sent.sent)
    ])?;
    if !rules::can_wake(stored.status) || stored.is_awake(now) {
        return Ok(());
    }
    let waits = waits::of_step(conn, run, number, stored.step + 1)?;
    let come = rules::Come {
        signals: &[sent],
        questions: &[],
    };
    match waits.iter().any(|wait| rules::is_ready(wait, now, come)) {
        true => stored.wake(conn, now),
        false => Ok(()),
    }
}

pub(super) const WITH_ID: &str = "SELECT 1 FROM signals WHERE run = ?1 AND id = ?2";

pub(super) const UNRECEIVED: &str = "SELECT count(*) FROM signals INDEXED BY signals_unreceived \
     WHERE run = ?1 AND value IS NOT NULL";

fn unreceived(conn: &Connection, number: i64) -> Result<u64, Fail> {
    let mut query = conn.prepare_cached(UNRECEIVED)?;
    let count: i64 = query.query_row([number], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Number and time of the last one, received or not.
fn last(conn: &Connection, run: &str, number: i64) -> Result<Option<(u64, SystemTime)>, Fail> {
    let mut query = conn.prepare_cached(LAST)?;
    let mut rows = query.query([number])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        row,
        run,
        place: &"a signal",
    };
    Ok(Some((cells.number(0)?, cells.time(1)?)))
}

pub(super) const LAST: &str =
    "SELECT number, sent FROM signals WHERE run = ?1 ORDER BY number DESC LIMIT 1";

/// The time of what happens to a run `now`, which last changed at `updated`.
pub(super) fn time_of(
    conn: &Connection,
    run: &str,
    stored: &Stored,
    now: SystemTime,
) -> Result<SystemTime, Fail> {
    let last = last(conn, run, stored.number)?;
    Ok(time_after(now, stored.updated, last))
}

fn time_after(now: SystemTime, updated: SystemTime, last: Option<(u64, SystemTime)>) -> SystemTime {
    let latest = last.map_or(updated, |(_, sent)| sent.max(updated));
    rules::time_of_run(now, latest)
}

/// The signal with that number, if one is named, is received. Its id stays.
pub(super) fn take(conn: &Connection, run: i64, number: Option<u64>) -> Result<(), Fail> {
    if let Some(number) = number {
        conn.prepare_cached("UPDATE signals SET value = NULL WHERE run = ?1 AND number = ?2")?
            .execute([run, count(number)?])?;
    }
    Ok(())
}
