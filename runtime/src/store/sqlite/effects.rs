//! The journal of effects.

use rusqlite::{Connection, Params, params};
use std::slice;

use super::cells::{Cells, LAST_STEP, OF_CALL, count, of_call, one_more, place};
use super::errors::Fail;
use super::lineage::gather;
use super::{lease, signals, sizes};
use crate::store::{
    EffectClass, EffectKey, EffectKind, EffectRecord, Listed, Page, Recording, clock, rules,
};

pub(super) fn journal(conn: &Connection, recording: &Recording) -> Result<(), Fail> {
    sizes::effects(&recording.run, &recording.effects)?;
    let (stored, _) = lease::held(conn, &recording.run, recording.epoch)?;
    rules::of_open_step(&recording.run, stored.step + 1, &recording.effects, &[])?;
    write_news(conn, &recording.run, stored.number, &recording.effects)
}

/// Writes those that what is kept does not contradict.
pub(super) fn write_news(
    conn: &Connection,
    run: &str,
    number: i64,
    effects: &[EffectRecord],
) -> Result<(), Fail> {
    for effect in effects {
        let kept = same_call(conn, run, number, effect)?;
        if !kept.is_some_and(|kept| rules::stands(&kept, effect)) {
            write(conn, number, slice::from_ref(effect))?;
        }
    }
    Ok(())
}

/// What is kept of the call that `record` is about.
pub(super) fn same_call(
    conn: &Connection,
    run: &str,
    number: i64,
    record: &EffectRecord,
) -> Result<Option<EffectRecord>, Fail> {
    let sql = format!("{EFFECTS} WHERE {OF_CALL}");
    let key = record.key();
    Ok(select(conn, run, &sql, of_call(number, &key)?)?.pop())
}

/// Writes effects that were already checked to belong to the open step.
pub(super) fn write(conn: &Connection, number: i64, effects: &[EffectRecord]) -> Result<(), Fail> {
    let now = clock::to_millis(clock::now());
    for effect in effects {
        conn.prepare_cached(
            "INSERT OR REPLACE INTO effects (place, task, class, name, n, kind, call, seen, attempt, \
             request, excerpt, response, error, signal, recorded) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            place(number, effect.step)?,
            effect.task.as_bytes(),
            effect.class.as_str(),
            effect.name,
            count(effect.n)?,
            effect.kind.as_str(),
            effect.call,
            effect.seen,
            effect.attempt,
            effect.request.as_bytes(),
            effect.excerpt,
            effect.response,
            effect.error,
            effect.signal.map(count).transpose()?,
            now,
        ])?;
        signals::take(conn, number, effect.signal)?;
    }
    Ok(())
}

pub(super) fn remove(conn: &Connection, number: i64, keys: &[EffectKey]) -> Result<(), Fail> {
    let sql = format!("DELETE FROM effects WHERE {OF_CALL}");
    for key in keys {
        conn.prepare_cached(&sql)?.execute(of_call(number, key)?)?;
    }
    Ok(())
}

/// Moves those of step `open` into the next one.
pub(super) fn move_along(conn: &Connection, number: i64, open: u64) -> Result<(), Fail> {
    conn.prepare_cached("UPDATE effects SET place = ?2 WHERE place = ?1")?
        .execute([place(number, open)?, place(number, open + 1)?])?;
    Ok(())
}

pub(super) fn effects(
    conn: &Connection,
    run: &str,
    from: u64,
    to: u64,
    page: &Page<EffectKey>,
) -> Result<Listed<EffectRecord, EffectKey>, Fail> {
    let after = page.after.as_ref().filter(|key| key.step >= from);
    let range = (after.map_or(from, |key| key.step), to);
    let read = |[first, last]: [i64; 2], most| {
        // If the key's step is not at `first`, none is.
        let (task, class, name, n) = match after {
            Some(key) => (
                key.task.as_bytes().as_slice(),
                key.class.as_str(),
                key.name.as_str(),
                // No count reaches that far.
                i64::try_from(key.n).unwrap_or(i64::MAX),
            ),
            None => BEFORE_ALL,
        };
        let which = params![first, task, class, name, n, last, count(most)?];
        select(conn, run, &within(), which)
    };
    let effects = gather(conn, run, range, one_more(page), read)?;
    Ok(rules::cut(effects, page, EffectRecord::key))
}

pub(super) fn of_step(
    conn: &Connection,
    run: &str,
    number: i64,
    step: u64,
) -> Result<Vec<EffectRecord>, Fail> {
    if step > LAST_STEP {
        return Ok(Vec::new());
    }
    let at = place(number, step)?;
    let (task, class, name, n) = BEFORE_ALL;
    select(
        conn,
        run,
        &within(),
        params![at, task, class, name, n, at, i64::MAX],
    )
}

/// No task's key is that short.
const BEFORE_ALL: (&[u8], &str, &str, i64) = (&[], "", "", 0);

pub(super) fn within() -> String {
    format!(
        "{EFFECTS} WHERE (place, task, class, name, n) > (?1, ?2, ?3, ?4, ?5) AND place <= ?6 \
         ORDER BY place, task, class, name, n LIMIT ?7"
    )
}

const EFFECTS: &str = "SELECT step, task, name, n, kind, call, attempt, request, excerpt, \
     response, error, recorded, class, seen, signal FROM effects";

fn select(
    conn: &Connection,
    run: &str,
    sql: &str,
    which: impl Params,
) -> Result<Vec<EffectRecord>, Fail> {
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query(which)?;
    let mut effects = Vec::new();
    while let Some(row) = rows.next()? {
        let step: u64 = row.get::<_, u32>(0)?.into();
        let place = format!("an effect of step {step}");
        let cells = Cells {
            row,
            run,
            place: &place,
        };
        effects.push(EffectRecord {
            step,
            task: cells.digest(1)?,
            name: cells.text(2)?,
            n: cells.number(3)?,
            kind: cells.word(4, EffectKind::parse)?,
            call: cells.optional(5, Cells::small)?,
            attempt: cells.small(6)?,
            request: cells.digest(7)?,
            excerpt: cells.text(8)?,
            response: cells.optional_text(9)?,
            error: cells.optional_text(10)?,
            recorded: cells.time(11)?,
            class: cells.word(12, EffectClass::parse)?,
            seen: cells.optional(13, Cells::small)?,
            signal: cells.optional(14, Cells::number)?,
        });
    }
    Ok(effects)
}
