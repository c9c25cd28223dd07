use std::fmt;

use crate::testing::{Fault, StoreCall};

/// Where [`crash_everywhere`](super::crash_everywhere) disturbed a run; `Display` puts it into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrashPoint {
    /// Nowhere: the very first run.
    FirstRun,
    /// Nowhere: the same run once more, from the start.
    SecondRun,
    /// The process died before the store saw this call.
    BeforeCall(CallAt),
    /// The process died after the store had done this call.
    AfterCall(CallAt),
    /// The store did this call, and its answer was lost; the process lived on.
    LostAnswer(CallAt),
    /// The process died after its driving call had been polled this often.
    AfterPoll(u64),
}

/// A call to the store, as an undisturbed run makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CallAt {
    /// Which of all calls, from 1.
    pub number: u64,
    /// What was called.
    pub call: StoreCall,
    /// The step that was open; 0 before the input was committed.
    pub step: u64,
}

impl CrashPoint {
    /// Every point of an undisturbed run that made these calls to the store, and was polled this
    /// often.
    pub(super) fn all(calls: &[StoreCall], polls: u64) -> impl Iterator<Item = Self> + use<> {
        let mut commits = 0;
        let calls: Vec<CallAt> = (1..)
            .zip(calls)
            .map(|(number, &call)| {
                let step = commits;
                commits += u64::from(call == StoreCall::Commit);
                CallAt { number, call, step }
            })
            .collect();
        let disturbed = [Self::BeforeCall, Self::AfterCall, Self::LostAnswer];
        let at_calls = calls
            .into_iter()
            .flat_map(move |at| disturbed.map(|disturbed| disturbed(at)));
        at_calls.chain((1..=polls).map(Self::AfterPoll))
    }

    /// Which call to the store fails here, and how.
    pub(super) const fn fault(&self) -> Option<(u64, Fault)> {
        match self {
            Self::FirstRun | Self::SecondRun | Self::AfterPoll(_) => None,
            Self::BeforeCall(at) => Some((at.number, Fault::DieBefore)),
            Self::AfterCall(at) => Some((at.number, Fault::DieAfter)),
            Self::LostAnswer(at) => Some((at.number, Fault::LoseAnswer)),
        }
    }

    /// After which poll the process dies here.
    pub(super) const fn last_poll(&self) -> Option<u64> {
        match self {
            Self::AfterPoll(polls) => Some(*polls),
            _ => None,
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstRun => f.write_str("in the first run"),
            Self::SecondRun => f.write_str("in a second run, without a crash"),
            Self::BeforeCall(at) => write!(f, "after a crash before {at}"),
            Self::AfterCall(at) => write!(f, "after a crash after {at}"),
            Self::LostAnswer(at) => write!(f, "after the answer was lost to {at}"),
            Self::AfterPoll(polls) => write!(f, "after a crash after poll {polls}"),
        }
    }
}

impl fmt::Display for CallAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, call, step } = self;
        let of = match call {
            StoreCall::Commit => "of",
            _ => "in",
        };
        write!(
            f,
            "store call {number} ({} {of} step {step})",
            call.as_str()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_with_the_step_that_was_open() {
        let calls = [StoreCall::Commit, StoreCall::Journal, StoreCall::Commit];
        let said: Vec<_> = CrashPoint::all(&calls, 1)
            .map(|point| point.to_string())
            .collect();
        assert_eq!(
            said,
            [
                "after a crash before store call 1 (commit of step 0)",
                "after a crash after store call 1 (commit of step 0)",
                "after the answer was lost to store call 1 (commit of step 0)",
                "after a crash before store call 2 (journal in step 1)",
                "after a crash after store call 2 (journal in step 1)",
                "after the answer was lost to store call 2 (journal in step 1)",
                "after a crash before store call 3 (commit of step 1)",
                "after a crash after store call 3 (commit of step 1)",
                "after the answer was lost to store call 3 (commit of step 1)",
                "after a crash after poll 1",
            ]
        );
    }
}
