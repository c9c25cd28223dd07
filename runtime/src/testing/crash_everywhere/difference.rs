use std::fmt;

use super::CrashPoint;
use crate::cx::{Call, Cx};
use crate::error::Error;

/// The first thing at which a run differed from the undisturbed one, from
/// [`crash_everywhere`](super::crash_everywhere); `Display` and `Debug` show it with point, step,
/// node and call.
#[derive(Clone)]
pub struct CrashDifference(Box<Parts>);

#[derive(Clone)]
struct Parts {
    point: CrashPoint,
    deviation: Deviation,
    place: Place,
    detail: String,
}

/// What differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deviation {
    /// A node made a call, or read the clock, which the first run did not.
    NewCall,
    /// A call that the first run made was left out.
    MissingCall,
    /// A call asked for something other than in the first run.
    OtherRequest,
    /// An effect was called again although it was on record.
    CalledAgain,
    /// An at-most-once effect was made twice.
    MadeTwice,
    /// A task began again whose step was committed, or whose result was kept.
    StartedAgain,
    /// The run ended differently: another status, error, state, fingerprint or question.
    OtherEnd,
    /// The run went on without an end.
    NoEnd,
    /// The first run failed before it was begun, e.g. over its input.
    NotBegun,
    /// The engine keeps its runs somewhere other than in the store that it was given.
    OtherStore,
}

/// Where in a run it was, as far as that can be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) step: Option<u64>,
    pub(super) node: Option<String>,
    pub(super) call: Option<(String, u64)>,
}

impl Place {
    /// The attempt of a task.
    pub(super) fn of(by: &Cx) -> Self {
        Self {
            step: Some(by.step()),
            node: Some(by.node().to_owned()),
            call: None,
        }
    }

    /// One of its calls.
    pub(super) fn at(by: &Cx, call: &Call) -> Self {
        Self {
            call: Some((call.name.clone(), call.n)),
            ..Self::of(by)
        }
    }

    /// Where an error puts the blame.
    pub(super) fn blamed(error: &Error) -> Self {
        match error {
            Error::EffectChanged {
                step,
                node,
                effect,
                n,
                ..
            }
            | Error::EffectPassedOver {
                step,
                node,
                effect,
                n,
                ..
            } => Self {
                step: Some(*step),
                node: Some((*node).to_owned()),
                call: Some((effect.to_string(), *n)),
            },
            Error::NodeFailed { step, node, .. }
            | Error::NodeRefused { step, node, .. }
            | Error::NodeTimeout { step, node, .. }
            | Error::NodeIdle { step, node, .. }
            | Error::NodePanicked { step, node, .. } => Self {
                step: Some(*step),
                node: Some((*node).to_owned()),
                call: None,
            },
            _ => Self::default(),
        }
    }
}

impl CrashDifference {
    pub(super) fn new(
        point: CrashPoint,
        deviation: Deviation,
        place: Place,
        detail: impl Into<String>,
    ) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts {
            point,
            deviation,
            place,
            detail,
        }))
    }

    /// Where the run was disturbed.
    pub const fn point(&self) -> CrashPoint {
        self.0.point
    }

    /// What differed.
    pub const fn deviation(&self) -> Deviation {
        self.0.deviation
    }

    /// In which step, if it can be told.
    pub const fn step(&self) -> Option<u64> {
        self.0.place.step
    }

    /// At which node, if it can be told.
    pub fn node(&self) -> Option<&str> {
        self.0.place.node.as_deref()
    }

    /// At which call, if it was one: the effect's name, empty for a reading of the clock, and
    /// which of that name the task made, from 0.
    pub fn call(&self) -> Option<(&str, u64)> {
        let call = self.0.place.call.as_ref();
        call.map(|(name, n)| (name.as_str(), *n))
    }
}

impl fmt::Display for CrashDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts {
            point,
            deviation,
            place,
            detail,
        } = &*self.0;
        write!(f, "{point}{place}: {}", deviation.as_str())?;
        if !detail.is_empty() {
            write!(f, ": {detail}")?;
        }
        match deviation.help() {
            "" => Ok(()),
            help => write!(f, "; {help}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.step {
            write!(f, ", in step {step}")?;
        }
        if let Some(node) = &self.node {
            write!(f, ", node `{node}`")?;
        }
        match &self.call {
            None => Ok(()),
            Some((name, n)) if name.is_empty() => write!(f, ", reading {n} of the clock"),
            Some((name, n)) => write!(f, ", effect `{name}` (call {n})"),
        }
    }
}

impl Deviation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NewCall => "a call that the first run did not make",
            Self::MissingCall => "a call that the first run made was left out",
            Self::OtherRequest => "the call asked for something other than in the first run",
            Self::CalledAgain => "the call was made again although it was on record",
            Self::MadeTwice => "an at-most-once call was made twice",
            Self::StartedAgain => "a finished task began again",
            Self::OtherEnd => "the run ended differently",
            Self::NoEnd => "the run did not end",
            Self::NotBegun => "the run was not begun",
            Self::OtherStore => "the engine made no call to the store that it was given",
        }
    }

    /// What to do about it.
    const fn help(self) -> &'static str {
        match self {
            Self::NewCall | Self::MissingCall | Self::OtherRequest | Self::OtherEnd => {
                "make what a node does depend on nothing but the state, its input, `cx` and effects"
            }
            Self::OtherStore => "build it with `.store(store)`",
            // What the error says, or what the engine itself handles.
            Self::NotBegun
            | Self::CalledAgain
            | Self::MadeTwice
            | Self::StartedAgain
            | Self::NoEnd => "",
        }
    }
}

impl fmt::Debug for CrashDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CrashDifference {}
