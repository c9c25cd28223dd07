use super::Ranked;

const SWEEPS: usize = 24;

/// Orders each rank so that few links cross: sweeps down and up, each item at
/// the mean place of its neighbours, and keeps the best order seen.
pub(super) fn reduce_crossings(ranked: &mut Ranked) {
    let (above, below) = ranked.neighbours();
    let mut best = ranked.ranks.clone();
    let mut fewest = crossings(&ranked.ranks, &below);
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        let mut place = places(&ranked.ranks, above.len());
        let down = sweep % 2 == 0;
        let neighbours = if down { &above } else { &below };
        let count = ranked.ranks.len();
        for step in 0..count {
            let rank = if down { step } else { count - 1 - step };
            sort(&mut ranked.ranks[rank], &mut place, neighbours);
        }
        swap_neighbours(&mut ranked.ranks, &above, &below);
        let now = crossings(&ranked.ranks, &below);
        if now < fewest {
            fewest = now;
            best.clone_from(&ranked.ranks);
        }
    }
    ranked.ranks = best;
}

/// Each item's place in its rank.
fn places(ranks: &[Vec<usize>], items: usize) -> Vec<usize> {
    let mut place = vec![0; items];
    for rank in ranks {
        for (at, item) in rank.iter().enumerate() {
            place[*item] = at;
        }
    }
    place
}

fn sort(rank: &mut [usize], place: &mut [usize], neighbours: &[Vec<usize>]) {
    let mut keyed: Vec<(f64, usize)> = rank
        .iter()
        .map(|item| {
            (
                mean(&neighbours[*item], place).unwrap_or(place[*item] as f64),
                *item,
            )
        })
        .collect();
    keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (at, (_, item)) in keyed.into_iter().enumerate() {
        rank[at] = item;
        place[item] = at;
    }
}

fn mean(items: &[usize], place: &[usize]) -> Option<f64> {
    let sum: usize = items.iter().map(|item| place[*item]).sum();
    (!items.is_empty()).then(|| sum as f64 / items.len() as f64)
}

/// Swaps items that stand side by side wherever that unties a crossing.
fn swap_neighbours(ranks: &mut [Vec<usize>], above: &[Vec<usize>], below: &[Vec<usize>]) {
    let mut place = places(ranks, above.len());
    for rank in ranks {
        for at in 1..rank.len() {
            let (left, right) = (rank[at - 1], rank[at]);
            let now = crossed(left, right, above, &place) + crossed(left, right, below, &place);
            let then = crossed(right, left, above, &place) + crossed(right, left, below, &place);
            if then < now {
                rank.swap(at - 1, at);
                place.swap(left, right);
            }
        }
    }
}

/// How many links of `left` and `right` cross if they stand in this order.
fn crossed(left: usize, right: usize, neighbours: &[Vec<usize>], place: &[usize]) -> usize {
    let lefts = neighbours[left].iter();
    lefts
        .map(|one| {
            let others = neighbours[right].iter();
            others.filter(|other| place[**other] < place[*one]).count()
        })
        .sum()
}

fn crossings(ranks: &[Vec<usize>], below: &[Vec<usize>]) -> usize {
    let place = places(ranks, below.len());
    ranks
        .iter()
        .map(|rank| crossings_below(rank, below, &place))
        .sum()
}

/// Counts pairs out of order with a Fenwick tree.
fn crossings_below(rank: &[usize], below: &[Vec<usize>], place: &[usize]) -> usize {
    let mut ends = Vec::new();
    for item in rank {
        let mut targets: Vec<usize> = below[*item].iter().map(|to| place[*to]).collect();
        targets.sort_unstable();
        ends.extend(targets);
    }
    let mut tree = vec![0; ends.iter().max().map_or(0, |max| max + 2)];
    let mut count = 0;
    for (before, end) in ends.iter().enumerate() {
        count += before - sum(&tree, end + 1);
        let mut at = end + 1;
        while at < tree.len() {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    count
}

fn sum(tree: &[usize], mut at: usize) -> usize {
    let mut sum = 0;
    while at > 0 {
        sum += tree[at];
        at -= at & at.wrapping_neg();
    }
    sum
}
