//! tokio around a session: runs its tasks, writes what it says, and tells it what
//! became of both.

use std::pin::pin;
use std::sync::Arc;

use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::away::{Away, put_off, time_away};
use super::core::Core;
use super::drain::InTime;
use super::lease::HeldLease;
use super::lookout::{Attended, Lookouts};
use super::runtime;
use super::step::{self, Fanout, StepClock, StepContext};
use super::stored::Stored;
use crate::error::Error;
use crate::session::{Ending, Next, Session, TaskError, Work};
use crate::store::Parked;

/// Where a driven run is written, under its lease.
pub(super) struct Writer {
    pub(super) at: Stored,
    pub(super) lease: HeldLease,
}

impl Writer {
    pub(super) fn new(at: &Stored, lease: HeldLease) -> Self {
        Self {
            at: at.held(lease.good()),
            lease,
        }
    }
}

/// A run while it is being driven.
pub(super) struct Drive<'a> {
    pub(super) core: &'a Core,
    pub(super) session: &'a mut Session,
    /// None for a run that no store keeps.
    pub(super) writer: Option<&'a mut Writer>,
    pub(super) deadline: Instant,
}

impl Drive<'_> {
    /// Drives until the run is done, stops for a look, or waits for somebody.
    pub(super) async fn finish(&mut self) -> Result<Ending, Error> {
        let next = self.session.begin();
        self.go_on(next).await
    }

    async fn go_on(&mut self, mut next: Next) -> Result<Ending, Error> {
        loop {
            next = match next {
                Next::Run if self.writer.is_some() && self.core.drain.has_begun() => {
                    self.session.drain()
                }
                // What no store keeps cannot be given back, and goes on as long as there is time;
                // its tasks may all be ready at once, so that they never wait until it is over.
                Next::Run if self.core.drain.is_over() => self.session.one(Err(TaskError::Dropped)),
                Next::Run => self.run_step().await,
                Next::End(ending) => return ending,
                Next::Commit(commit) => {
                    let committed = self.writer().at.commit(&commit).await;
                    self.session.committed(committed)
                }
                Next::Park(park) => {
                    let writer = self.writer();
                    let parked = writer.at.park(&park).await;
                    if matches!(parked, Ok(Parked::Left)) {
                        // Not before: if the park failed, or was dropped, the lease stays.
                        writer.lease.ended();
                    }
                    self.session.parked(parked)
                }
            };
        }
    }

    fn writer(&mut self) -> &mut Writer {
        let writer = self.writer.as_deref_mut();
        writer.expect("only a run that a store keeps has something to write")
    }

    async fn run_step(&mut self) -> Next {
        consume_budget().await;
        if self.session.asks_the_time()
            && Instant::now() >= put_off(self.deadline, time_away(self.away()))
        {
            return self.session.late();
        }
        match self.session.start() {
            Work::One(task) => {
                let result = {
                    let context = self.context();
                    // An `.await` alone would copy the whole future into its place.
                    let work = pin!(step::run_task(&context, task));
                    let work = pin!(InTime::new(work, &self.core.drain));
                    Attended::new(work, self.session, self.post()).await
                };
                self.session.one(result)
            }
            Work::All(finished) => {
                let fanout = Fanout::new(self.context(), self.core.settings.limits());
                let (work, restarts) = fanout.run(self.session.frontier_mut(), finished);
                let work = pin!(work);
                let results = Attended::new(work, self.session, self.post())
                    .with(restarts)
                    .await;
                self.session.all(results)
            }
        }
    }

    /// Where to look for what comes.
    fn post(&self) -> Option<(&Stored, &Lookouts)> {
        let writer = self.writer.as_deref()?;
        Some((&writer.at, &self.core.lookouts))
    }

    fn away(&self) -> Option<&Arc<Away>> {
        self.writer.as_ref().map(|writer| writer.at.away())
    }

    fn context(&self) -> StepContext<'_> {
        let machine = self.session.machine();
        StepContext {
            program: &self.core.blueprint.program,
            state: machine.state(),
            keys: machine.keys(),
            clock: StepClock {
                step: self.session.open_step(),
                default_timeout: self.core.settings.default_timeout,
                deadline: self.deadline,
            },
            away: self.away(),
            drain: &self.core.drain,
            slot: None,
            admission: None,
        }
    }

    /// Users' code panicked outside a node and a reducer, or the runtime beneath did
    /// because it was shut down.
    pub(super) async fn panicked(&mut self, message: String) -> Result<Ending, Error> {
        let next = match runtime::is_gone_here() {
            true => self.session.runtime_lost(),
            false => self.session.panicked(message),
        };
        self.go_on(next).await
    }
}
