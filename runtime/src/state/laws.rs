use std::fmt::Debug;

use super::Merge;

/// Tries the laws of [`Merge`] on every pair and triple of `samples`.
///
/// The work grows with the cube of their number: a dozen values that
/// differ in every way that matters find more than a thousand similar ones.
///
/// ```
/// use superstep::Merge;
/// use superstep::state::check_merge_laws;
///
/// #[derive(Clone, PartialEq, Debug)]
/// struct Highest(u64);
///
/// impl Merge for Highest {
///     fn merge(&mut self, other: Self) {
///         self.0 = self.0.max(other.0);
///     }
/// }
///
/// #[derive(Clone, PartialEq, Debug)]
/// struct Total(u64);
///
/// impl Merge for Total {
///     fn merge(&mut self, other: Self) {
///         self.0 += other.0;
///     }
/// }
///
/// assert!(check_merge_laws(&[Highest(0), Highest(3), Highest(7)]).is_ok());
///
/// let broken = check_merge_laws(&[Total(0), Total(3)]).unwrap_err();
/// assert!(broken.starts_with("not idempotent"));
/// ```
///
/// # Errors
/// The first law that is broken, with the values that break it.
pub fn check_merge_laws<T>(samples: &[T]) -> Result<(), String>
where
    T: Merge + Clone + PartialEq + Debug,
{
    for a in samples {
        let twice = merged(a, a);
        if twice != *a {
            return Err(format!(
                "not idempotent: {a:?} merged with itself gives {twice:?}"
            ));
        }
    }
    for (a, b) in pairs(samples) {
        let (one, other) = (merged(a, b), merged(b, a));
        if one != other {
            return Err(format!(
                "not commutative: {a:?} and {b:?} give {one:?} in this order and {other:?} in the other"
            ));
        }
    }
    for (a, b) in pairs(samples) {
        for c in samples {
            let left = merged(&merged(a, b), c);
            let right = merged(a, &merged(b, c));
            if left != right {
                return Err(format!(
                    "not associative: {a:?}, {b:?} and {c:?} give {left:?} if the first two go first and {right:?} if the last two do"
                ));
            }
        }
    }
    Ok(())
}

fn merged<T: Merge + Clone>(one: &T, other: &T) -> T {
    let mut one = one.clone();
    one.merge(other.clone());
    one
}

fn pairs<T>(samples: &[T]) -> impl Iterator<Item = (&T, &T)> {
    samples
        .iter()
        .flat_map(|a| samples.iter().map(move |b| (a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A type that merges by an arbitrary function.
    #[derive(Clone, Debug)]
    struct By(i64, fn(i64, i64) -> i64);

    impl PartialEq for By {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Merge for By {
        fn merge(&mut self, other: Self) {
            self.0 = self.1(self.0, other.0);
        }
    }

    fn broken(function: fn(i64, i64) -> i64) -> String {
        let samples = [0, 1, 2, 5].map(|n| By(n, function));
        check_merge_laws(&samples).unwrap_err()
    }

    #[test]
    fn each_law_is_checked_and_named() {
        assert!(broken(|a, b| a + b).starts_with("not idempotent"));
        assert!(broken(|_, b| b).starts_with("not commutative"));
        assert!(broken(|a, b| (a + b) / 2).starts_with("not associative"));
    }

    #[test]
    fn a_semilattice_passes() {
        let samples = [0, 1, 2, 5].map(|n| By(n, |a, b| a | b));
        assert_eq!(check_merge_laws(&samples), Ok(()));
    }
}
