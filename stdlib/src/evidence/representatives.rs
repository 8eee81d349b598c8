//! Which proxies of a large workload are asked for their configuration, where many causes are looked for at once.
//!
//! All proxies of a workload get the same configuration from the same control plane, so what is wrong with all of them can
//! be seen in some. What is wrong with a few makes requests fail, and telemetry says whose. A triage asks these first,
//! and of the rest so many that 16 of a workload are asked. Which server a request did not reach is not counted, so
//! every server is asked then. A runbook about one cause asks every proxy.

use std::collections::{BTreeMap, HashMap};

use meshbook_runtime::run::Run;

use super::moment;
use crate::prometheus::requests::{Answers, Counted, Reporter, Requests, has_flag};
use crate::proxy::{Proxy, Side};
use crate::text::count;

/// So many proxies of one workload are asked at most.
const MOST: usize = 16;

/// The proxies to ask, in the order in which they stood; all of them outside of a [`moment`], and where telemetry does not
/// say whose requests fail.
pub fn of(run: &Run, proxies: &[Proxy], requests: Option<&Requests>) -> Vec<Proxy> {
    match requests.filter(|_| moment::lasts(run)) {
        Some(requests) => chosen(proxies, requests),
        None => proxies.to_vec(),
    }
}

/// What a person should know, if not all were asked.
pub fn note(asked: &[Proxy], all: &[Proxy]) -> Option<String> {
    (asked.len() < all.len()).then(|| {
        format!(
            "{} of {} were asked for their configuration: at most {MOST} of a workload, those first whose requests fail",
            asked.len(),
            count(all.len(), "proxy", "proxies")
        )
    })
}

fn chosen(proxies: &[Proxy], requests: &Requests) -> Vec<Proxy> {
    let mut sizes = HashMap::<(&str, &str, Side), usize>::new();
    for proxy in proxies {
        *sizes.entry(of_workload(proxy)).or_default() += 1;
    }
    if sizes.values().all(|size| *size <= MOST) {
        return proxies.to_vec();
    }
    let Ok(sent) = requests.seen_by(Reporter::Source) else { return proxies.to_vec() };
    let received = requests.seen_by(Reporter::Destination).unwrap_or_default();
    let unreached = |flags: &str| has_flag(flags, "UC") || has_flag(flags, "UF");
    let is_reached = !sent.values().any(|answers| answers.by_flags.keys().any(|(flags, _)| unreached(flags)));
    let (Some(sent), Some(received)) = (failing(&sent), failing(&received)) else { return proxies.to_vec() };
    let harm = |proxy: &Proxy| {
        let by = if proxy.side() == Side::Caller { &sent } else { &received };
        by.get(proxy.pod()).copied().unwrap_or_default()
    };
    let mut order: Vec<usize> = (0..proxies.len()).collect();
    order.sort_by(|a, b| harm(&proxies[*b]).total_cmp(&harm(&proxies[*a])).then(a.cmp(b)));
    let mut taken = HashMap::<(&str, &str, Side), usize>::new();
    order.retain(|place| {
        let proxy = &proxies[*place];
        let taken = taken.entry(of_workload(proxy)).or_default();
        *taken += 1;
        *taken <= MOST || (proxy.side() == Side::Server && !is_reached)
    });
    order.sort_unstable();
    order.into_iter().map(|place| proxies[place].clone()).collect()
}

fn of_workload(proxy: &Proxy) -> (&str, &str, Side) {
    (proxy.namespace(), proxy.workload(), proxy.side())
}

/// How many requests failed, by the pod whose proxy counted them; `None` where a pod is not named.
fn failing(counted: &BTreeMap<Counted, Answers>) -> Option<BTreeMap<&str, f64>> {
    let mut failing = BTreeMap::new();
    for (who, answers) in counted {
        *failing.entry((!who.pod.is_empty()).then_some(who.pod.as_str())?).or_default() += answers.errors;
    }
    Some(failing)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;
    use crate::prometheus;
    use crate::proxy::pod::PodFacts;

    fn proxies(side: Side, workload: &str, number: usize) -> Vec<Proxy> {
        let host = crate::host::tests::graph_core();
        let of = |number| {
            let name = format!("{workload}-{number:03}");
            PodFacts { namespace: "summit".into(), name, workload: workload.into(), ..PodFacts::default() }
        };
        (0..number).map(|number| Proxy::new(&of(number), side, &host)).collect()
    }

    /// Two samples of each pod's counter, the second of them ten more.
    fn requests(counted: &[(&str, &str, &str, &str)]) -> Requests {
        let series = |(reporter, pod, flags, code): &(&str, &str, &str, &str)| {
            let metric = json!({
                "reporter": reporter, "pod": pod, "response_flags": flags, "response_code": code,
                "source_workload": "front", "source_workload_namespace": "summit",
            });
            json!({ "metric": metric, "values": [[30, "5"], [90, "15"]] })
        };
        let series: Vec<_> = counted.iter().map(series).collect();
        let data = json!({ "resultType": "matrix", "result": series });
        Requests::new(prometheus::parse(&data).expect("a matrix"), "1m".parse().expect("a span"), 100.0)
    }

    fn names(proxies: &[Proxy]) -> String {
        proxies.iter().fold(String::new(), |mut all, proxy| {
            let _ = write!(all, "{} ", proxy.pod());
            all
        })
    }

    #[test]
    fn those_that_fail_come_first_and_the_rest_is_bounded() {
        let all = proxies(Side::Caller, "front", 100);
        let asked = chosen(
            &all,
            &requests(&[
                ("source", "front-099", "UO", "503"),
                ("source", "front-050", "-", "500"),
                ("source", "front-001", "-", "200"),
            ]),
        );
        assert_eq!(asked.len(), MOST);
        let names = names(&asked);
        assert!(names.starts_with("front-000 front-001 ") && names.ends_with("front-050 front-099 "), "{names}");
        assert!(note(&asked, &all).is_some_and(|note| note.starts_with("16 of 100 proxies")));
    }

    #[test]
    fn every_server_is_asked_when_one_was_not_reached() {
        let servers = proxies(Side::Server, "graph-core", 40);
        let well = requests(&[("source", "front-1", "-", "200"), ("destination", "graph-core-030", "-", "503")]);
        let asked = chosen(&servers, &well);
        assert!(asked.len() == MOST && names(&asked).ends_with("graph-core-030 "), "{}", names(&asked));
        assert_eq!(chosen(&servers, &requests(&[("source", "front-1", "URX,UF", "503")])).len(), 40);
    }

    #[test]
    fn all_are_asked_where_telemetry_names_no_pod_or_is_not_there() {
        let all = proxies(Side::Caller, "front", 100);
        assert_eq!(chosen(&all, &requests(&[("source", "", "-", "200")])).len(), 100);
        assert_eq!(chosen(&all, &requests(&[])).len(), 100);
        assert!(note(&all, &all).is_none());
    }

    #[test]
    fn a_small_workload_is_asked_as_a_whole() {
        let mut all = proxies(Side::Caller, "front", MOST);
        all.extend(proxies(Side::Caller, "reports", 20));
        let asked = chosen(&all, &requests(&[("source", "reports-019", "-", "500")]));
        assert_eq!(asked.len(), 2 * MOST);
        assert!(names(&asked).ends_with("reports-019 "));
    }
}
