//! The table, row by row as they are measured.

use std::time::Duration;

use crate::timing::Pair;

pub fn head() {
    println!("| what | limit | measured | | aim | |");
    println!("|---|---:|---:|---:|---|---|");
}

pub fn row(what: &str, limit: &str, measured: &str, result: &str, aim: &str, met: bool) {
    let met = if met { "met" } else { "**missed**" };
    println!("| {what} | {limit} | {measured} | {result} | {aim} | {met} |");
}

/// A figure that no aim is set for.
pub fn note(what: &str, limit: &str, measured: &str, result: &str) {
    println!("| {what} | {limit} | {measured} | {result} | | |");
}

/// A row whose aim is a ratio to the limit.
pub fn at_most(what: &str, pair: Pair, aim: f64) {
    row(
        what,
        &time(pair.limit),
        &time(pair.ours),
        &format!("{:.2}x", pair.ratio()),
        &format!("at most {aim}x"),
        pair.ratio() <= aim,
    );
}

/// Three significant digits.
pub fn time(duration: Duration) -> String {
    let nanos = duration.as_secs_f64() * 1e9;
    let (value, unit) = match nanos {
        ..1e3 => (nanos, "ns"),
        1e3..1e6 => (nanos / 1e3, "µs"),
        1e6..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    match value {
        ..10.0 => format!("{value:.2} {unit}"),
        10.0..100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}
