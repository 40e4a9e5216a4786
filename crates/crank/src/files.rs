//! Every connection is an open file, and the usual limit is for other programs.

use crate::{Plan, worker::MAX_POOL};

/// Files that are open for other reasons: logs, polls, `/proc`.
const OTHERS: u64 = 64;

/// Too few files may be open for so many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{needed} files are needed for so many connections, and the system allows {limit}; raise the hard limit \
     (`ulimit -Hn`, `LimitNOFILE=` of systemd, `--ulimit nofile=` of containers) or use at most {most} connections"
)]
pub struct TooFewFiles {
    /// How many would be open.
    pub needed: u64,
    /// How many may be.
    pub limit: u64,
    /// For how many connections that is enough.
    pub most: u64,
}

/// Raises the limit as far as the plan needs it.
pub(crate) fn make_room(plan: &Plan) -> Result<(), TooFewFiles> {
    let connections = u64::from(plan.connections);
    let beside = u64::from(plan.publishing()) + u64::from(MAX_POOL.max(plan.threads)) + OTHERS;
    let needed = connections + beside;
    // Where the limit cannot even be read there is none that we could explain.
    let Ok((soft, _)) = rlimit::getrlimit(rlimit::Resource::NOFILE) else { return Ok(()) };
    if soft >= needed {
        return Ok(());
    }
    let limit = rlimit::increase_nofile_limit(needed).unwrap_or(soft);
    if limit >= needed {
        return Ok(());
    }
    Err(TooFewFiles { needed, limit, most: limit.saturating_sub(beside) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scenario, Target};

    #[test]
    fn too_low_a_limit_is_explained_with_what_is_possible() {
        let target = Target::parse("http://127.0.0.1:1/").unwrap();
        let plan = Plan { connections: u32::MAX / 2, ..Plan::new(Scenario::Idle, target.clone()) };
        let refusal = make_room(&plan).unwrap_err();
        assert!(refusal.most < refusal.limit && refusal.limit < refusal.needed, "{refusal}");
        assert!(refusal.to_string().contains("ulimit -Hn"));
        assert_eq!(make_room(&Plan::new(Scenario::Idle, target)), Ok(()));
    }
}
