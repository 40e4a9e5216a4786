//! Calls as clients write them, read in one pass.
//!
//! A reader that is ready for everything goes through a call several times: for its members, for the places of its arguments, and for
//! their depth. This one takes an object with the five members and what is meant to be in them. It knows no errors: what it does not
//! take, be it wrong or merely unusual, is read again.

use smallvec::SmallVec;

use super::{HubInvocation, INLINE, MAX_DEPTH, Place, Text, TooDeep, state_of};
use crate::json::scan::{Content, Found, Scan};

/// What stands where.
#[derive(Default)]
struct Members {
    hub: Option<Place>,
    method: Option<Place>,
    arguments: Option<Result<SmallVec<[Place; INLINE]>, TooDeep>>,
    id: Option<Place>,
    state: Option<Place>,
}

/// The call that a message is, if it is written as usual.
pub(super) fn read(message: &str) -> Option<HubInvocation> {
    let mut scan = Scan::of(message);
    let members = members(&mut scan)?;
    if !scan.is_over() {
        return None;
    }
    let text = Text(message.to_owned());
    let state = members.state.map(|place| state_of(text.at(place))).transpose().ok()?;
    Some(HubInvocation {
        text,
        hub: members.hub?,
        method: members.method?,
        arguments: members.arguments.unwrap_or_else(|| Ok(SmallVec::new())),
        id: members.id,
        state,
    })
}

fn members(scan: &mut Scan<'_>) -> Option<Members> {
    let mut members = Members::default();
    scan.expect(b'{')?;
    loop {
        match scan.letter()? {
            b'H' if members.hub.is_none() => members.hub = Some(name(scan)?),
            b'M' if members.method.is_none() => members.method = Some(name(scan)?),
            b'A' if members.arguments.is_none() => members.arguments = Some(arguments(scan)?),
            b'I' if members.id.is_none() => members.id = Some(id(scan)?),
            b'S' if members.state.is_none() => members.state = Some(scan.value()?.place),
            _ => return None,
        }
        match scan.take()? {
            b',' => {}
            b'}' => return Some(members),
            _ => return None,
        }
    }
}

fn name(scan: &mut Scan<'_>) -> Option<Place> {
    text(scan).filter(|place| place.start < place.end)
}

fn text(scan: &mut Scan<'_>) -> Option<Place> {
    match scan.string()? {
        Content::Plain(place) => Some(place),
        Content::Escaped => None,
    }
}

fn id(scan: &mut Scan<'_>) -> Option<Place> {
    if scan.peek()? == b'"' { text(scan) } else { scan.number() }
}

fn arguments(scan: &mut Scan<'_>) -> Option<Result<SmallVec<[Place; INLINE]>, TooDeep>> {
    scan.expect(b'[')?;
    let (mut places, mut too_deep) = (SmallVec::new(), None);
    if scan.peek()? == b']' {
        scan.take();
        return Some(Ok(places));
    }
    loop {
        let Found { place, depth } = scan.value()?;
        if depth as usize > MAX_DEPTH {
            too_deep.get_or_insert(TooDeep { index: places.len() });
        }
        places.push(place);
        match scan.take()? {
            b',' => {}
            b']' => return Some(too_deep.map_or(Ok(places), Err)),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that can be asked of a call.
    fn shown(call: &HubInvocation) -> String {
        let arguments = call.arguments().map(|arguments| arguments.collect::<Vec<_>>());
        format!("{} {} {arguments:?} {:?} {:?}", call.hub(), call.method(), call.id(), call.state)
    }

    /// What was read in one pass, which must be what the thorough reader finds.
    fn taken(message: &str) -> bool {
        let Some(call) = read(message) else { return false };
        let thorough = HubInvocation::parse_any(message).map(|call| shown(&call));
        assert_eq!(thorough.ok(), Some(shown(&call)), "{message}");
        true
    }

    #[test]
    fn what_official_clients_send_is_read_in_one_pass() {
        for message in [
            r#"{"H":"chathub","M":"Send","A":["ann",{"x":[1,-2.5e3,null]}],"I":0,"S":{"userName":"ann"}}"#,
            r#"{"I":"0","H":"ChatHub","M":"Send","A":["say \"hi\"\u2028",{"X":1}]}"#,
            r#"{"H":"chathub","M":"list","A":[],"I":12}"#,
            "{\"H\": \"chathub\" ,\"M\": \"größe\" ,\"I\": 1 }\r\n",
            &format!(r#"{{"H":"h","M":"m","A":[1,{}{}],"I":1}}"#, "[".repeat(21), "]".repeat(21)),
        ] {
            assert!(taken(message), "{message}");
        }
    }

    #[test]
    fn what_is_unusual_or_wrong_is_left_to_the_thorough_reader() {
        for message in [
            "",
            "[]",
            r#"{ "H":"h","M":"m","I":1}"#,
            r#"{"H" :"h","M":"m","I":1}"#,
            r#"{"H":"h","M":"m","I":1,"X":0}"#,
            r#"{"H":"h","M":"m","I":1,"H":"h"}"#,
            r#"{"H":"h","M":"m","A":null,"I":1}"#,
            r#"{"H":"\u0068","M":"m","I":1}"#,
            r#"{"\u0048":"h","M":"m","I":1}"#,
            r#"{"H":"","M":"m","I":1}"#,
            r#"{"H":"h","I":1}"#,
            r#"{"H":"h","M":"m","I":true}"#,
            r#"{"H":"h","M":"m","I":1,"S":[]}"#,
            r#"{"H":"h","M":"m","I":1}x"#,
            r#"{"H":"h","M":"m","A":[1,],"I":1}"#,
        ] {
            assert!(!taken(message), "{message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn both_readers_agree(parts in prop::collection::vec(prop::sample::select(&[
            "\"H\":", "\"M\":", "\"A\":", "\"I\":", "\"S\":", "\"H\":\"h\"", "\"M\":\"m\"", "\"A\":[1,\"\\\"\"]", "\"I\":1", "\"I\":\"i\"",
            "\"S\":{\"a\":1}", ",", ",", ",", "[", "]", "{", "}", "\"\"", "\"a\\n\"", "-1", "null", " ", "\"S\":",
        ][..]), 0..14)) {
            let message = parts.concat();
            taken(&message);
            taken(&format!("{{{message}}}"));
            taken(&format!(r#"{{"H":"h","M":"m",{message}}}"#));
        }
    }
}
