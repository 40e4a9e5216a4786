//! Which version of the classic protocol a client and this server speak with each other.
//!
//! Older clients compare the answer of negotiate with their own version *as text*, so a version the server can
//! speak is echoed, and one above its highest is answered with that highest. A request without a version is one of
//! a 1.x client.

use std::fmt;

use crate::json::digits;

/// A version of the classic protocol, `major.minor` with up to two further numbers.
///
/// Versions compare number by number, and a missing number sorts below 0: `2.0` < `2.0.0`.
///
/// # Examples
///
/// ```
/// use heliostat_proto::protocol_version::ProtocolVersion;
///
/// let version = ProtocolVersion::resolve(Some("2.1"), ProtocolVersion::HIGHEST);
/// assert_eq!(version.to_string(), "2.0");
/// assert!(version.has_delayed_start());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    major: u32,
    minor: u32,
    build: Part,
    revision: Part,
}

/// A number that may be missing, in the room of a number: one more than it is, or 0. So a missing one sorts below 0 by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Part(u32);

impl Part {
    const MISSING: Self = Self(0);

    /// No number of a version is above `i32::MAX`.
    fn of(number: Option<u32>) -> Self {
        Self(number.map_or(0, |number| number.saturating_add(1)))
    }

    fn number(self) -> Option<u32> {
        self.0.checked_sub(1)
    }
}

/// What makes a client of some version stop for good when its SignalR connection has ended on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// It obeys a last frame: below 1.4 the key `D`, from 2.0 on the key `E`. One frame with both serves both.
    Frame,
    /// It ignores both keys. Only refusing its requests (403) ends it, once its own disconnect timeout is over.
    Refusal,
}

impl ProtocolVersion {
    /// What a client speaks that does not say: 1.2. Also the lowest version that is answered.
    pub const LOWEST: Self = Self::new(1, 2);
    /// The highest version that real servers announce.
    pub const HIGHEST: Self = Self::new(2, 0);

