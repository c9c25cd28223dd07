//! What nodes ask: which question that is, and what its answer is to them.

use crate::cx::{Call, Cx, Inquiry, Reads, misread};
use crate::hash::Hasher;
use crate::store::{EffectKind, Question, QuestionKind};

/// A question of a node, as it is stored or is to be.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) question: Question,
    /// Whether the store has it.
    pub(super) is_stored: bool,
    /// What counts today if nobody answers, and what reads as an answer today; `None` as long as no
    /// start of its task has come to it.
    today: Option<(Option<String>, Reads)>,
}

impl Asked {
    pub(super) const fn stored(question: Question) -> Self {
        Self {
            question,
            is_stored: true,
            today: None,
        }
    }

    /// Attempt `by` asks this for the first time.
    pub(super) fn by(by: &Cx, call: &Call, inquiry: &Inquiry) -> Self {
        Self::again(by, call, inquiry, None)
    }

    /// Asks it, or asks it again: the question whose id is given was answered with what makes no
    /// sense to the node, for that reason.
    fn again(by: &Cx, call: &Call, inquiry: &Inquiry, reopens: Option<(&str, String)>) -> Self {
        let (before, reason) = reopens.unzip();
        let id = Hasher::new()
            .part("interrupt")
            .part(by.run_id())
            .part(call.task.as_bytes())
            .part(&call.name)
            .part(&inquiry.text)
            .part(inquiry.schema.as_deref().unwrap_or_default())
            .part(
                before
                    .filter(|_| !mistake!(ReopenedKeepsId))
                    .unwrap_or_default(),
            )
            .finish();
        let question = Question {
            n: call.n,
            schema: inquiry.schema.clone(),
            default: inquiry.default.clone(),
            reason,
            ..Question::new(
                &id.to_string()[..16],
                QuestionKind::Interrupt,
                by.step(),
                call.task,
                by.node(),
                &*call.name,
                &*inquiry.text,
            )
        };
        Self {
            question,
            is_stored: false,
            today: Some((inquiry.default.clone(), inquiry.reads)),
        }
    }

    /// Whether that is what the node asks.
    pub(super) fn is(&self, inquiry: &Inquiry) -> bool {
        let is_it = self.question.question == inquiry.text
            && is_same_schema(self.question.schema.as_deref(), inquiry.schema.as_deref());
        is_it || self.question.answer.is_some() && mistake!(AnswerOfAnother)
    }

    /// The node asks it, as today's program has it. If the answer does not read as one it is asked
    /// again, and this is the id of the question that nobody is to answer any more.
    pub(super) fn ask(&mut self, by: &Cx, call: &Call, inquiry: &Inquiry) -> Option<String> {
        self.today = Some((inquiry.default.clone(), inquiry.reads));
        let answer = self.question.answer.as_deref()?;
        let error = (inquiry.reads)(answer).err()?;
        let reason = misread(answer.to_owned(), error);
        let before = self.question.id.clone();
        *self = Self::again(by, call, inquiry, Some((&before, reason)));
        Some(before)
    }

    /// What the record of that kind says: the answer, or what counts instead.
    pub(super) fn response(&self, kind: EffectKind) -> Option<String> {
        if kind == EffectKind::Done {
            return self.question.answer.clone();
        }
        let default = self.question.default.clone();
        match (&default, &self.today) {
            // A stored default may be of another type.
            (Some(stored), Some((today, reads))) if reads(stored).is_err() => today.clone(),
            _ => default,
        }
    }
}

/// Whether two schemas let the same answers through, as far as one can tell.
fn is_same_schema(stored: Option<&str>, today: Option<&str>) -> bool {
    #[cfg(feature = "schema")]
    if let (Some(stored), Some(today)) = (stored, today) {
        return crate::schema::same(stored, today);
    }
    stored == today
}
