//! A small program for the reviewer to look at: it is not built, and its faults are on purpose.

mod bytes;
mod prices;

/// The total of all lines of a bill, in cents.
pub fn total(bill: &str) -> u64 {
    prices::prices(bill).iter().sum()
}
