use super::Slot;

/// `with = path`: calls the user's function for each contribution, in merge order.
#[inline]
pub fn apply_with<T, U>(
    into: &mut T,
    updates: &mut [U],
    function: impl Fn(&mut T, T),
    slot: impl Fn(&mut U) -> &mut Slot<T>,
) {
    for update in updates {
        if let Some(value) = slot(update).take() {
            function(into, value);
        }
    }
}

/// What a setter does that is called again.
#[inline]
pub fn join_with<T>(pending: &mut Slot<T>, value: T, function: impl Fn(&mut T, T)) {
    match pending {
        Slot::Unset => pending.set(value),
        Slot::Set(so_far) => function(so_far, value),
    }
}
