//! Connection ids, cursors and versions: what is read is what a plain reading gives, and what is written is read back.

use heliostat_bus::{Cursor, CursorError};
use heliostat_proto::{id::ConnectionId, protocol_version::ProtocolVersion};

/// Panics if it is otherwise for these bytes.
pub fn holds_for(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    connection_id(text);
    cursor(text);
    version(text);
}

fn connection_id(text: &str) {
    let groups: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    let is_id = lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| is_hex(group));
    match ConnectionId::parse(text) {
        Ok(id) => {
            assert!(is_id);
            assert_eq!(id.to_string(), text.to_ascii_lowercase());
            assert_eq!(ConnectionId::from_bytes(id.to_bytes()), id);
        }
        Err(_) => assert!(!is_id),
    }
}

fn cursor(text: &str) {
    let parts: Vec<_> = text.splitn(3, '-').collect();
    let expected = match parts[..] {
        ["d", epoch, position] if is_hex(epoch) && epoch.len() <= 8 => {
            if is_hex(position) && position.len() <= 16 {
                Ok((u32::from_str_radix(epoch, 16).unwrap(), u64::from_str_radix(position, 16).unwrap()))
            } else {
                Err(CursorError::Malformed)
            }
        }
        _ => Err(CursorError::Foreign),
    };
    let read = Cursor::parse(text);
    assert_eq!(read.map(|cursor| (cursor.epoch.get(), cursor.position.get())), expected);
    if let Ok(cursor) = read {
        assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
    }
}

fn version(text: &str) {
    let numbers: Option<Vec<i32>> = text
        .split('.')
        .map(|part| part.parse().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit())))
        .collect();
    let numbers = numbers.filter(|numbers| (2..=4).contains(&numbers.len()));
    let read = ProtocolVersion::parse(text);
    let written = read.map(|version| version.to_string());
    let expected = numbers.map(|numbers| numbers.iter().map(i32::to_string).collect::<Vec<_>>().join("."));
    assert_eq!(written, expected);
    assert_eq!(written.and_then(|text| ProtocolVersion::parse(&text)), read);
    let spoken = ProtocolVersion::resolve(Some(text), ProtocolVersion::HIGHEST);
    assert!((ProtocolVersion::LOWEST..=ProtocolVersion::HIGHEST).contains(&spoken));
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
