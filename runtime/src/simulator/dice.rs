//! Everything that looks like chance comes from the seed.

/// Random numbers that a seed repeats: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream called `stream` of a seed: streams do not disturb each other.
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        let stream = stream.bytes().map(u64::from);
        Self(stream.fold(mix(seed), |all, byte| mix(all ^ byte)))
    }

    /// The next number below `end`; 0 if that is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        scramble(self.0).checked_rem(end).unwrap_or(0)
    }

    /// The next position in a list of `len` items.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Once in `times`; never if that is 0.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// Takes up to `count` different items out of `items`, in random order.
    pub(super) fn draw<T>(&mut self, mut items: Vec<T>, count: u64) -> Vec<T> {
        let mut drawn = Vec::new();
        while !items.is_empty() && (drawn.len() as u64) < count {
            drawn.push(items.swap_remove(self.index(items.len())));
        }
        drawn
    }
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// One number made of another, all bits of it.
pub(super) fn mix(number: u64) -> u64 {
    scramble(number.wrapping_add(GAMMA))
}

fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
