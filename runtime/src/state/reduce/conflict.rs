use crate::encode::EncodeError;

/// Which contributions of one step to a field of type `T` cannot both stand.
pub trait Conflict<T> {
    /// The first two that cannot, by the positions they are given with.
    ///
    /// # Errors
    /// A value that has to be encoded to be compared and has no encoding.
    fn find<'a>(
        contributions: impl Iterator<Item = (usize, &'a T)>,
    ) -> Result<Option<(usize, usize)>, EncodeError>
    where
        T: 'a;
}

/// Any number of contributions can stand together.
#[derive(Debug)]
pub struct Never;

impl<T> Conflict<T> for Never {
    fn find<'a>(
        _: impl Iterator<Item = (usize, &'a T)>,
    ) -> Result<Option<(usize, usize)>, EncodeError>
    where
        T: 'a,
    {
        Ok(None)
    }
}
