use std::time::SystemTime;

use serde::Serialize;

use super::EffectRecord;
use super::claim::token;
use crate::hash::Digest;

/// What kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Whether an effect that must not be repeated has happened.
    Outcome,
    /// A node's own. Not used yet: so far only effects ask questions.
    Interrupt,
}

impl QuestionKind {
    /// The word in which it is stored, e.g. `outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Interrupt => "interrupt",
        }
    }

    /// Reads what [`as_str`](Self::as_str) returned.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Outcome, Self::Interrupt]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Something that a task has to know before it can continue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// Its id, unique in the run.
    pub id: String,
    /// What kind of question.
    pub kind: QuestionKind,
    /// The open step.
    pub step: u64,
    /// The task's order key.
    pub task: Digest,
    /// The node's name.
    pub node: String,
    /// The name under which it was asked: for an outcome, the effect's.
    pub name: String,
    /// Which call of that name, from 0.
    pub n: u64,
    /// The question as canonical JSON.
    pub question: String,
    /// The JSON Schema of the answer, if there is one. Not used yet: none has one so far.
    pub schema: Option<String>,
    /// When it was asked, by the store's clock; what the caller sets is ignored.
    pub asked: SystemTime,
    /// The answer as canonical JSON; `None` while it is open. What the caller of
    /// [`park`](super::super::Store::park) sets is ignored.
    pub answer: Option<String>,
    /// The token of that answer; what the caller sets is ignored.
    pub token: Option<u64>,
}

impl Question {
    /// An open one, the first of its name, without a schema. Set the other fields as needed.
    pub fn new(
        id: impl Into<String>,
        kind: QuestionKind,
        step: u64,
        task: Digest,
        node: impl Into<String>,
        name: impl Into<String>,
        question: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            kind,
            step,
            task,
            node: node.into(),
            name: name.into(),
            n: 0,
            question: question.into(),
            schema: None,
            asked: SystemTime::UNIX_EPOCH,
            answer: None,
            token: None,
        }
    }
}

/// The answer to an open question.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The run's id.
    pub run: String,
    /// The question's id.
    pub question: String,
    /// The answer as canonical JSON.
    pub answer: String,
    /// Random, different for each call, so that the same call is recognised when it is made
    /// again.
    pub token: u64,
    /// What the journal says of the effect from now on, if the question was about one.
    pub effect: Option<EffectRecord>,
}

impl Answer {
    /// An answer with a token of its own, to a question that is not about an effect.
    pub fn new(
        run: impl Into<String>,
        question: impl Into<String>,
        answer: impl Into<String>,
    ) -> Self {
        Self {
            run: run.into(),
            question: question.into(),
            answer: answer.into(),
            token: token(),
            effect: None,
        }
    }
}
