//! What tasks ask, and the answers.

use std::time::SystemTime;

use rusqlite::{Connection, Params, params};

use super::cells::{Cells, LAST_STEP, count, place};
use super::errors::Fail;
use super::read::number_of;
use super::{effects, lease, sizes};
use crate::store::{Answer, EffectRecord, Question, QuestionKind, Wait, clock, rules};

const QUESTIONS: &str = "SELECT id, kind, step, task, node, name, n, question, schema, asked, \
     answer, token, due, fallback, reason, answered_by FROM questions WHERE run = ?1";

pub(super) fn of_run(conn: &Connection, run: &str) -> Result<Vec<Question>, Fail> {
    let Some(number) = number_of(conn, run)? else {
        return Ok(Vec::new());
    };
    let sql = format!("{QUESTIONS} ORDER BY id");
    select(conn, run, &sql, [number])
}

/// Those that the open step waits for.
pub(super) fn open(
    conn: &Connection,
    run: &str,
    number: i64,
    step: u64,
) -> Result<Vec<Question>, Fail> {
    let sql =
        format!("{QUESTIONS} AND step = ?2 AND answer IS NULL AND answered_by IS NULL ORDER BY id");
    select(conn, run, &sql, [number, count(step)?])
}

/// All of a step, answered or not.
pub(super) fn of_step(
    conn: &Connection,
    run: &str,
    number: i64,
    step: u64,
) -> Result<Vec<Question>, Fail> {
    let sql = format!("{QUESTIONS} AND step = ?2 ORDER BY id");
    select(conn, run, &sql, params![number, count(step)?])
}

/// The answers that the open step still waits for.
pub(super) fn answers(
    conn: &Connection,
    run: &str,
    number: i64,
    step: u64,
) -> Result<Vec<Question>, Fail> {
    if step > LAST_STEP {
        return Ok(Vec::new());
    }
    let sql = format!(
        "{QUESTIONS} AND step = ?2 AND kind = 'interrupt' AND answer IS NOT NULL \
         AND EXISTS (SELECT 1 FROM waits WHERE place = ?3 AND task = questions.task \
         AND class = 'question' AND name = questions.name AND n = questions.n) ORDER BY id"
    );
    let which = params![number, count(step)?, place(number, step)?];
    select(conn, run, &sql, which)
}

fn one(conn: &Connection, run: &str, number: i64, id: &str) -> Result<Option<Question>, Fail> {
    let sql = format!("{QUESTIONS} AND id = ?2");
    Ok(select(conn, run, &sql, params![number, id])?.pop())
}

fn select(
    conn: &Connection,
    run: &str,
    sql: &str,
    which: impl Params,
) -> Result<Vec<Question>, Fail> {
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query(which)?;
    let mut questions = Vec::new();
    while let Some(row) = rows.next()? {
        let id = Cells {
            row,
            run,
            place: &"a question",
        }
        .text(0)?;
        let place = format!("question `{id}`");
        let cells = Cells {
            row,
            run,
            place: &place,
        };
        questions.push(Question {
            kind: cells.word(1, QuestionKind::parse)?,
            step: cells.number(2)?,
            task: cells.digest(3)?,
            node: cells.text(4)?,
            name: cells.text(5)?,
            n: cells.number(6)?,
            question: cells.text(7)?,
            schema: cells.optional_text(8)?,
            asked: cells.time(9)?,
            answer: cells.optional_text(10)?,
            token: cells.optional(11, Cells::bits)?,
            deadline: cells.optional(12, Cells::time)?,
            default: cells.optional_text(13)?,
            reason: cells.optional_text(14)?,
            answered_by: cells.optional_text(15)?,
            id,
        });
    }
    Ok(questions)
}

/// Asks what is not asked yet, with `waits` as they are kept, at that time of the run; returns all as
/// they are stored. An answer may have come while the run was driven: it is kept.
pub(super) fn ask(
    conn: &Connection,
    (run, number): (&str, i64),
    questions: &[Question],
    waits: &[Wait],
    time: SystemTime,
) -> Result<Vec<Question>, Fail> {
    let mut asked = Vec::with_capacity(questions.len());
    for question in questions {
        let question = rules::asked(question.clone(), waits, time);
        conn.prepare_cached(
            "INSERT OR IGNORE INTO questions (run, id, kind, step, task, node, name, n, question, \
             schema, asked, due, fallback, reason) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            number,
            question.id,
            question.kind.as_str(),
            count(question.step)?,
            question.task.as_bytes(),
            question.node,
            question.name,
            count(question.n)?,
            question.question,
            question.schema,
            clock::to_millis(question.asked),
            question.deadline.map(clock::to_millis),
            question.default,
            question.reason,
        ])?;
        asked.extend(one(conn, run, number, &question.id)?);
    }
    Ok(asked)
}

/// Nobody is to answer these any more.
pub(super) fn withdraw(conn: &Connection, number: i64, ids: &[String]) -> Result<(), Fail> {
    for id in ids {
        conn.prepare_cached("DELETE FROM questions WHERE run = ?1 AND id = ?2")?
            .execute(params![number, id])?;
    }
    Ok(())
}

/// Nobody has answered what the wait of `record` was for.
pub(super) fn expire(conn: &Connection, number: i64, record: &EffectRecord) -> Result<(), Fail> {
    conn.prepare_cached(
        "UPDATE questions SET answer = ?6, answered = due, answered_by = ?7 \
         WHERE run = ?1 AND step = ?2 AND kind = 'interrupt' AND task = ?3 AND name = ?4 AND n = ?5",
    )?
    .execute(params![
        number,
        count(record.step)?,
        record.task.as_bytes(),
        record.name,
        count(record.n)?,
        record.response,
        Question::DEADLINE,
    ])?;
    Ok(())
}

/// Whether one of those with these ids is answered.
pub(super) fn is_one_answered(
    conn: &Connection,
    number: i64,
    ids: &[String],
) -> Result<bool, Fail> {
    let answered = "SELECT 1 FROM questions WHERE run = ?1 AND id = ?2 AND answer IS NOT NULL";
    for id in ids {
        if conn.prepare_cached(answered)?.exists(params![number, id])? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn answer(conn: &Connection, answer: &Answer) -> Result<(), Fail> {
    let now = clock::now();
    let run = lease::existing(conn, &answer.run)?;
    let question = one(conn, &answer.run, run.number, &answer.question)?;
    let effect = match &answer.effect {
        Some(effect) => effects::same_call(conn, &answer.run, run.number, effect)?,
        None => None,
    };
    if !rules::answer(
        answer,
        question.as_ref(),
        effect.as_ref(),
        (run.step, run.status),
        now,
    )? {
        return Ok(());
    }
    sizes::answer(answer, question.as_ref())?;
    conn.prepare_cached(
        "UPDATE questions SET answer = ?3, answered = ?4, token = ?5, answered_by = ?6 \
         WHERE run = ?1 AND id = ?2",
    )?
    .execute(params![
        run.number,
        answer.question,
        answer.answer,
        clock::to_millis(now),
        answer.token.cast_signed(),
        answer.by,
    ])?;
    effects::write(conn, run.number, answer.effect.as_slice())?;
    match rules::can_wake(run.status) {
        true => run.wake(conn, now),
        false => Ok(()),
    }
}

/// Moves those of step `open` into the next one.
pub(super) fn move_along(conn: &Connection, number: i64, open: u64) -> Result<(), Fail> {
    conn.prepare_cached("UPDATE questions SET step = ?3 WHERE run = ?1 AND step = ?2")?
        .execute([number, count(open)?, count(open + 1)?])?;
    Ok(())
}
