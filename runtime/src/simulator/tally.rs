//! What happened in a simulation, counted.

use std::fmt;
use std::ops::AddAssign;

use super::reference::End;
use crate::store::{StepKind, StepRecord};

macro_rules! tally {
    ($($field:ident: $what:literal,)+) => {
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub(super) struct Tally {
            $(pub(super) $field: u64,)+
        }

        impl AddAssign for Tally {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)+
            }
        }

        impl fmt::Display for Tally {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{:>12}  {}", self.$field, $what)?;)+
                Ok(())
            }
        }
    };
}

tally! {
    seeds: "seeds",
    completed: "ended completed",
    no_progress: "ended without progress",
    limit: "ended at a limit",
    steps: "steps committed",
    turns: "of them further turns",
    dropped: "of these, those that dropped a step with effects",
    recent: "turns begun from memory",
    corrections: "of them corrections by an operator",
    forks: "runs that branched off",
    otherwise: "of them with another answer of a call",
    pruned: "steps pruned",
    deploys: "programs replaced by a newer version",
    tasks: "tasks started",
    lone: "steps of a single task",
    cut_short: "attempts that were cut short",
    retries: "attempts that failed and were tried again",
    parked: "steps parked",
    kept: "results kept",
    older: "of them merged after a correction",
    drained: "tasks and runs that were given back by an engine that drains",
    blocked: "steps that were given up since their queue was blocked",
    paused: "stops for a look",
    crashes: "crashes of an owner that was driving",
    takeovers: "leases taken over from another owner",
    lost_leases: "owners that found out that they had lost the run",
    committed_again: "commits tried again, not knowing whether they had happened",
    calls: "calls of effects",
    recorded: "records of effects written",
    asked: "questions asked",
    answers: "of them answered",
    misfits: "by answers that do not decode",
    told: "answers to what nodes ask",
    misreads: "of them asked for again, since they do not decode",
    sent: "signals sent",
    received: "of them received",
    registered: "waits registered",
    waited: "steps parked with waits",
    again: "tasks that waited and started again while others ran",
    met: "steps that were not parked, since what they waited for was there",
}

impl Tally {
    /// Whether everything that can happen has happened.
    pub(super) const fn is_varied(&self) -> bool {
        let ends = self.completed > 0 && self.no_progress > 0 && self.limit > 0;
        let outside = self.turns > 0 && self.dropped > 0 && self.corrections > 0;
        let mishaps = self.retries > 0 && self.older > 0 && self.crashes > 0;
        let owners = self.takeovers > 0 && self.lost_leases > 0 && self.committed_again > 0;
        let effects = self.calls > 0
            && self.recorded > 0
            && self.asked > 0
            && self.misfits > 0
            && self.answers > self.misfits;
        let others = self.forks > 0
            && self.otherwise > 0
            && self.deploys > 0
            && self.pruned > 0
            && self.recent > 0
            && self.paused > 0
            && self.blocked > 0
            && self.cut_short > 0;
        let waits = self.told > self.misreads
            && self.misreads > 0
            && self.sent > self.received
            && self.received > 0
            && self.registered > 0
            && self.waited > 0
            && self.again > 0
            && self.met > 0;
        ends && outside && mishaps && owners && effects && others && waits
    }

    /// Counts a run that ended.
    pub(super) fn finish(&mut self, steps: &[StepRecord], end: Option<End>) {
        self.seeds = 1;
        self.steps = steps.len() as u64;
        let turns = steps.iter().filter(|step| step.kind == StepKind::Turn);
        let dropped = turns.clone().filter(|step| step.journal.is_some());
        (self.turns, self.dropped) = (turns.count() as u64, dropped.count() as u64);
        match end {
            Some(End::Completed) => self.completed = 1,
            Some(End::NoProgress) => self.no_progress = 1,
            Some(End::Limit | End::TooWide) | None => self.limit = 1,
        }
    }
}
