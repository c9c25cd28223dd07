//! A small program for the reviewer to look at: it is not built, and its faults are on purpose.

mod bytes;
mod prices;

/// What all lines of a bill come to, in cents.
pub fn total(bill: &str) -> u64 {
    prices::prices(bill).iter().sum()
}
