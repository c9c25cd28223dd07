//! What goes into a store and comes out of it.

mod claim;
mod commit;
mod effect;
mod prune;
mod question;
mod run;
mod step;

pub use claim::Claim;
pub use commit::{Access, Commit, Committed, Creation, Park};
pub use effect::{EffectKind, EffectRecord, Journal};
pub use prune::{Prune, Pruned, Pruning};
pub use question::{Answer, Question, QuestionKind};
pub use run::{Head, Lease, Loaded, Origin, Status};
pub use step::{Event, PendingResult, Snapshot, StepKind, StepRecord};
