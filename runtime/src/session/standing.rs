//! Where a run stands, in one place.

use crate::graph::Graph;
use crate::machine::Machine;
use crate::store::Status;

/// Where a run stands between two steps.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Tasks are to run.
    Open,
    /// Nothing is left to do.
    Done,
    /// It can never go on from here, because of this.
    Stuck(String),
}

impl Standing {
    /// Where the run of `machine` stands, as far as what it has still to do says.
    pub(crate) fn of<G: Graph>(machine: &Machine<G>) -> Self {
        if !machine.is_done() {
            return Self::Open;
        }
        if mistake!(StarvedIsDone) {
            return Self::Done;
        }
        machine.starved().map_or(Self::Done, Self::Stuck)
    }

    /// How a run that stands so is stored. One that is stuck is not finished: it
    /// says why when it is gone on with.
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Done => Status::Completed,
            Self::Open | Self::Stuck(_) => Status::Running,
        }
    }
}
