use std::convert::Infallible;
use std::fmt;

use chacha20::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _, TryRng};
use uuid::{Builder, Uuid};

use super::Cx;
use crate::hash::Hasher;

/// A stream of random numbers of one task, from [`Cx::rng`].
///
/// ChaCha with 12 rounds under `SHA-256("rng", seed, order key)`; the n-th
/// call of a task gets stream n, from 0.
pub struct TaskRng(ChaCha12Rng);

impl TaskRng {
    pub(super) fn of(cx: &Cx, purpose: &str, stream: u64) -> Self {
        let key = Hasher::new()
            .part(purpose)
            .number(cx.seed())
            .part(cx.order_key().as_bytes())
            .finish();
        let mut rng = ChaCha12Rng::from_seed(*key.as_bytes());
        rng.set_stream(stream);
        Self(rng)
    }

    pub(super) fn uuid(mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

impl TryRng for TaskRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

impl fmt::Debug for TaskRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRng").finish_non_exhaustive()
    }
}
