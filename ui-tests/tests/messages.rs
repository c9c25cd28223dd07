//! Every wrong program gives exactly the message in the file next to it.
//!
//! The messages are pinned to the Rust version that the workspace names.

#[test]
fn wrong_programs_are_refused_with_the_right_words() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("cases/*/*.rs");
}
