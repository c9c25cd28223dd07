use std::time::SystemTime;

use serde::Serialize;

use super::claim::token;
use super::{EffectClass, EffectKey, EffectRecord};
use crate::hash::Digest;

/// What kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Whether an effect that must not be repeated has happened.
    Outcome,
    /// What a node asks: see [`Cx::interrupt`](crate::Cx::interrupt).
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
    /// The JSON Schema of the answer, if there is one.
    pub schema: Option<String>,
    /// When it was asked, by the store's clock; what the caller sets is ignored.
    pub asked: SystemTime,
    /// The answer as canonical JSON; `None` while it is open. What the caller of
    /// [`park`](super::super::Store::park) sets is ignored.
    pub answer: Option<String>,
    /// The token of that answer; what the caller sets is ignored.
    pub token: Option<u64>,
    /// Until when a node's question can be answered: the deadline of its [wait](super::Wait), whatever
    /// the caller sets.
    pub deadline: Option<SystemTime>,
    /// What counts as the answer of a node's question when nobody has answered by then, as canonical
    /// JSON.
    pub default: Option<String>,
    /// Why a node asks again: what was wrong with the answer before.
    pub reason: Option<String>,
    /// Who answered, if that was said; [`DEADLINE`](Self::DEADLINE) if nobody did in time. What the
    /// caller sets is ignored.
    pub answered_by: Option<String>,
}

impl Question {
    /// Who "answers" a question that nobody has answered in time.
    pub const DEADLINE: &str = "deadline";

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
            deadline: None,
            default: None,
            reason: None,
            answered_by: None,
        }
    }

    /// Whether somebody is to answer it: nobody has, and its time is not over.
    pub fn is_open(&self) -> bool {
        self.answer.is_none() && !self.is_expired()
    }

    /// Whether nobody had answered it when its time was over.
    pub fn is_expired(&self) -> bool {
        self.answered_by.as_deref() == Some(Self::DEADLINE)
    }

    /// The key of the wait for its answer, if a node asks it.
    pub fn wait(&self) -> Option<EffectKey> {
        let key = || EffectKey::new(self.step, self.task, self.name.clone(), self.n);
        let is_asked = self.kind == QuestionKind::Interrupt;
        is_asked.then(|| key().of_class(EffectClass::Question))
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
    /// Who answers, if that is said.
    pub by: Option<String>,
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
            by: None,
        }
    }
}
