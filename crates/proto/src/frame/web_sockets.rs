//! WebSockets: one message is one text frame, so nothing is wrapped.

/// The text frame that keeps a quiet connection alive: an object that says nothing.
pub const KEEP_ALIVE: &[u8] = b"{}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp_108_a_web_sockets_keep_alive_is_an_empty_object() {
        assert_eq!(KEEP_ALIVE, b"{}");
    }
}
