//! Places where a test can make a mistake on purpose, in the very code that
//! runs, to see that the simulator notices it.

/// Whether a test makes this mistake; never outside tests.
macro_rules! mistake {
    ($mistake:ident) => {{
        #[cfg(test)]
        let is_made = crate::mistakes::is_made(crate::mistakes::Mistake::$mistake);
        #[cfg(not(test))]
        let is_made = false;
        is_made
    }};
}

#[cfg(test)]
pub(crate) use made::{Mistake, in_order, is_made, make, spoiled, without};

#[cfg(test)]
mod made {
    use std::cell::Cell;

    use serde_json::Value;

    use crate::store::StepRecord;

    macro_rules! mistakes {
        ($($mistake:ident: $what:literal,)+) => {
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(crate) enum Mistake {
                $($mistake,)+
            }

            impl Mistake {
                /// Each with what is wrong.
                pub(crate) const ALL: &[(Self, &str)] = &[$((Self::$mistake, $what),)+];
            }
        };
    }

    mistakes! {
        // The machine.
        MergedBackwards: "updates do not merge in frontier order",
        MergedTwice: "the update of a retried task merges twice",
        ExpandedBackwards: "the next frontier is not built in frontier order",
        // Loading.
        JoinArrivalLost: "loading loses the arrivals at joins",
        DeferredTaskLost: "loading loses deferred tasks",
        ItemIndexLost: "loading loses the items' positions under `each`",
        EphemeralFieldLost: "loading from a snapshot loses an ephemeral field",
        CountLost: "loading counts the steps from where the turn began, whatever came since",
        OlderTakenForTodays: "what an older version of the graph wrote is read as today's",
        VersionStays: "what today's version of the graph writes passes for the first one's",
        GraphNotNoted: "a step does not say that it is of another graph than the one before",
        KeptResultsForgotten: "kept results are not loaded, so their tasks run again",
        SeenStateForgotten: "a kept result is loaded as if it had seen today's state",
        EffectsForgotten: "the effects of the open step are not loaded",
        OldJournalStays: "a run that continues from memory records where it did before",
        // Effects.
        EffectCalledAgain: "a recorded effect is called again",
        RefusedCalledAgain: "a call that was refused is made again",
        UnknownCalledAgain: "a call that must not be repeated is, since nobody knows what became of it",
        IntentNotWritten: "a call that must not be repeated is made before its intent is recorded",
        RecordedLate: "an effect is recorded with the commit, after its task saw it",
        GivenUpRecords: "an attempt that was given up keeps recording",
        AnswerForgotten: "an answer that somebody gave is not taken",
        MisfitCalledAgain: "a call that must not be repeated is, since an answer about it does not decode",
        QuestionAgain: "a question that is asked once more has the id of the answered one",
        QuestionsNotParked: "what a run asks is not written when it is left",
        NewsNotCommitted: "what was not journaled is not written with the step either",
        NewsNotSealed: "a step's hash covers what is new only",
        BufferedRecordsLost: "the failures that a task lived with are not recorded",
        ParkedEffectsLost: "what was not journaled is not kept with a parked step",
        UncalledKeptInPlace: "a record of an earlier attempt stands as if the last had called it",
        // Waits.
        AnswerPassedOver: "an answer that comes while the run is driven does not wake it when it is left",
        SignalTakenTwice: "a signal that was received stays first in the queue",
        MailLost: "a signal that comes while the run is driven is not noticed",
        ReceivedUnwritten: "the world outside is called before what was received is recorded",
        ShownOutOfOrder: "a task that starts again gets what it got in any order",
        WaitsNotParked: "what tasks wait for is not written when the run is left",
        RestlessWaits: "a task starts again although nothing has come for it",
        // Questions.
        AnswerOfAnother: "an answer to another question is taken",
        DefaultOverAnswer: "a default overwrites an answer",
        ReopenedKeepsId: "a question that is asked again keeps its id",
        // Attempts.
        TriedForEver: "a task is tried more often than allowed",
        PermanentRetried: "a failure that is permanent is tried again",
        ErrorRowPassedOver: "a task's error row does not take its failure",
        // The step's end.
        NotesForgotten: "a step does not say which state its tasks saw",
        FinalStepKeepsLease: "the last commit does not give the lease back",
        CountNotCommitted: "a commit counts the steps from where the turn began, whatever came since",
        LoserGoesOn: "an owner that lost the run goes on if the new one has made the same step",
        CommitTakenForDone: "a commit that failed counts as done",
        StarvedIsDone: "a run whose joins wait in vain is completed",
        PausePassedOver: "a run goes on with a listed node before which it is to stop",
        PauseAfterForgotten: "a run goes on after a listed node after which it is to stop",
        PausedForEver: "a run that was stopped before a step is stopped there again",
        PausedAtTheEnd: "a run is stopped after its last step",
        PauseKeepsLease: "a commit that stops the run does not give the lease back",
        LimitPassedOver: "a turn takes more steps than allowed",
        KeptTwice: "a kept result is kept again as if it had seen today's state",
        KeptMisplaced: "a kept result is taken for another task's",
        OneFailureIsAll: "the others' results are not kept when a task fails",
        WaitIsFailure: "a run that waits for an answer is left as failed",
        StoreFaultIsFailure: "a run fails because its store was away",
        DrainIsFailure: "a run fails because its engine drains",
        DrainedResultsLost: "the results of the others are not kept when an engine drains",
        BackpressureIsFailure: "a run fails because its queue is blocked",
        BlockedResultsLost: "the results of the others are not kept when its queue is blocked",
        SnapshotTooEarly: "a snapshot is of the state before its step",
        // From outside.
        TurnRefused: "a run that failed takes no further turn",
        TurnGoesOnAsBefore: "a further turn continues where the last one stopped",
        TurnDropsUnknown: "a turn drops an effect of unknown outcome without asking",
        TurnUncovered: "a turn's hash does not cover what it dropped",
        TokenForgotten: "a turn that is requested again begins again",
        OpenStepCorrected: "a run is corrected although a task has effects",
        CorrectionBeginsAnew: "a correction sends the run back to its start",
        ForkStartsAnew: "a fork begins at start, not where its origin stood",
        OtherAnswersLost: "a fork with another answer has nothing on record of its open step",
        LeftBehindStands: "what may depend on another answer is not called anew",
        LeftBehindRepeated: "what must not be repeated is, after another answer",
        LeftBehindForgotten: "what must not be repeated is not on record after another answer",
    }

