//! Which cause comes first: one that explains others, then the one that harms most.

use crate::finding::Finding;
use crate::latency::SLOW_DEPENDENCY;

/// The service with which a finding's runbook goes on.
pub fn service_of(finding: &Finding) -> Option<&str> {
    finding.arguments.iter().find_map(|argument| argument.strip_prefix("service="))
}

/// The causes, the first to be dealt with first. A service that only waits for another comes after what is wrong with that
/// one; otherwise harm decides.
pub fn ranked(mut found: Vec<Finding>) -> Vec<Finding> {
    let own: Vec<String> =
        found.iter().filter(|one| one.cause != SLOW_DEPENDENCY).filter_map(service_of).map(str::to_owned).collect();
    let waits = |one: &Finding| {
        one.cause == SLOW_DEPENDENCY && service_of(one).is_some_and(|service| own.iter().any(|name| name == service))
    };
    found.sort_by(|a, b| waits(a).cmp(&waits(b)).then(b.harm.total_cmp(&a.harm)).then(a.cause.cmp(b.cause)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(cause: &'static str, service: &str, harm: f64) -> Finding {
        Finding {
            cause,
            what: cause.into(),
            evidence: Vec::new(),
            harm,
            harms: String::new(),
            runbook: "troubleshooting/latency.rhai",
            arguments: vec![format!("service={service}")],
        }
    }

    #[test]
    fn what_waits_for_another_comes_after_it() {
        let found =
            ranked(vec![finding(SLOW_DEPENDENCY, "store.summit", 0.9), finding("CPU limit", "store.summit", 0.4)]);
        assert_eq!(found[0].cause, "CPU limit");
        let alone =
            ranked(vec![finding(SLOW_DEPENDENCY, "store.summit", 0.9), finding("CPU limit", "other.summit", 0.4)]);
        assert_eq!(alone[0].cause, SLOW_DEPENDENCY, "nothing is known to be wrong with the one that it waits for");
    }

    #[test]
    fn the_greater_harm_comes_first() {
        let found = ranked(vec![finding("retries", "a.summit", 0.1), finding("CPU limit", "b.summit", 0.4)]);
        assert_eq!(found[0].cause, "CPU limit");
    }
}
