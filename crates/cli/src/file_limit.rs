//! How many files this process may have open, which is how many physical connections it can hold.
//!
//! The usual soft limit of 1,024 is a courtesy to programs from the days of `select`; the hard limit is the real one.

/// Raises the soft limit to the hard one.
///
/// Returns how many files may be open now; `None` where the system sets no such limit or does not tell.
pub(crate) fn raise() -> Option<u64> {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < rlimit::INFINITY => Some(limit),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            rlimit::getrlimit(rlimit::Resource::NOFILE).ok().map(|(soft, _)| soft)
        }
    }
}
