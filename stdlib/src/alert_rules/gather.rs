//! Reads what is loaded, what has data, and how rules get in.

use std::collections::BTreeMap;

use meshbook_runtime::effect::{Call, Effect};
use meshbook_runtime::failure::{Failure, NOT_FOUND};
use meshbook_runtime::run::Run;

use super::{AlertRules, Found, Seen, Way};
use crate::alerting_rule::AlertingRule;
use crate::kubernetes::read;
use crate::prometheus::{self, Series, expression, pages};

/// The operator's kind.
const PROMETHEUS_RULE: &str = "prometheusrules.monitoring.coreos.com";

/// Holds the rules of a file against those of Prometheus.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, file: &str, reviewed: Vec<AlertingRule>) -> Result<AlertRules, Failure> {
    let loaded = match pages::rules(run)? {
        Ok(loaded) => loaded,
        Err(missing) => return Ok(AlertRules::new(file, Err(missing))),
    };
    let mut counts: BTreeMap<String, bool> = BTreeMap::new();
    for rule in &reviewed {
        let metrics = expression::metrics(&rule.facts().expression).unwrap_or_default();
        counts.extend(metrics.into_iter().map(|metric| (metric, false)));
    }
    let query = |metric: &String| Call::Query { query: format!("count({metric})"), at: None };
    let effects = counts.keys().map(|metric| Effect::read("Prometheus", format!("series of {metric}"), query(metric)));
    let replies = run.read_all(effects.collect());
    for (has_series, reply) in counts.values_mut().zip(replies) {
        match prometheus::answer(reply)? {
            Ok(series) => *has_series = series.first().and_then(Series::last).is_some_and(|(_, count)| count > 0.0),
            Err(missing) => return Ok(AlertRules::new(file, Err(missing))),
        }
    }
    let rules = reviewed.into_iter().map(|rule| {
        let metrics = expression::metrics(&rule.facts().expression).unwrap_or_default();
        Found {
            loaded: loaded.iter().filter(|one| one.name() == rule.name()).cloned().collect(),
            absent: metrics.into_iter().filter(|metric| counts.get(metric) == Some(&false)).collect(),
            reviewed: rule,
        }
    });
    Ok(AlertRules::new(file, Ok(Seen { rules: rules.collect(), way: way(run)? })))
}

/// Whether the API server serves the operator's kind.
fn way(run: &Run) -> Result<Way, Failure> {
    let call = Call::ResolveKind { name: PROMETHEUS_RULE.into() };
    match run.read(Effect::read("API server", "is the Prometheus operator installed?", call)) {
        Ok(_) => Ok(Way::Operator),
        Err(failure) if read::is(&failure, &NOT_FOUND) => Ok(Way::File),
        Err(failure) => Err(failure),
    }
}
