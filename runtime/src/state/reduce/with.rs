use super::Slot;

/// The user's function, checked: one that does not fit is then one error.
#[inline]
pub fn function<T>(function: fn(&mut T, T)) -> fn(&mut T, T) {
    function
}

/// `with = path`: calls the user's function for each contribution, in merge order.
#[inline]
pub fn apply_with<T, U>(
    into: &mut T,
    updates: &mut [U],
    function: fn(&mut T, T),
    slot: fn(&mut U) -> &mut Slot<T>,
) {
    for update in updates {
        if let Some(value) = slot(update).take() {
            function(into, value);
        }
    }
}

/// What a setter does when called again.
#[inline]
pub fn join_with<T>(pending: &mut Slot<T>, value: T, function: fn(&mut T, T)) {
    match pending {
        Slot::Unset => pending.set(value),
        Slot::Set(so_far) => function(so_far, value),
    }
}
