//! What a node may ask for about itself.

/// The context of one task; nodes that take `&Cx` get it.
#[derive(Debug)]
pub struct Cx {
    attempt: u32,
}

impl Cx {
    /// A context for unit tests of a node.
    pub fn test() -> Self {
        Self { attempt: 1 }
    }

    /// Which attempt this is, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }
}
