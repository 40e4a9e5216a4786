//! What the attributes accept, and what they say to mistakes.

#[test]
fn traits_compile_and_mistakes_are_told_where_they_were_made() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
