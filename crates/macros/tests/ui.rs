//! What the attributes accept, and what they say to what they do not.
//!
//! The compiler's words change with its version, so the errors are compared with those of the version that the project builds with. Run
//! with `TRYBUILD=overwrite` to rewrite them; read the difference like any other code.

#[test]
fn mistakes_are_explained_and_ordinary_code_is_left_alone() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}

#[test]
fn cp_183_state_and_progress_are_not_available_in_lifetime_callbacks() {
    trybuild::TestCases::new().compile_fail("tests/ui/callbacks/*.rs");
}
