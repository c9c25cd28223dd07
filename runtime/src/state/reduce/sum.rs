use std::fmt::Debug;
use std::time::Duration;

use super::{Never, Reducer};

/// `sum`: contributions are added, in merge order; an overflow is an error.
#[derive(Debug)]
pub struct Sum;

/// What `#[reduce(sum)]` can add.
#[diagnostic::on_unimplemented(
    message = "`#[reduce(sum)]` cannot add `{Self}`",
    label = "not a number or a `Duration`",
    note = "use an integer, a float or `std::time::Duration`, or `#[reduce(with = path)]` with a function of yours"
)]
pub trait Summable: Copy + Debug {
    /// The type's name, for messages.
    const NAME: &'static str;

    /// The sum, if the type can hold it.
    fn checked_sum(self, other: Self) -> Option<Self>;
}

impl<T: Summable> Reducer<T> for Sum {
    type Conflict = Never;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        for value in contributions {
            *into = into
                .checked_sum(value)
                .ok_or_else(|| format!("{into:?} + {value:?} overflows {}", T::NAME))?;
        }
        Ok(())
    }
}

macro_rules! summable {
    (|$one:ident, $other:ident| $sum:expr; $($ty:ident)*) => {$(
        impl Summable for $ty {
            const NAME: &'static str = stringify!($ty);

            #[inline]
            fn checked_sum(self, $other: Self) -> Option<Self> {
                let $one = self;
                $sum
            }
        }
    )*};
}

summable!(|one, other| one.checked_add(other);
    u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize Duration);

summable!(|one, other| {
    let sum = one + other;
    let overflow = sum.is_infinite() && one.is_finite() && other.is_finite();
    (!overflow).then_some(sum)
}; f32 f64);
