//! Questions that a run asks, and their answers.

use super::shown::asks;
use super::stored::{Asked, Stored};
use crate::encode::EncodeError;
use crate::error::Error;
use crate::hash::Hasher;
use crate::session;
use crate::store::{Answer, Head, Question, QuestionKind};

impl Stored {
    pub(super) fn answer_question<'a>(
        &'a self,
        question: &'a str,
        answer: Result<String, EncodeError>,
    ) -> Asked<'a, ()> {
        Box::pin(async move {
            let head = self.head().await?;
            let run = head.run.clone();
            let questions = self.questions().await?.into_iter();
            let not_found = || Error::QuestionNotFound {
                run: run.clone(),
                question: question.to_owned(),
            };
            let mut asked = questions.filter(|asked| asked.id == question);
            let asked = asked.next().ok_or_else(not_found)?;
            let answer = answer.map_err(Error::not_round_trip(&run, asked.step, "the answer"))?;
            match &asked.answer {
                Some(given) if *given == answer => return Ok(()), // the same call again
                Some(_) => {
                    let question = question.to_owned();
                    return Err(Error::AlreadyAnswered { run, question });
                }
                None => {}
            }
            if asked.step != head.step + 1 {
                return Err(not_found()); // its step was committed without an answer
            }
            let effect = match asked.kind {
                QuestionKind::Interrupt => None,
                QuestionKind::Outcome => {
                    let open = self.effects(asked.step, asked.step).await?;
                    Some(session::outcome(&head, &asked, &answer, open)?)
                }
            };
            // Of two equal answers at once, one counts as a repetition of the other.
            let token = Hasher::new().part(question).part(&answer).finish();
            self.answer(Answer {
                effect,
                token: token.to_u64(),
                ..Answer::new(run, question, answer)
            })
            .await
        })
    }

    /// What the open step of a run asks, or has asked.
    pub(super) fn asked<'a>(&'a self, head: &'a Head) -> Asked<'a, Vec<Question>> {
        Box::pin(async {
            if !asks(head.status) {
                return Ok(Vec::new());
            }
            let mut questions = self.questions().await?;
            // What earlier steps left open is no longer asked.
            questions.retain(|asked| asked.step == head.step + 1);
            Ok(questions)
        })
    }
}
