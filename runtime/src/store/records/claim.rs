use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// One call that takes a lease: who takes it, and for how long.
///
/// Its token tells the call from others of the same owner: the same claim again finds the
/// lease that it was given, another one takes it over with a new epoch.
///
/// ```
/// use std::time::Duration;
/// use superstep::store::Claim;
///
/// let claim = Claim::new("worker 7", Duration::from_secs(30));
/// assert_eq!(claim, claim.clone()); // the same call, made again
/// assert_ne!(claim, Claim::new("worker 7", Duration::from_secs(30)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// For whom.
    pub owner: String,
    /// Random, different for each call.
    pub token: u64,
    /// For how long, from the moment the store grants it.
    pub term: Duration,
}

impl Claim {
    /// A claim with a token of its own.
    pub fn new(owner: impl Into<String>, term: Duration) -> Self {
        Self {
            owner: owner.into(),
            token: token(),
            term,
        }
    }
}

/// 64 bits that no other call has.
pub(super) fn token() -> u64 {
    RandomState::new().build_hasher().finish()
}
