//! A list of hubs says the same whether it is read as official clients write it, which has a reader of its own, or as any JSON.

use std::mem::discriminant;

use heliostat_proto::{connection_data::parse, name::HubName};
use serde_json::Value;

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = parse(Some(text));
    if let Some(behind) = text.trim_ascii().strip_prefix('[') {
        // No official client puts a blank there.
        match (&read, parse(Some(&format!("[ {behind}")))) {
            (Ok(read), Ok(as_json)) => assert_eq!(spelt(read), spelt(&as_json)),
            (Err(read), Err(as_json)) => assert_eq!(discriminant(read), discriminant(&as_json)),
            (read, as_json) => panic!("{read:?}, and with a blank {as_json:?}"),
        }
    }
    let Ok(hubs) = read else { return };
    if text.trim_ascii().is_empty() {
        return assert!(hubs.is_empty());
    }
    let json: Value = serde_json::from_str(text.trim_ascii()).expect("what is read is JSON");
    let entries = json.as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(entries.len(), hubs.len());
    for (entry, hub) in entries.iter().zip(spelt(&hubs)) {
        assert!(entry.as_object().expect("an object").values().any(|name| name == hub));
    }
}

/// Names are equal in any case, so it is their text that tells.
fn spelt(hubs: &[HubName]) -> Vec<&str> {
    hubs.iter().map(|hub| hub.as_str()).collect()
}