    /// A version of two numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor, build: Part::MISSING, revision: Part::MISSING }
    }

    /// The version to speak with a client that sent `client` as its `clientProtocol`, if this server speaks up
    /// to `highest`. What cannot be read as a version counts as absent.
    #[must_use]
    pub fn resolve(client: Option<&str>, highest: Self) -> Self {
        let version = client.and_then(Self::parse).unwrap_or(Self::LOWEST);
        // `min` first: a server that is limited below 1.2 still answers at least 1.2.
        version.min(highest).max(Self::LOWEST)
    }

    /// Two to four numbers with dots between; anything else is `None`. Numbers end where the original's 32-bit
    /// signed ones do: `99999999999.0` is no version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // What all official clients send, with every request.
        if let [major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] = *text.as_bytes() {
            return Some(Self::new(u32::from(major - b'0'), u32::from(minor - b'0')));
        }
        let mut parts = text.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = if digits { part.parse::<i32>().ok() } else { None };
            number.and_then(|number| u32::try_from(number).ok())
        });
        let (major, minor) = (parts.next()??, parts.next()??);
        let build = parts.next();
        let revision = parts.next();
        if parts.next().is_some() || build == Some(None) || revision == Some(None) {
            return None;
        }
        let [build, revision] = [build, revision].map(|part| Part::of(part.flatten()));
        Some(Self { major, minor, build, revision })
    }

    /// Appends its text.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        digits(out, u64::from(self.major));
        for number in [Some(self.minor), self.build.number(), self.revision.number()].into_iter().flatten() {
            out.push(b'.');
            digits(out, u64::from(number));
        }
    }

    /// From 1.3 on the client's start completes on the init message (`"S":1`); before, when its transport opens.
    #[must_use]
    pub fn reads_init_message(self) -> bool {
        self >= Self::new(1, 3)
    }

    /// From 1.4 on the client sends `/start`, and only then the connection counts as connected.
    #[must_use]
    pub fn has_delayed_start(self) -> bool {
        self >= Self::new(1, 4)
    }

    /// From 2.0 on the client understands an answer of negotiate that redirects or refuses it.
    #[must_use]
    pub fn supports_redirect(self) -> bool {
        self >= Self::new(2, 0)
    }

    /// What makes this client stop for good.
    #[must_use]
    pub fn understands_stop(self) -> StopSignal {
        let deaf = self.has_delayed_start() && !self.supports_redirect();
        if deaf { StopSignal::Refusal } else { StopSignal::Frame }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        [self.build, self.revision]
            .into_iter()
            .filter_map(Part::number)
            .try_for_each(|number| write!(f, ".{number}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(client: &str) -> String {
        ProtocolVersion::resolve(Some(client), ProtocolVersion::HIGHEST).to_string()
    }

    #[test]
    fn cp_077_no_client_protocol_resolves_to_1_2() {
        assert_eq!(ProtocolVersion::resolve(None, ProtocolVersion::HIGHEST).to_string(), "1.2");
        assert_eq!(answer(""), "1.2");
    }

    #[test]
    fn cp_078_versions_from_1_2_to_2_0_are_echoed() {
        for version in ["1.2", "1.3", "1.4", "1.5", "2.0", "1.4.7", "1.4.7.1", "1.99"] {
            assert_eq!(answer(version), version);
        }
    }

    #[test]
    fn cp_079_version_2_1_and_above_resolves_to_2_0() {
        for version in ["2.1", "2.1.1", "2.2", "3.0", "9.9", "2.0.0", "2147483647.0"] {
            assert_eq!(answer(version), "2.0", "{version}");
        }
        let raised = ProtocolVersion::resolve(Some("2.1"), ProtocolVersion::new(2, 1));
        assert_eq!(raised.to_string(), "2.1");
    }

    #[test]
    fn cp_080_below_1_2_or_unparsable_resolves_to_1_2() {
        for version in [
            "0.9",
            "1.0",
            "1.1",
            "1.1.9",
            "2",
            "abc",
            "99999999999.0",
            "2147483648.0",
            "1.5.",
            ".5",
            "1..5",
            "1.5.a",
            "1.2.3.4.5",
            "-2.0",
            "+2.0",
            "2.0 ",
            "２.0",
        ] {
            assert_eq!(answer(version), "1.2", "{version}");
        }
    }

    #[test]
    fn each_ability_begins_with_its_version() {
        let abilities = |text: &str| {
            let version = ProtocolVersion::resolve(Some(text), ProtocolVersion::HIGHEST);
            let stop = version.understands_stop();
            (version.reads_init_message(), version.has_delayed_start(), version.supports_redirect(), stop)
        };
        assert_eq!(abilities("1.2"), (false, false, false, StopSignal::Frame));
        assert_eq!(abilities("1.3"), (true, false, false, StopSignal::Frame));
        assert_eq!(abilities("1.4"), (true, true, false, StopSignal::Refusal));
        assert_eq!(abilities("1.5"), (true, true, false, StopSignal::Refusal));
        assert_eq!(abilities("2.0"), (true, true, true, StopSignal::Frame));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_and_the_answer_is_in_range(text in "\\PC*|[0-9.]{0,12}") {
            let version = ProtocolVersion::resolve(Some(&text), ProtocolVersion::HIGHEST);
            prop_assert!(version >= ProtocolVersion::LOWEST && version <= ProtocolVersion::HIGHEST);
        }

        #[test]
        fn versions_order_as_their_lists_of_numbers_do(
            a in proptest::collection::vec(0u32..4, 2..=4),
            b in proptest::collection::vec(0u32..4, 2..=4),
        ) {
            let version = |numbers: &[u32]| {
                let text: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                ProtocolVersion::parse(&text.join(".")).unwrap()
            };
            prop_assert_eq!(version(&a).cmp(&version(&b)), a.cmp(&b));
            prop_assert_eq!(ProtocolVersion::parse(&version(&a).to_string()), Some(version(&a)));
            let mut written = Vec::new();
            version(&a).write(&mut written);
            prop_assert_eq!(String::from_utf8(written).unwrap(), version(&a).to_string());
        }
    }
}
