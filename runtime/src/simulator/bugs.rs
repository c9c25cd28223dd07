//! Mistakes made on purpose, to see that the simulator notices each: in the code
//! that runs, in how an owner works, and in the store.

use crate::mistakes::Mistake;

macro_rules! bugs {
    ($($bug:ident: $what:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Bug {
            /// Of the code that runs.
            Of(Mistake),
            $($bug,)+
        }

        impl Bug {
            /// Each with what is wrong.
            pub(super) fn all() -> impl Iterator<Item = (Self, &'static str)> {
                let of = |(mistake, what): &(Mistake, &'static str)| (Self::Of(*mistake), *what);
                let around = [$((Self::$bug, $what),)+];
                Mistake::ALL.iter().map(of).chain(around)
            }
        }
    };
}

bugs! {
    LoadedBeforeLease: "an owner loads first and takes the lease afterwards",
    CorrectionWithoutLease: "an operator reads first and takes the lease afterwards",
    TurnWithoutLease: "a turn reads the step that it drops before it takes the lease",
    LiveLeaseTaken: "a lease is taken over while it is alive",
    NoEpochCheck: "the store takes commits with an old epoch",
    TakeoverKeepsEpoch: "a lease is taken over without a new epoch",
    FalseAcknowledgement: "a commit is acknowledged that did not happen",
    RepeatedCommitIsNew: "a repeated commit of a step is taken for a new one",
    StepRewritten: "a step is committed again under another key",
}
