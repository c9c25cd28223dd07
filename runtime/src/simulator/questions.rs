//! What has to hold of questions that nodes ask.

use super::invariants::Watch;
use crate::cx::Request;
use crate::hash::Digest;
use crate::store::{
    EffectClass, EffectKind, EffectRecord, Head, Mail, Question, Registration, rules,
};

/// The answered questions of all runs that were watched, each with its answer.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<Question>);

impl Questions {
    /// Whether what that task asks was answered.
    pub(super) fn has(&self, task: Digest, name: &str) -> bool {
        let mut answered = self.0.iter();
        answered.any(|asked| (asked.task, asked.name.as_str()) == (task, name))
    }

    fn are_behind(&self, record: &EffectRecord) -> bool {
        let is_it = |asked: &Question| {
            (asked.task, &asked.name) == (record.task, &record.name)
                && Request::of(asked.question.clone()).digest == record.request
                && asked.answer == record.response
        };
        self.0.iter().any(is_it)
    }
}

impl Watch {
    /// The store took an answer to `asked`, which is how it was before; `head` is the run's now.
    pub(super) fn has_answer(&mut self, asked: &Question, answer: String, head: Option<&Head>) {
        let sleeps = head.is_some_and(|head| rules::can_wake(head.status) && head.wakes.is_none());
        self.claim(!sleeps, "an answered run wakes", || format!("{head:?}"));
        self.claim(asked.is_open(), "a question is answered once", || {
            format!("{asked:?}")
        });
        self.questions.0.push(Question {
            answer: Some(answer),
            ..asked.clone()
        });
    }

    /// The store has registered waits; `before` are the questions as they were.
    pub(super) fn registered(&mut self, asked: &Registration, mail: &Mail, before: &[Question]) {
        let is_answered = |question: &&Question| {
            let is_over = question.wait().is_some_and(|key| mail.over.contains(&key));
            is_over
                && question.answer.is_some()
                && !question.is_expired()
                && !asked.withdrawn.contains(&question.id)
        };
        let lost = before.iter().find(is_answered);
        self.claim(
            lost.is_none(),
            "nobody's answer gives way to a default",
            || format!("{lost:?}"),
        );
        // One that is closed and comes up later, as if for the first time, is the same.
        let is_again = |question: &&Question| {
            let is_it = |new: &Question| new.id == question.id && new.reason.is_some();
            question.answer.is_some()
                && asked.withdrawn.contains(&question.id)
                && asked.questions.iter().any(is_it)
        };
        let again = before.iter().find(is_again);
        self.claim(
            again.is_none(),
            "a question that is asked again has another id",
            || format!("{again:?}"),
        );
    }

    /// Compares the records of answers with what was answered.
    pub(super) fn look_at_questions(&mut self, effects: &[EffectRecord]) {
        let is_answer = |record: &&EffectRecord| {
            record.class == EffectClass::Question && record.kind == EffectKind::Done
        };
        let mut answers = effects.iter().filter(is_answer);
        let stray = answers.find(|record| !self.questions.are_behind(record));
        self.claim(
            stray.is_none(),
            "an answer counts for the question as it was put",
            || format!("{stray:?}"),
        );
    }
}
