//! A fixed few hundred seeds: every promise holds, and a seed goes the same way twice.

use heliostat_simulation::{Plan, run, simulate};

#[test]
fn every_promise_holds_whatever_goes_wrong() {
    let report = run((500, 0), 2, |_| {}).unwrap_or_else(|failure| panic!("{failure}"));
    // The storms were storms: a promise that nothing threatens proves nothing.
    assert!(report.delivered > 100_000, "{report:?}");
    assert!(report.reconnects > 5_000, "{report:?}");
    assert!(report.timeouts > 1_000, "{report:?}");
    assert!(report.gaps > 100, "{report:?}");
}

#[test]
fn a_seed_goes_the_same_way_whenever_it_is_asked_to() {
    let plan = Plan::default();
    for seed in 0..20 {
        assert_eq!(simulate(seed, &plan).unwrap(), simulate(seed, &plan).unwrap());
    }
}
