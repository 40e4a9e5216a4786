//! What the attributes accept, and what they say to what they do not.
//!
//! Run with `TRYBUILD=overwrite` to rewrite the expected errors; read the difference like any other code.

/// The compiler's words change with its version, so the errors are compared with the one that the project builds with.
#[test]
fn mistakes_are_explained_and_ordinary_code_is_left_alone() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
