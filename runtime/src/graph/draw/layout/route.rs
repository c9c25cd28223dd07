use super::isotonic::{Wish, settle};
use super::{Chain, Point, Ranked, Route};

/// Space between two arrows at one side of a box.
const PORT_GAP: f64 = 16.0;

pub(super) fn all(ranked: &Ranked, centres: &[Point]) -> Vec<Route> {
    let leaving = ports(ranked, centres, |chain| (chain.items[0], chain.items[1]));
    let arriving = ports(ranked, centres, |chain| {
        let last = chain.items.len() - 1;
        (chain.items[last], chain.items[last - 1])
    });
    let chains = ranked.chains.iter().zip(leaving).zip(arriving);
    chains
        .map(|((chain, top), bottom)| route(ranked, centres, chain, top, bottom))
        .collect()
}

/// Where each chain touches the box that `end` names, given its next item: as
/// straight above or below that item as the box allows.
fn ports(ranked: &Ranked, centres: &[Point], end: impl Fn(&Chain) -> (usize, usize)) -> Vec<f64> {
    let mut at_box = vec![Vec::new(); ranked.items.len()];
    for (id, chain) in ranked.chains.iter().enumerate() {
        let (item, next) = end(chain);
        at_box[item].push((centres[next].x, id));
    }
    let mut xs = vec![0.0; ranked.chains.len()];
    for (item, mut chains) in at_box.into_iter().enumerate() {
        chains.sort_by(|one, other| one.0.total_cmp(&other.0));
        let centre = centres[item].x;
        let reach = ranked.items[item].reach();
        let gaps = chains.len().saturating_sub(1).max(1) as f64;
        let gap = PORT_GAP.min(2.0 * reach / gaps);
        let wishes: Vec<Wish> = chains
            .iter()
            .enumerate()
            .map(|(at, (x, _))| Wish {
                // Leaves room for those on both sides, so that none is pushed over the edge.
                at: x.clamp(
                    centre - reach + gap * at as f64,
                    (centre + reach - gap * (chains.len() - 1 - at) as f64)
                        .max(centre - reach + gap * at as f64),
                ),
                weight: 1.0,
                gap,
            })
            .collect();
        for ((_, chain), x) in chains.iter().zip(settle(&wishes)) {
            xs[*chain] = x;
        }
    }
    xs
}

/// From the upper box to the lower one, straight through every rank between,
/// and reversed if the link points upwards.
fn route(ranked: &Ranked, centres: &[Point], chain: &Chain, top: f64, bottom: f64) -> Route {
    let (upper, lower) = (chain.items[0], chain.items[chain.items.len() - 1]);
    let edge =
        |item: usize, side: f64| centres[item].y + side * ranked.items[item].size.height / 2.0;
    let mut points = vec![Point {
        x: top,
        y: edge(upper, 1.0),
    }];
    for item in &chain.items[1..chain.items.len() - 1] {
        let half = ranked.height(ranked.items[*item].rank) / 2.0;
        // Nothing stands on a rank without height, so the curve need not bend for it.
        if half > 0.0 {
            let Point { x, y } = centres[*item];
            points.extend([Point { x, y: y - half }, Point { x, y: y + half }]);
        }
    }
    points.push(Point {
        x: bottom,
        y: edge(lower, -1.0),
    });
    let label = match points.len() {
        2 => Point {
            x: (top + bottom) / 2.0,
            y: (points[0].y + points[1].y) / 2.0,
        },
        _ => centres[chain.items[chain.label]],
    };
    if chain.reversed {
        points.reverse();
    }
    Route { points, label }
}
