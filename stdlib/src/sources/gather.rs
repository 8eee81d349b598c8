//! How it is found out which sources speak.

use std::collections::BTreeMap;
use std::time::Duration;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use super::{Caller, Seen, Sources};
use crate::envoy::admin;
use crate::envoy::stats::Stats;
use crate::evidence::logs;
use crate::evidence::sampler::sample;
use crate::evidence::survey::{self, requests};
use crate::host::Host;
use crate::overview::gather::body;
use crate::prometheus::{self, requests::Reporter};
use crate::proxy::Proxy;
use crate::text::first_line;

/// How far back Prometheus is asked.
const BACK: Span = Span(Duration::from_secs(120));
/// Which part of the access log has to speak.
const LINES: Span = Span(Duration::from_secs(10));

/// Finds out which sources speak about a host.
///
/// # Errors
/// What every read of the API server can end in.
pub fn gather(run: &Run, host: &Host) -> Result<Sources, Failure> {
    let answer = requests(run, host, BACK)?;
    let survey = survey::survey(run, host, answer.as_ref().ok())?;
    let notes = survey.notes.clone();
    if survey.callers.is_empty() {
        let missing = survey.unseen.clone().unwrap_or_else(|| Missing::NoSeries("nobody calls it".into()));
        return Ok(Sources::new(host.clone(), Err(missing), notes));
    }
    let asked = prometheus::ask(run, "does it answer?", "vector(1)".into())?;
    let prometheus = asked.map(|_| ()).map_err(|missing| missing.to_string());
    let series = answer
        .and_then(|requests| requests.seen_by(Reporter::Source).map(|_| ()))
        .map_err(|missing| missing.to_string());
    let callers = callers(run, host, &survey.callers)?;
    Ok(Sources::new(host.clone(), Ok(Seen { prometheus, series, callers }), notes))
}

fn callers(run: &Run, host: &Host, proxies: &[Proxy]) -> Result<Vec<Caller>, Failure> {
    let statistics = sample::<Stats>(run, host, proxies)?;
    let lines = logs::read(run, proxies, LINES)?;
    let effects = proxies.iter().map(|proxy| admin::listeners(proxy.namespace(), proxy.pod())).collect();
    let mut listeners = Vec::new();
    for reply in run.read_all(effects) {
        listeners.push(body(reply)?.and_then(|page| switched(&page)));
    }
    let mut by_workload: BTreeMap<(&str, &str), Vec<Told>> = BTreeMap::new();
    for (proxy, listeners) in proxies.iter().zip(listeners) {
        let page = statistics.pages.get(&proxy.key());
        let of_host = |page: &Stats| page.clusters().any(|cluster| cluster.is_outbound_to(host.fqdn()));
        let exported = match page {
            Some(Ok(page)) if of_host(page) => Ok(()),
            Some(Ok(_)) => Err("not exported: its proxyStatsMatcher does not include them".to_owned()),
            Some(Err(why)) => Err(first_line(why)),
            None => Err("not asked".into()),
        };
        let written = match (lines.get(&proxy.key()), &listeners) {
            (Some(Ok(lines)), _) if !lines.entries.is_empty() => Ok(()),
            (Some(Err(why)), _) => Err(first_line(why)),
            (_, Ok(on)) if on.access_log => Err(format!("on, and no line about {} in {LINES}", host.fqdn())),
            (_, Ok(_)) => Err("off".to_owned()),
            (_, Err(why)) => Err(first_line(why)),
        };
        let traced = match listeners {
            Ok(on) if on.tracing => Ok(()),
            Ok(_) => Err("off: no tracing provider".to_owned()),
            Err(why) => Err(first_line(&why)),
        };
        by_workload.entry((proxy.namespace(), proxy.workload())).or_default().push(Told { exported, written, traced });
    }
    Ok(by_workload
        .into_iter()
        .map(|((namespace, workload), told)| Caller {
            namespace: namespace.into(),
            workload: workload.into(),
            proxies: told.len(),
            statistics: all(told.iter().map(|one| &one.exported)),
            // Requests need not reach every pod in some seconds: one that writes shows that they all would.
            access_log: any(told.iter().map(|one| &one.written)),
            tracing: all(told.iter().map(|one| &one.traced)),
        })
        .collect())
}

/// What one proxy tells.
struct Told {
    exported: Result<(), String>,
    written: Result<(), String>,
    traced: Result<(), String>,
}

fn all<'a>(mut told: impl Iterator<Item = &'a Result<(), String>>) -> Result<(), String> {
    told.find(|one| one.is_err()).cloned().unwrap_or(Ok(()))
}

fn any<'a>(told: impl Iterator<Item = &'a Result<(), String>>) -> Result<(), String> {
    let told: Vec<_> = told.collect();
    if told.iter().any(|one| one.is_ok()) { Ok(()) } else { told.first().map_or(Ok(()), |one| (*one).clone()) }
}

/// What the HTTP filters of a proxy's listeners switch on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Switched {
    access_log: bool,
    tracing: bool,
}

/// Reads the listeners of a dump (`envoy.extensions.filters.network.http_connection_manager.v3`): `access_log` holds a
/// logger, `tracing.provider` names where spans go. Istio writes `tracing` without a provider where there is none.
fn switched(page: &str) -> Result<Switched, String> {
    let page: Value =
        serde_json::from_str(page).map_err(|error| format!("its /config_dump page is not JSON: {error}"))?;
    let mut found = Switched::default();
    look(&page, &mut found);
    Ok(found)
}

fn look(value: &Value, found: &mut Switched) {
    match value {
        Value::Object(fields) => {
            let is_manager = fields
                .get("@type")
                .and_then(Value::as_str)
                .is_some_and(|name| name.ends_with(".HttpConnectionManager"));
            if is_manager {
                let logs = fields.get("access_log").and_then(Value::as_array);
                found.access_log |= logs.is_some_and(|logs| !logs.is_empty());
                found.tracing |= fields.get("tracing").and_then(|tracing| tracing.get("provider")).is_some();
            }
            fields.values().for_each(|inner| look(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|item| look(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_proxy_logs_and_does_not_trace() {
        let page = include_str!("../../testdata/istio-1.31/config_dump.front.json");
        assert_eq!(switched(page), Ok(Switched { access_log: true, tracing: false }));
        let traced = page.replace(
            "\"client_sampling\"",
            "\"provider\":{\"name\":\"envoy.tracers.opentelemetry\"},\"client_sampling\"",
        );
        assert_eq!(switched(&traced), Ok(Switched { access_log: true, tracing: true }));
        assert_eq!(switched(&page.replace("\"access_log\"", "\"other\"")), Ok(Switched::default()));
        assert!(switched("no").is_err());
    }

    #[test]
    fn all_have_to_export_and_one_has_to_write() {
        let (yes, no) = (Ok(()), Err("no".to_owned()));
        assert_eq!(all([&yes, &no].into_iter()), no);
        assert_eq!(any([&no, &yes].into_iter()), yes);
        assert_eq!((all([&yes].into_iter()), any([&no].into_iter())), (yes.clone(), no.clone()));
    }
}
