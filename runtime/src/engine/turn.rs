//! How a further turn begins: on a run that has ended, or on one that was left
//! with a step open, which the turn drops.

use std::convert::Infallible;
use std::time::Instant;

use super::active::RunResult;
use super::drive::Writer;
use super::handle::RunHandle;
use super::lease::HeldLease;
use super::shown::run_of_turn;
use super::start::Driven;
use super::stored::{Asked, Stored, Taken};
use crate::erased::Updates;
use crate::error::Error;
use crate::run::AnyRun;
use crate::session::{Found, LeftOpen, OutsideStep, leaves_a_step_open};
use crate::store::{Access, Head, Park, StoreError, TurnRecord};

/// What became of a turn's first step.
enum Begun {
    Now(Box<Driven>, HeldLease),
    /// It is over, or its token has had its turn.
    Before,
    /// Another engine's turn came first, perhaps an equal one: this one begins
    /// after it.
    Overtaken,
}

impl RunHandle {
    /// Begins a further turn and drives it. If the token has had its turn, that one is
    /// continued, or its result returned.
    pub(super) async fn turn(&self, update: Updates, token: Option<String>) -> RunResult {
        loop {
            let mut held = None;
            let asked = (update.clone(), token.clone());
            let begun = self.begin_turn(asked, &mut held).await;
            if let Ok(Begun::Now(driven, lease)) = begun {
                let writer = Writer::new(&self.at, lease);
                return self.drive_stored(*driven, writer).await;
            }
            if let Some(mut held) = held {
                held.give_back().await;
            }
            match begun {
                Ok(Begun::Overtaken) => {}
                Ok(Begun::Before | Begun::Now(..)) => return self.resume(token.as_deref()).await,
                Err(error) => {
                    let earlier = self.earlier_turn(token.as_deref()).await;
                    return earlier.ok().flatten().ok_or(error);
                }
            }
        }
    }

    /// The result of the turn with that token, if it is not the current one.
    pub(super) fn earlier_turn<'a>(&'a self, token: Option<&'a str>) -> Asked<'a, Option<AnyRun>> {
        Box::pin(async move {
            let Some(token) = token else {
                return Ok(None);
            };
            match self.at.turn(token).await? {
                Some(turn) => self.if_followed(&turn).await,
                None => Ok(None),
            }
        })
    }

    /// See [`Engine::turn_result`](super::Engine::turn_result).
    pub(super) async fn turn_result(&self, token: &str) -> RunResult {
        let head = self.at.head().await?;
        let turn = self.at.turn(token).await?;
        let turn = turn.ok_or_else(|| Error::TurnNotFound {
            run: head.run,
            token: token.to_owned(),
        })?;
        if let Some(run) = self.if_followed(&turn).await? {
            return Ok(run);
        }
        let run = self.look(self.at.head().await?).await?;
        if run.token() == Some(token) {
            return Ok(run);
        }
        // Another one has begun since.
        self.followed(self.if_followed(&turn).await?)
    }

    /// The run as it stood before the next turn began, if one has. If that dropped a step,
    /// this one has failed.
    async fn if_followed(&self, turn: &TurnRecord) -> Result<Option<AnyRun>, Error> {
        let Some(next) = self.at.turn_after(turn.step).await? else {
            return Ok(None);
        };
        // Read when it has begun: the step before it is there.
        let head = self.at.head().await?;
        // Of pruned turns without a token a database of an older schema knows nothing.
        if next.turn > turn.turn.saturating_add(1) {
            return Err(Error::Pruned {
                run: head.run,
                step: turn.step,
                first: head.pruned,
            });
        }
        let (machine, record, _) = self.past(&head, next.step.saturating_sub(1)).await?;
        Ok(Some(run_of_turn(&machine, &record, turn.clone())))
    }

    /// The result of a turn that is not the current one: another must have followed it.
    pub(super) fn followed(&self, result: Option<AnyRun>) -> RunResult {
        result.ok_or_else(|| Error::Corrupt {
            run: self.at.id().to_owned(),
            place: "the list of its turns".into(),
            reason: "it ends before the current one".into(),
        })
    }

