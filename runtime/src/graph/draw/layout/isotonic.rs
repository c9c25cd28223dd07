/// A place on a line: where it wants to be, how much, and how far it must stay
/// to the right of the one before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) at: f64,
    pub(super) weight: f64,
    pub(super) gap: f64,
}

/// The places closest to all wishes, by least squares, that keep every gap:
/// pool adjacent violators.
pub(super) fn settle(wishes: &[Wish]) -> Vec<f64> {
    struct Pool {
        mean: f64,
        weight: f64,
        count: usize,
    }
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(wishes.len());
    let mut pools: Vec<Pool> = Vec::new();
    for (at, wish) in wishes.iter().enumerate() {
        offset += if at == 0 { 0.0 } else { wish.gap };
        offsets.push(offset);
        let mut pool = Pool {
            mean: wish.at - offset,
            weight: wish.weight,
            count: 1,
        };
        while let Some(last) = pools.pop_if(|last| last.mean > pool.mean) {
            let weight = last.weight + pool.weight;
            pool.mean = (last.mean * last.weight + pool.mean * pool.weight) / weight;
            pool.weight = weight;
            pool.count += last.count;
        }
        pools.push(pool);
    }
    let means = pools
        .iter()
        .flat_map(|pool| std::iter::repeat_n(pool.mean, pool.count));
    means
        .zip(offsets)
        .map(|(mean, offset)| mean + offset)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_come_true_where_they_can_and_meet_in_the_middle_where_not() {
        let wish = |at| Wish {
            at,
            weight: 1.0,
            gap: 10.0,
        };
        assert_eq!(settle(&[wish(0.0), wish(50.0)]), [0.0, 50.0]);
        assert_eq!(
            settle(&[wish(0.0), wish(0.0), wish(50.0)]),
            [-5.0, 5.0, 50.0]
        );
        assert_eq!(settle(&[wish(20.0), wish(10.0)]), [10.0, 20.0]);
    }
}
