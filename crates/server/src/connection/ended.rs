//! Whether a connection has ended, for whoever wants to be told of it.
//!
//! A token that can be waited for costs more memory than most connections have use for, so one is made when it is first asked for. Whoever
//! asks after the end gets one that was cancelled from the beginning, and all that were given out are one token.

use std::sync::{LazyLock, OnceLock};

use tokio_util::sync::CancellationToken;

/// What everybody gets who asks after an end of which nobody had to be told.
static CANCELLED: LazyLock<CancellationToken> = LazyLock::new(|| {
    let token = CancellationToken::new();
    token.cancel();
    token
});

/// The end of one connection.
#[derive(Debug, Default)]
pub(crate) struct Ended(OnceLock<CancellationToken>);

impl Ended {
    /// Cancelled when the connection ends.
    pub(crate) fn token(&self) -> &CancellationToken {
        self.0.get_or_init(CancellationToken::new)
    }

    /// The connection has ended.
    pub(crate) fn end(&self) {
        // Whoever comes second finds what the first has put there, so no token is ever left uncancelled.
        if self.0.set(CANCELLED.clone()).is_err() {
            self.token().cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_given_out_hears_of_the_end_and_is_the_same_afterwards() {
        let ended = Ended::default();
        let (given, child) = (ended.token().clone(), ended.token().child_token());
        assert!(!given.is_cancelled() && !child.is_cancelled());
        ended.end();
        assert!(given.is_cancelled() && child.is_cancelled() && ended.token().is_cancelled());
        ended.end();
    }

    #[test]
    fn who_asks_after_the_end_learns_of_it_and_a_connection_that_lives_does_not() {
        let (dead, living) = (Ended::default(), Ended::default());
        dead.end();
        assert!(dead.token().is_cancelled());
        assert!(!living.token().is_cancelled());
    }

    #[test]
    fn an_end_and_the_first_question_may_come_at_once() {
        for _ in 0..200 {
            let ended = Ended::default();
            let token = std::thread::scope(|threads| {
                let asked = threads.spawn(|| ended.token().clone());
                ended.end();
                asked.join().unwrap()
            });
            assert!(token.is_cancelled());
        }
    }
}
