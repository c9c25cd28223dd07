//! Every wrong program gives exactly the message in the file next to it.
//!
//! The messages are those of Rust 1.95; other versions word some of them differently.

#[test]
fn wrong_programs_are_refused_with_the_right_words() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("cases/*/*.rs");
}
