//! Questions that a run asks, and their answers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::call::Call;
use super::core::Core;
use super::shown::asks;
use super::stored::{Asked, Stored};
use crate::encode::EncodeError;
use crate::error::Error;
use crate::graph::Graph;
use crate::hash::Hasher;
use crate::session;
use crate::store::{Answer, Head, Question, QuestionKind};

/// An answer to be given, by [`Engine::answer`](super::Engine::answer); await it, or spawn it.
#[must_use = "nothing is answered until it is awaited"]
pub struct AnswerCall<G>(Call<'static, G, Answering, ()>);

struct Answering {
    question: String,
    answer: Result<String, EncodeError>,
    by: Option<String>,
}

impl<G: Graph> AnswerCall<G> {
    pub(super) fn new(
        core: Arc<Core>,
        run: &str,
        question: &str,
        answer: Result<String, EncodeError>,
    ) -> Self {
        let answering = Answering {
            question: question.to_owned(),
            answer,
            by: None,
        };
        Self(Call::new(core, run.to_owned(), answering))
    }

    /// Keeps beside the answer who gave it. `deadline` is nobody's name: it stands beside the default of a
    /// question that nobody answered in time.
    pub fn by(mut self, who: impl Into<String>) -> Self {
        if let Some((_, answering)) = &mut self.0.asked {
            answering.by = Some(who.into());
        }
        self
    }
}

impl<G: Graph> Future for AnswerCall<G> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |core, run, answering| {
            Box::pin(async move { core.answer(&run, answering).await })
        })
    }
}

// What is asked for is moved, never polled.
impl<G> Unpin for AnswerCall<G> {}

impl<G> fmt::Debug for AnswerCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answering = self.0.asked.as_ref().map(|(_, answering)| answering);
        f.debug_struct("AnswerCall")
            .field("run", &self.0.run)
            .field("question", &answering.map(|answering| &answering.question))
            .field("by", &answering.and_then(|answering| answering.by.as_ref()))
            .finish_non_exhaustive()
    }
}

impl Core {
    async fn answer(self: Arc<Self>, run: &str, answering: Answering) -> Result<(), Error> {
        let handle = self.handle("answer", run)?.patient();
        handle.at.answer_question(answering).await?;
        self.lookouts.tell(run);
        Ok(())
    }
}

impl Stored {
    fn answer_question(&self, answering: Answering) -> Asked<'_, ()> {
        Box::pin(async move {
            let Answering {
                question,
                answer,
                by,
            } = answering;
            let head = self.head().await?;
            let run = head.run.clone();
            let questions = self.questions().await?.into_iter();
            let not_found = || Error::QuestionNotFound {
                run: run.clone(),
                question: question.clone(),
            };
            let refused = |reason| Error::AnswerRefused {
                run: run.clone(),
                question: question.clone(),
                reason,
            };
            let mut asked = questions.filter(|asked| asked.id == question);
            let asked = asked.next().ok_or_else(not_found)?;
            let answer = answer.map_err(Error::not_round_trip(&run, asked.step, "the answer"))?;
            if by.as_deref() == Some(Question::DEADLINE) {
                return Err(refused(BY_NOBODY.into()));
            }
            match &asked.answer {
                _ if asked.is_expired() => return Err(Error::QuestionExpired { run, question }),
                Some(given) if *given == answer => return Ok(()), // the same call again
                Some(_) => return Err(Error::AlreadyAnswered { run, question }),
                None => {}
            }
            if asked.step != head.step + 1 {
                return Err(not_found()); // its step was committed without an answer
            }
            let effect = match asked.kind {
                QuestionKind::Interrupt => {
                    fits(&asked, &answer).map_err(refused)?;
                    None
                }
                QuestionKind::Outcome => {
                    let open = self.effects(asked.step, asked.step).await?;
                    Some(session::outcome(&head, &asked, &answer, open)?)
                }
            };
            // Of two equal answers at once, one counts as a repetition of the other.
            let token = Hasher::new().part(&question).part(&answer).finish();
            self.answer(Answer {
                effect,
                by,
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

const BY_NOBODY: &str = "`deadline` stands for nobody's answer in time; say otherwise who answers";

/// Whether `answer` has the shape that is asked for, as far as this program can tell; else why not.
fn fits(asked: &Question, answer: &str) -> Result<(), String> {
    #[cfg(feature = "schema")]
    if let Some(schema) = &asked.schema {
        return crate::schema::check(schema, answer).map_err(|misfit| misfit.to_string());
    }
    let _ = (asked, answer);
    Ok(())
}
