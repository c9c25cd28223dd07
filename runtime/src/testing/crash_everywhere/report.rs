use std::fmt;

use super::CrashPoint;
use crate::store::Status;

/// What [`crash_everywhere`](super::crash_everywhere) tried, when all of it gave the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// The last committed step of the run.
    pub steps: u64,
    /// The run's status at its end, the same each time: a run may also fail each time in the
    /// same way.
    pub status: Status,
    /// Before how many calls to the store the process died.
    pub before_calls: usize,
    /// After how many of them it died.
    pub after_calls: usize,
    /// For how many of them the answer was lost.
    pub lost_answers: usize,
    /// After how many polls of the driving call it died.
    pub after_polls: usize,
    /// The points that were left out: their run ended before them. That happens only if
    /// the number of calls or polls depends on timing.
    pub skipped: Vec<CrashPoint>,
}

impl CrashReport {
    /// For a run with that status after its last step, before anything is tried.
    pub(super) const fn of(steps: u64, status: Status) -> Self {
        Self {
            steps,
            status,
            before_calls: 0,
            after_calls: 0,
            lost_answers: 0,
            after_polls: 0,
            skipped: Vec::new(),
        }
    }

    pub(super) fn count(&mut self, point: CrashPoint, is_reached: bool) {
        match point {
            _ if !is_reached => self.skipped.push(point),
            CrashPoint::FirstRun | CrashPoint::SecondRun => {}
            CrashPoint::BeforeCall(_) => self.before_calls += 1,
            CrashPoint::AfterCall(_) => self.after_calls += 1,
            CrashPoint::LostAnswer(_) => self.lost_answers += 1,
            CrashPoint::AfterPoll(_) => self.after_polls += 1,
        }
    }

    /// How many points were tried.
    pub const fn tried(&self) -> usize {
        self.before_calls + self.after_calls + self.lost_answers + self.after_polls
    }
}

impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            steps,
            status,
            before_calls,
            after_calls,
            lost_answers,
            after_polls,
            skipped,
        } = self;
        write!(
            f,
            "{} after {steps} steps: the same after a crash before {before_calls} and after {after_calls} calls of the store, \
             after {lost_answers} lost answers and after a crash after {after_polls} polls",
            status.as_str()
        )?;
        match skipped.len() {
            0 => Ok(()),
            points => write!(f, "; {points} points were not reached"),
        }
    }
}
