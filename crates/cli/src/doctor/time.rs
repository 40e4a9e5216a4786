//! Times as the doctor says and measures them.

use std::time::Duration;

/// A time as one says it: `0.4 ms`, `17 ms`, `2.3 s`, `110 s`.
pub(super) fn spoken(time: Duration) -> String {
    let milliseconds = milliseconds(time);
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 1_000.0 {
        format!("{milliseconds:.0} ms")
    } else if time.as_secs() >= 100 {
        format!("{:.0} s", time.as_secs_f64())
    } else {
        let text = format!("{:.1}", time.as_secs_f64());
        format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// In milliseconds, with as many digits as are worth reading.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_as_many_digits_as_one_cares_for() {
        let said = |microseconds| spoken(Duration::from_micros(microseconds));
        let texts = [420, 17_300, 2_340_000, 10_000_000, 10_020_000, 110_400_000].map(said);
        assert_eq!(texts, ["0.4 ms", "17 ms", "2.3 s", "10 s", "10 s", "110 s"]);
    }
}
