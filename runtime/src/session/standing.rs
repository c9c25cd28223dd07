//! Where a run stands, in one place.

use crate::machine::Machine;
use crate::store::Status;

/// Where a run stands between two steps.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Tasks have to run.
    Open,
    /// Tasks have to run, and somebody is to have a look before.
    Paused,
    /// Nothing is left to do.
    Done,
    /// It can never continue from here, because of this.
    Stuck(String),
}

impl Standing {
    /// Where the run of `machine` stands, judging by what it still has to do.
    pub(crate) fn of(machine: &Machine) -> Self {
        if !machine.is_done() {
            return Self::Open;
        }
        if mistake!(StarvedIsDone) {
            return Self::Done;
        }
        machine.starved().map_or(Self::Done, Self::Stuck)
    }

    /// The same for a run that is to be stopped here, if it is: only one that would go on can be.
    pub(crate) fn paused_if(self, pauses: bool) -> Self {
        match self {
            Self::Open if pauses => Self::Paused,
            Self::Done if pauses && mistake!(PausedAtTheEnd) => Self::Paused,
            standing => standing,
        }
    }

    /// The status under which such a run is stored. One that is stuck is not finished: it
    /// says why when it is resumed.
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Done => Status::Completed,
            Self::Paused => Status::Paused,
            Self::Open | Self::Stuck(_) => Status::Running,
        }
    }
}
