//! What the tests share. The tests themselves stand beside this folder, one
//! file a guarantee.