    /// Commits the turn's first step, under a lease that is then held.
    async fn begin_turn(
        &self,
        (update, token): (Updates, Option<String>),
        held: &mut Option<HeldLease>,
    ) -> Result<Begun, Error> {
        let is_repeated = |head: &Head| token.is_some() && token == head.token;
        let head = self.at.head().await?;
        if is_repeated(&head) {
            return Ok(Begun::Before);
        }
        let found = self.find(head, held).await?;
        // The call that it repeats may have been dropped and commit only now.
        if is_repeated(&found.head) {
            return Ok(Begun::Before);
        }
        if !found.takes_turn() {
            match self.at.not_finished(&found.head).await? {}
        }
        self.at
            .check_fields(&found.head, found.head.last_graph())
            .await?;
        self.at
            .check_version(&found.head, found.machine.made_by())?;
        let access = match held {
            Some(held) => {
                if let Some(asking) = found.to_ask(held.epoch()) {
                    match self.at.ask(&found.head, asking, held).await? {}
                }
                let epoch = held.epoch();
                Access::Held { epoch }
            }
            None => self.core.identity.take_lease(),
        };
        let step = found.turn(update, token.clone(), access, &self.core.settings.rules())?;
        let OutsideStep {
            machine,
            tail,
            commit,
        } = step;
        let left = LeftOpen::nothing(commit.record.frontier.clone());
        let driven = Driven {
            machine,
            tail,
            left,
            token,
        };
        let asked = Instant::now();
        match self.at.commit_and_hold(commit).await {
            Ok(Taken::Held(lease)) => {
                let begun = held.take();
                let begun = begun.unwrap_or_else(|| HeldLease::new(&self.at, &lease, asked));
                Ok(Begun::Now(Box::new(driven), begun))
            }
            Ok(Taken::Done | Taken::TokenSpent) => Ok(Begun::Before),
            Ok(Taken::ByAnother)
            | Err(StoreError::IdempotencyViolation { .. } | StoreError::NotNext { .. }) => {
                Ok(Begun::Overtaken)
            }
            Err(error) => Err(self.at.said(error)),
        }
    }

    /// The run as it stands. One that was left with a step open is held from
    /// here on, so that nobody writes to that step any more; so is one that another owner
    /// drives, if the store knows that this owner is gone.
    async fn find(&self, head: Head, held: &mut Option<HeldLease>) -> Result<Found, Error> {
        if !self.at.is_to_be_held(&head).await? {
            let (head, machine, tail) = self.machine_at(head).await?;
            // It may have moved between the two reads.
            if !self.at.is_to_be_held(&head).await? {
                return Ok(Found::at_rest(head, machine, tail));
            }
        }
        *held = Some(self.at.hold().await?);
        let (loaded, machine, tail) = self.load().await?;
        Found::held(loaded, machine, tail)
    }
}

impl Stored {
    /// Asks, and reports that this has to be answered.
    fn ask<'a>(
        &'a self,
        head: &'a Head,
        asking: Park,
        held: &'a mut HeldLease,
    ) -> Asked<'a, Infallible> {
        Box::pin(async move {
            if !asking.questions.is_empty() {
                let parked = self.park(&asking).await;
                parked.map_err(|error| self.said(error))?;
                held.ended();
            }
            self.not_finished(head).await
        })
    }

    fn is_to_be_held<'a>(&'a self, head: &'a Head) -> Asked<'a, bool> {
        Box::pin(async {
            let is_open = leaves_a_step_open(head.status);
            match &head.lease {
                // One that has lapsed is left to a call that goes on with the run.
                Some(lease) if !head.status.is_final() && lease.owner != self.engine().owner => {
                    Ok(is_open || lease.expires > self.now().await?)
                }
                _ => Ok(is_open),
            }
        })
    }

    /// Why a run takes no further turn now, although nobody drives it.
    fn not_finished<'a>(&'a self, head: &'a Head) -> Asked<'a, Infallible> {
        Box::pin(async {
            let questions = self.asked(head).await?;
            Err(Error::RunNotFinished {
                run: head.run.clone(),
                status: head.status,
                asks: questions.iter().any(|asked| asked.is_open()),
            })
        })
    }
}
