//! The cases are in `cases/<area>/<case>.rs`, each with its message next to it.