    thread_local! {
        static MADE: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    /// From now on this thread makes this mistake, and no other.
    pub(crate) fn make(mistake: Option<Mistake>) {
        MADE.set(mistake);
    }

    pub(crate) fn is_made(mistake: Mistake) -> bool {
        MADE.get() == Some(mistake)
    }

    /// Does `right` without the mistake.
    pub(crate) fn without<T>(right: impl FnOnce() -> T) -> T {
        let mistake = MADE.take();
        let done = right();
        MADE.set(mistake);
        done
    }

    /// The tasks in the order in which they are expanded.
    pub(crate) fn in_order<T>(tasks: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let mut tasks: Vec<T> = tasks.collect();
        if is_made(Mistake::ExpandedBackwards) {
            tasks.reverse();
        }
        tasks.into_iter()
    }

    /// The last step as a loader with the current mistake reads it.
    pub(crate) fn spoiled(last: &StepRecord) -> StepRecord {
        let frontier = MADE
            .get()
            .and_then(|mistake| spoil(mistake, &last.frontier));
        StepRecord {
            frontier: frontier.unwrap_or_else(|| last.frontier.clone()),
            ..last.clone()
        }
    }

    fn spoil(mistake: Mistake, frontier: &str) -> Option<String> {
        let mut text: Value = serde_json::from_str(frontier).ok()?;
        let sections = text.as_object_mut()?;
        match mistake {
            Mistake::JoinArrivalLost => drop(sections.remove("joins")),
            Mistake::DeferredTaskLost => drop(sections.remove("deferred")),
            Mistake::ItemIndexLost => {
                let groups = sections.get_mut("tasks")?.as_array_mut()?;
                *groups = groups.iter().flat_map(one_by_one).collect();
            }
            _ => return None,
        }
        Some(text.to_string())
    }

    /// A group of items as groups of one item each.
    fn one_by_one(group: &Value) -> Vec<Value> {
        let Some(inputs) = group.get("inputs").and_then(Value::as_array) else {
            return vec![group.clone()];
        };
        let alone = |input: &Value| {
            let mut group = group.clone();
            group["inputs"] = vec![input.clone()].into();
            group
        };
        inputs.iter().map(alone).collect()
    }
}
