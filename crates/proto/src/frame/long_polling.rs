//! Long polling: the answer is one delivery, and blanks may stand before it.

/// What keeps a held poll alive: one space. Clients count a chunk as a keep-alive only if it is exactly that.
pub const KEEP_ALIVE: &[u8] = b" ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp_108_a_long_polling_keep_alive_is_one_space() {
        assert_eq!(KEEP_ALIVE, b" ");
    }
}
