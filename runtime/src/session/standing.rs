//! Where a run stands, in one place.

use crate::machine::Machine;
use crate::store::Status;

/// Where a run stands between two steps.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Tasks have to run.
    Open,
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

    /// The status under which such a run is stored. One that is stuck is not finished: it
    /// says why when it is resumed.
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Done => Status::Completed,
            Self::Open | Self::Stuck(_) => Status::Running,
        }
    }
}
