//! Questions that a run asks, and their answers.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::core::Core;
use crate::encode::{self, EncodeError};
use crate::error::Error;
use crate::graph::Graph;
use crate::node_error::NodeError;
use crate::run::Interrupt;
use crate::store::{Answer, EffectKind, EffectRecord, Head, Question, QuestionKind, Status, Store};

/// An [`Outcome`](crate::Outcome) whose response stays text.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeText {
    Happened(Box<RawValue>),
    DidNotHappen,
}

impl<G: Graph> Core<G> {
    pub(super) async fn answer(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
        question: &str,
        answer: Result<String, EncodeError>,
    ) -> Result<(), Error> {
        let said = |error| Error::from_store(run, error);
        let head = self.head(store, run).await?;
        let questions = store.questions(run).await.map_err(said)?;
        let not_found = || Error::QuestionNotFound {
            run: run.to_owned(),
            question: question.to_owned(),
        };
        let asked = questions
            .into_iter()
            .find(|asked| asked.id == question)
            .ok_or_else(not_found)?;
        if asked.answer.is_some() {
            return Err(Error::AlreadyAnswered {
                run: run.to_owned(),
                question: question.to_owned(),
            });
        }
        if asked.step != head.step + 1 {
            return Err(not_found()); // its step was committed without an answer
        }
        let answer = answer.map_err(Error::not_round_trip(run, asked.step))?;
        let effect = match asked.kind {
            QuestionKind::Interrupt => None,
            QuestionKind::Outcome => Some(self.settled(store, &head, &asked, &answer).await?),
        };
        let answer = Answer {
            effect,
            ..Answer::new(run, question, answer)
        };
        store.answer(answer).await.map_err(said)
    }

    /// The record of the effect that `asked` is about, as the answer has it.
    async fn settled(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
        asked: &Question,
        answer: &str,
    ) -> Result<EffectRecord, Error> {
        let run = &head.run;
        let outcome: OutcomeText = encode::from_str(answer).map_err(|_| Error::AnswerRefused {
            run: run.clone(),
            question: asked.id.clone(),
            reason: format!(
                "it asks what became of effect `{}`; answer with `Outcome::Happened(response)` or \
                     `Outcome::<()>::DidNotHappen`",
                asked.name
            ),
        })?;
        let open = head.step + 1;
        let effects = store
            .effects(run, open, open)
            .await
            .map_err(|error| Error::from_store(run, error))?;
        let begun = effects.into_iter().find(|record| {
            (record.task, &record.name, record.n) == (asked.task, &asked.name, asked.n)
        });
        let begun = begun.ok_or_else(|| Error::Corrupt {
            run: run.clone(),
            place: format!("effect `{}` of the open step", asked.name),
            reason: "a question is open about it, and it is missing".into(),
        })?;
        Ok(match outcome {
            OutcomeText::Happened(response) => EffectRecord {
                kind: EffectKind::Answered,
                response: Some(response.get().to_owned()),
                ..begun
            },
            OutcomeText::DidNotHappen => EffectRecord {
                kind: EffectKind::Failed,
                error: Some(
                    NodeError::not_sent("somebody answered that it did not happen").to_record(),
                ),
                ..begun
            },
        })
    }

    /// What the run waits for.
    pub(super) async fn open_questions(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
    ) -> Result<Vec<Interrupt>, Error> {
        if !matches!(head.status, Status::Interrupted | Status::Failed) {
            return Ok(Vec::new());
        }
        let questions = store.questions(&head.run).await;
        let mut questions = questions.map_err(|error| Error::from_store(&head.run, error))?;
        // What earlier steps left open is asked no more.
        questions.retain(|asked| asked.step == head.step + 1);
        Ok(interrupts(questions))
    }
}

/// The open ones among `questions`, as users see them.
pub(super) fn interrupts(questions: Vec<Question>) -> Vec<Interrupt> {
    let open = questions.into_iter().filter(|asked| asked.answer.is_none());
    open.map(|asked| Interrupt {
        id: asked.id,
        name: asked.name,
        node: asked.node,
        question: asked.question,
    })
    .collect()
}
