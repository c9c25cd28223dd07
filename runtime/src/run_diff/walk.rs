use std::fmt;

use super::side::{Found, Side};
use super::{Divergence, RunRef};
use crate::error::Error;

/// A walk through all steps in which two runs differ, from [`Diff::all`](super::Diff::all).
///
/// ```
/// # use superstep::prelude::*;
/// # use superstep::diff;
/// # async fn print(store: &MemoryStore) -> Result<(), Error> {
/// let mut differences = diff((store, "letter"), (store, "kind letter")).all();
/// while let Some(difference) = differences.next().await? {
///     println!("{difference}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Divergences<'a> {
    runs: [RunRef<'a>; 2],
    after: Option<u64>,
    /// Known from the first call on.
    sides: Option<[Side<'a>; 2]>,
}

impl<'a> Divergences<'a> {
    pub(super) const fn new(runs: [RunRef<'a>; 2], after: Option<u64>) -> Self {
        Self {
            runs,
            after,
            sides: None,
        }
    }

    /// The next step in which the runs differ; `None` at the end.
    ///
    /// After an error the next call tries that step again.
    ///
    /// # Errors
    /// As [`diff`](super::diff).
    pub async fn next(&mut self) -> Result<Option<Divergence>, Error> {
        let [a, b] = match &mut self.sides {
            Some(sides) => sides,
            sides => sides.insert(begin(self.runs, self.after).await?),
        };
        loop {
            let pair = Pair::of(a, b);
            // Both are looked at before either moves on.
            let found = [
                looked_at(a, pair.of_a).await?,
                looked_at(b, pair.of_b).await?,
            ];
            match found {
                [None, None] => return Ok(None),
                [Some(one), Some(other)] if one.digest == other.digest => {}
                _ => {
                    let divergence = compare(a, b, found).await?;
                    pair.pass(a, b);
                    return Ok(Some(divergence));
                }
            }
            pair.pass(a, b);
        }
    }
}

/// Whose next step is to be compared now.
#[derive(Clone, Copy)]
struct Pair {
    of_a: bool,
    of_b: bool,
}

impl Pair {
    /// An edit that only one of them has is a step that the other does not have.
    fn of(a: &Side<'_>, b: &Side<'_>) -> Self {
        let (of_a, of_b) = (a.is_at_edit(), b.is_at_edit());
        if of_a == of_b {
            return Self {
                of_a: true,
                of_b: true,
            };
        }
        Self { of_a, of_b }
    }

    fn pass(self, a: &mut Side<'_>, b: &mut Side<'_>) {
        if self.of_a {
            a.pass();
        }
        if self.of_b {
            b.pass();
        }
    }
}

/// Both runs, at the first pair of steps that is past `after`.
async fn begin<'a>([a, b]: [RunRef<'a>; 2], after: Option<u64>) -> Result<[Side<'a>; 2], Error> {
    let (mut a, mut b) = (Side::of(a).await?, Side::of(b).await?);
    let Some(after) = after else {
        return Ok([a, b]);
    };
    while !(a.has_ended() && b.has_ended()) {
        let pair = Pair::of(&a, &b);
        let numbers = [(pair.of_a, &a), (pair.of_b, &b)];
        let numbers = numbers.into_iter().filter(|(is_of_it, _)| *is_of_it);
        if numbers.map(|(_, side)| side.next()).max() > Some(after) {
            break;
        }
        pair.pass(&mut a, &mut b);
    }
    Ok([a, b])
}

async fn looked_at(side: &mut Side<'_>, is_of_it: bool) -> Result<Option<Found>, Error> {
    match is_of_it {
        true => side.look().await,
        false => Ok(None),
    }
}

async fn compare(
    a: &mut Side<'_>,
    b: &mut Side<'_>,
    [of_a, of_b]: [Option<Found>; 2],
) -> Result<Divergence, Error> {
    let runs = [a.run(), b.run()];
    let numbers = [of_a, of_b].map(|found| found.map(|found| found.step));
    let edited = match numbers {
        [Some(step), None] if a.is_at_edit() => a.state_after(step - 1).await?,
        [None, Some(step)] if b.is_at_edit() => b.state_after(step - 1).await?,
        _ => None,
    };
    let steps = [a.read(numbers[0]).await?, b.read(numbers[1]).await?];
    Ok(Divergence::between(runs, numbers, steps, edited))
}

impl fmt::Debug for Divergences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Divergences")
            .field("runs", &self.runs)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}
