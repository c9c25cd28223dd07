//! What is kept when a step stays open.

use rusqlite::{Connection, params};

use super::cells::count;
use super::errors::Fail;
use super::owners::Owners;
use super::{effects, heads, lease, questions, signals, sizes, waits};
use crate::store::{Park, Parked, Wait, clock, rules};

pub(super) fn park(conn: &Connection, owners: &Owners, park: &Park) -> Result<Parked, Fail> {
    sizes::park(park)?;
    let run = park.run.as_str();
    let stored = lease::existing(conn, run)?;
    let Some(state) = rules::park(run, &stored.lease, park.epoch)? else {
        return Ok(Parked::Left);
    };
    let (number, open) = (stored.number, stored.step + 1);
    rules::of_open_step(run, open, &park.effects, &park.questions)?;
    rules::waits_of_open_step(run, open, &park.waits)?;
    let now = clock::now();
    let time = signals::time_of(conn, run, &stored, now)?;
    let kept = waits::of_step(conn, run, number, open)?;
    let registered =
        |wait: &Wait| rules::registered(wait.clone(), waits::same(&kept, &wait.key()), time);
    let open_waits: Vec<Wait> = park.waits.iter().map(registered).collect();
    let waits_on = rules::can_wake(park.status);
    if waits_on && !open_waits.is_empty() {
        let unreceived = signals::behind(conn, run, number, 0)?;
        let asked = questions::of_step(conn, run, number, open)?;
        if rules::is_called(park, &open_waits, now, unreceived, asked) {
            let mail = signals::mail_of(conn, run, (number, open), park.known, now)?;
            return Ok(Parked::Mail(mail));
        }
    }
    for kept in &park.results {
        conn.prepare_cached(
            "INSERT OR REPLACE INTO results (run, task, node, saw, result) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            number,
            kept.task.as_bytes(),
            kept.node,
            count(kept.saw)?,
            kept.result
        ])?;
    }
    effects::write(conn, number, &park.effects)?;
    questions::withdraw(conn, number, &park.withdrawn)?;
    questions::ask(conn, (run, number), &park.questions, &open_waits, time)?;
    waits::replace(conn, number, open, &open_waits)?;
    conn.prepare_cached("UPDATE runs SET updated = ?2, error = ?3 WHERE number = ?1")?
        .execute(params![number, clock::to_millis(time), park.error])?;
    if stored.status != park.status {
        heads::set_status(conn, number, park.status)?;
    }
    let wakes = match waits_on && questions::is_one_answered(conn, number, &park.asked)? {
        true => Some(now),
        false => rules::wakes(open_waits.iter()).filter(|_| waits_on),
    };
    if stored.wakes != wakes {
        heads::set_wakes(conn, number, wakes)?;
    }
    lease::put(conn, owners, number, &state)?;
    Ok(Parked::Left)
}
