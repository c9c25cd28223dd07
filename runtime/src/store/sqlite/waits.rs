//! What the tasks of open steps wait for.

use std::slice;
use std::time::SystemTime;

use rusqlite::{Connection, Params, params};

use super::cells::{Cells, LAST_STEP, OF_CALL, count, of_call, place};
use super::errors::Fail;
use super::lease::Stored;
use super::{effects, lease, questions, signals, sizes};
use crate::store::{
    Deadline, EffectClass, EffectKey, Mail, Question, Registration, Wait, clock, rules,
};

pub(super) fn register(conn: &Connection, asked: &Registration) -> Result<Mail, Fail> {
    let run = asked.run.as_str();
    sizes::effects(run, &asked.effects)?;
    sizes::questions(run, &asked.questions)?;
    let (stored, _) = lease::held(conn, run, asked.epoch)?;
    let (number, open) = (stored.number, stored.step + 1);
    rules::of_open_step(run, open, &asked.effects, &[])?;
    rules::of_open_step(run, open, &asked.over, &asked.questions)?;
    rules::waits_of_open_step(run, open, &asked.waits)?;
    effects::write_news(conn, run, number, &asked.effects)?;
    for key in &asked.closed {
        close(conn, number, key)?;
    }
    questions::withdraw(conn, number, &asked.withdrawn)?;
    let now = clock::now();
    let time = signals::time_of(conn, run, &stored, now)?;
    let mut waits = Vec::with_capacity(asked.waits.len());
    for wait in &asked.waits {
        let kept = of_key(conn, run, number, &wait.key())?;
        let wait = rules::registered(wait.clone(), kept.as_ref(), time);
        put(conn, number, &wait)?;
        waits.push(wait);
    }
    let asking = asked.questions.iter().filter_map(Question::wait);
    let asking = asking.map(|key| of_key(conn, run, number, &key));
    let asking: Vec<Option<Wait>> = asking.collect::<Result<_, _>>()?;
    let asking: Vec<Wait> = asking.into_iter().flatten().collect();
    Ok(Mail {
        waits,
        questions: questions::ask(conn, (run, number), &asked.questions, &asking, time)?,
        over: end(conn, asked, &stored, now)?,
        ..signals::mail_of(conn, run, (number, open), asked.known, now)?
    })
}

/// Records of the waits that may be over that they are; returns which.
fn end(
    conn: &Connection,
    asked: &Registration,
    stored: &Stored,
    now: SystemTime,
) -> Result<Vec<EffectKey>, Fail> {
    if asked.over.is_empty() {
        return Ok(Vec::new());
    }
    let run = asked.run.as_str();
    let number = stored.number;
    let open = stored.step + 1;
    let unreceived = signals::behind(conn, run, number, 0)?;
    let answers = questions::answers(conn, run, number, open)?;
    let come = rules::Come {
        signals: &unreceived,
        questions: &answers,
    };
    let (mut over, mut latest) = (Vec::new(), stored.updated);
    for record in &asked.over {
        let key = record.key();
        let recorded = effects::same_call(conn, run, number, record)?;
        let recorded = recorded.as_ref();
        let is_over = |wait: &Wait| rules::is_over(wait, recorded, now, come);
        if let Some(wait) = of_key(conn, run, number, &key)?.filter(is_over) {
            latest = rules::time_after(&wait, latest);
            close(conn, number, &key)?;
            if record.class == EffectClass::Question {
                questions::expire(conn, number, record)?;
            }
            effects::write(conn, number, slice::from_ref(record))?;
            over.push(key);
        } else if rules::is_recorded_over(recorded) {
            close(conn, number, &key)?;
            over.push(key);
        }
    }
    if latest > stored.updated {
        conn.prepare_cached("UPDATE runs SET updated = ?2 WHERE number = ?1")?
            .execute(params![number, clock::to_millis(latest)])?;
    }
    Ok(over)
}

/// The wait with that key.
pub(super) fn same<'a>(waits: &'a [Wait], key: &EffectKey) -> Option<&'a Wait> {
    waits.iter().find(|wait| wait.key() == *key)
}

/// All that the open step waits for from now on.
pub(super) fn replace(
    conn: &Connection,
    number: i64,
    open: u64,
    waits: &[Wait],
) -> Result<(), Fail> {
    conn.prepare_cached("DELETE FROM waits WHERE place BETWEEN ?1 AND ?2")?
        .execute([place(number, 0)?, place(number, open)?])?;
    waits.iter().try_for_each(|wait| put(conn, number, wait))
}

fn put(conn: &Connection, number: i64, wait: &Wait) -> Result<(), Fail> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO waits (place, task, class, name, n, node, attempt, since, due, \
         parked) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        place(number, wait.step)?,
        wait.task.as_bytes(),
        wait.class.as_str(),
        wait.name,
        count(wait.n)?,
        wait.node,
        wait.attempt,
        clock::to_millis(wait.since),
        wait.deadline.time().map(clock::to_millis),
        wait.parked,
    ])?;
    Ok(())
}

fn close(conn: &Connection, number: i64, key: &EffectKey) -> Result<(), Fail> {
    conn.prepare_cached(&format!("DELETE FROM waits WHERE {OF_CALL}"))?
        .execute(of_call(number, key)?)?;
    Ok(())
}

const WAITS: &str =
    "SELECT step, task, class, name, n, node, attempt, since, due, parked FROM waits";

pub(super) fn within() -> String {
    format!("{WAITS} WHERE place = ?1 ORDER BY task, class, name, n")
}

pub(super) fn of_step(
    conn: &Connection,
    run: &str,
    number: i64,
    step: u64,
) -> Result<Vec<Wait>, Fail> {
    if step > LAST_STEP {
        return Ok(Vec::new());
    }
    select(conn, run, &within(), [place(number, step)?])
}

/// The one with that key, if there is one.
fn of_key(
    conn: &Connection,
    run: &str,
    number: i64,
    key: &EffectKey,
) -> Result<Option<Wait>, Fail> {
    let sql = format!("{WAITS} WHERE {OF_CALL}");
    Ok(select(conn, run, &sql, of_call(number, key)?)?.pop())
}

fn select(conn: &Connection, run: &str, sql: &str, which: impl Params) -> Result<Vec<Wait>, Fail> {
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query(which)?;
    let mut waits = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells {
            row,
            run,
            place: &"what it waits for",
        };
        waits.push(Wait {
            step: cells.number(0)?,
            task: cells.digest(1)?,
            class: cells.word(2, EffectClass::parse)?,
            name: cells.text(3)?,
            n: cells.number(4)?,
            node: cells.text(5)?,
            attempt: cells.small(6)?,
            since: cells.time(7)?,
            deadline: match cells.optional(8, Cells::time)? {
                Some(due) => Deadline::At(due),
                None => Deadline::Never,
            },
            parked: cells.bits(9)? != 0,
        });
    }
    Ok(waits)
}

/// Moves those of step `open` into the next one; what their tasks saw before is not what they
/// would see now.
pub(super) fn move_along(conn: &Connection, number: i64, open: u64) -> Result<(), Fail> {
    conn.prepare_cached("UPDATE waits SET place = ?2, parked = 0 WHERE place = ?1")?
        .execute([place(number, open)?, place(number, open + 1)?])?;
    Ok(())
}
