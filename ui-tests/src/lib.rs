//! The cases stand in `cases/<area>/<case>.rs`, each with its message beside it.
