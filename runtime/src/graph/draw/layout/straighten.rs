use super::place::GAP;
use super::{Chain, Ranked};

/// How close to a box's corner an arrow may come.
pub(super) const CORNER: f64 = 12.0;

/// Makes every long link vertical as far as the items next to it allow:
/// least squares alone would lead it down a flight of small steps.
pub(super) fn links(ranked: &Ranked, xs: &mut [f64]) {
    let place = ranked.places();
    for _ in 0..3 {
        for chain in &ranked.chains {
            straighten(ranked, &place, chain, xs);
        }
    }
}

fn straighten(ranked: &Ranked, place: &[usize], chain: &Chain, xs: &mut [f64]) {
    let inner = &chain.items[1..chain.items.len() - 1];
    let mut from = 0;
    while from < inner.len() {
        let (to, room) = longest_run(ranked, place, &inner[from..], xs);
        let run = &inner[from..from + to];
        let mean = run.iter().map(|item| xs[*item]).sum::<f64>() / run.len() as f64;
        let upper = (from == 0).then(|| under(ranked, chain.items[0], xs));
        let lower = chain.items.last().filter(|_| from + to == inner.len());
        let lower = lower.map(|item| under(ranked, *item, xs));
        let x = preferred(room, upper, lower, mean);
        for item in run {
            xs[*item] = x;
        }
        from += to;
    }
}

/// From where to where on a line.
type Span = (f64, f64);

/// How many of `items` can stand in one vertical line, and where that line can be.
fn longest_run(ranked: &Ranked, place: &[usize], items: &[usize], xs: &[f64]) -> (usize, Span) {
    let mut room = free(ranked, place, items[0], xs);
    for (count, item) in items.iter().enumerate().skip(1) {
        match common(room, free(ranked, place, *item, xs)) {
            Some(both) => room = both,
            None => return (count, room),
        }
    }
    (items.len(), room)
}

/// Between which places an item can stand without touching its neighbours.
fn free(ranked: &Ranked, place: &[usize], item: usize, xs: &[f64]) -> Span {
    let row = &ranked.ranks[ranked.items[item].rank];
    let at = place[item];
    let apart =
        |other: usize| (ranked.items[item].size.width + ranked.items[other].size.width) / 2.0 + GAP;
    let left = at.checked_sub(1).map(|at| row[at]);
    let right = row.get(at + 1).copied();
    (
        left.map_or(f64::NEG_INFINITY, |other| xs[other] + apart(other))
            .min(xs[item]),
        right
            .map_or(f64::INFINITY, |other| xs[other] - apart(other))
            .max(xs[item]),
    )
}

/// Where a vertical line meets a box.
fn under(ranked: &Ranked, item: usize, xs: &[f64]) -> Span {
    let reach = ranked.items[item].reach();
    (xs[item] - reach, xs[item] + reach)
}

/// The place in `room` that needs the fewest bends: under both boxes, under one
/// of them, or near where the items are.
fn preferred(room: Span, upper: Option<Span>, lower: Option<Span>, mean: f64) -> f64 {
    let both = upper
        .zip(lower)
        .and_then(|(upper, lower)| common(upper, lower));
    let target = [both, upper, lower]
        .into_iter()
        .flatten()
        .find_map(|span| common(room, span))
        .unwrap_or(room);
    mean.clamp(target.0, target.1)
}

fn common(one: Span, other: Span) -> Option<Span> {
    let (from, to) = (one.0.max(other.0), one.1.min(other.1));
    (from <= to).then_some((from, to))
}
