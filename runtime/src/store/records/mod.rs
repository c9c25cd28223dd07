//! What goes into a store and comes out of it.

mod claim;
mod commit;
mod effect;
mod page;
mod prune;
mod question;
mod run;
mod run_filter;
mod step;
mod wait;

pub use claim::Claim;
pub use commit::{Access, Commit, Committed, Creation, Park};
pub use effect::{EffectClass, EffectKey, EffectKind, EffectRecord, Recording};
pub use page::{Listed, Page};
pub use prune::{Prune, Pruned, Pruning};
pub use question::{Answer, Question, QuestionKind};
pub use run::{Head, Lease, Loaded, Origin, Status};
pub use run_filter::RunFilter;
pub use step::{Event, GraphChange, PendingResult, Snapshot, StepKind, StepRecord, TurnRecord};
pub use wait::{Deadline, Mail, NewSignal, Parked, Registration, Signal, Wait};
