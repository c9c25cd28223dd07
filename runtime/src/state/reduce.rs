//! The reducers: how the contributions of one step to one field combine.
