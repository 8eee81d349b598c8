//! How refusals are gathered: each side from the best source that speaks of it, then the limits and rules behind them.

use std::collections::{BTreeMap, BTreeSet};

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use super::{Group, Member, Refusals, Seen, Source};
use crate::envoy::ClusterName;
use crate::envoy::config_dump::Configured;
use crate::envoy::stats::{ANSWERS_5XX, Stats};
use crate::evidence::rules::Rules;
use crate::evidence::sampler::{Clusters, Snapshot, sample, window};
use crate::evidence::survey::{self, Survey};
use crate::evidence::window::increase;
use crate::evidence::{configured, logs, representatives};
use crate::host::Host;
use crate::prometheus::requests::{Answers, Counted, Reporter, Requests};
use crate::proxy::{Proxy, Side};
use crate::rule::policy::Level;
use crate::rule::{Limits, Rule};
use crate::text::{count, some};

/// What one source says about one proxy, or about those that it does not tell apart.
struct Finding {
    proxies: Vec<Proxy>,
    name: String,
    side: Side,
    refused: f64,
    /// Answers of 503 that nobody on this side explains: the server's side may have refused them.
    unexplained: f64,
    source: Source,
    /// The clusters that refused, where the source tells.
    clusters: BTreeSet<ClusterName>,
}

/// Gathers the refusals on the way to a host over a span.
///
/// # Errors
/// What every read of the API server can end in; a proxy or a source that does not answer is noted instead.
pub fn gather(run: &Run, host: &Host, span: Span) -> Result<Refusals, Failure> {
    let requests = survey::requests(run, host, span)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let mut notes = survey.notes.clone();
    if survey.callers.is_empty() {
        let missing =
            survey.unseen.clone().unwrap_or_else(|| Missing::NoSeries(format!("nobody calls {}", host.text())));
        return Ok(Refusals::new(host.clone(), span, Err(missing), notes));
    }
    let (mut findings, mut untold, mut why) = from_telemetry(&requests, &survey);
    findings.extend(from_statistics(run, host, span, &mut untold, &mut notes)?);
    findings.extend(from_logs(run, span, &mut untold, &mut notes)?);
    if let Some(missing) = verdict(&findings, &untold, &survey, &mut why, &mut notes) {
        return Ok(Refusals::new(host.clone(), span, Err(missing), notes));
    }
    let seen = behind(run, host, &survey, requests.as_ref().ok(), findings, &mut notes)?;
    Ok(Refusals::new(host.clone(), span, Ok(seen), notes))
}

/// Each side that Prometheus speaks of; the proxies of the others remain untold, with the reason.
fn from_telemetry(requests: &Result<Requests, Missing>, survey: &Survey) -> (Vec<Finding>, Vec<Proxy>, Vec<Missing>) {
    let (mut findings, mut untold, mut why) = (Vec::new(), Vec::new(), Vec::new());
    for (side, reporter, proxies) in
        [(Side::Caller, Reporter::Source, &survey.callers), (Side::Server, Reporter::Destination, &survey.servers)]
    {
        match requests.as_ref().map_err(Clone::clone).and_then(|requests| requests.seen_by(reporter)) {
            Ok(counted) => findings.extend(told(side, counted, proxies)),
            Err(missing) => {
                untold.extend(proxies.iter().cloned());
                why.push(missing);
            }
        }
    }
    (findings, untold, why)
}

/// Joins what Prometheus counted to the proxies that are here.
fn told(side: Side, counted: BTreeMap<Counted, Answers>, proxies: &[Proxy]) -> Vec<Finding> {
    let mut groups = BTreeMap::<String, (Vec<Proxy>, Answers)>::new();
    for (who, answers) in &counted {
        let of_caller = |proxy: &&Proxy| {
            side == Side::Server || (proxy.namespace() == who.source_namespace && proxy.is_of(&who.source_workload))
        };
        let matching: Vec<_> = if who.pod.is_empty() {
            proxies.iter().filter(of_caller).cloned().collect()
        } else {
            let namespace = |proxy: &&Proxy| {
                side == Side::Server || who.source_namespace.is_empty() || proxy.namespace() == who.source_namespace
            };
            proxies.iter().filter(|proxy| proxy.pod() == who.pod).filter(namespace).cloned().collect()
        };
        let name = match (side, who.pod.as_str()) {
            (Side::Caller, "") => format!("{}.{}", who.source_workload, who.source_namespace),
            (Side::Caller, pod) => format!("{pod}.{}", who.source_namespace),
            (Side::Server, "") => "its own proxies".into(),
            (Side::Server, pod) => matching.first().map_or_else(|| pod.to_owned(), Noun::text),
        };
        let group = groups.entry(name).or_default();
        group.0 = matching;
        group.1.add(answers);
    }
    let finding = |(name, (proxies, answers)): (String, (Vec<Proxy>, Answers))| {
        // A 503 without a flag came from behind: from the application, or from a breaker in the server's proxy.
        let unexplained = answers
            .by_flags
            .iter()
            .filter(|((flags, code), _)| code == "503" && matches!(flags.as_str(), "-" | ""))
            .map(|(_, n)| n)
            .sum();
        Finding {
            proxies,
            name,
            side,
            refused: answers.refused,
            unexplained,
            source: Source::Telemetry,
            clusters: BTreeSet::new(),
        }
    };
    groups.into_iter().map(finding).collect()
}

/// Envoy's counters, of the proxies of which nothing is told yet. Those that export them are told now.
fn from_statistics(
    run: &Run,
    host: &Host,
    span: Span,
    untold: &mut Vec<Proxy>,
    notes: &mut Vec<String>,
) -> Result<Vec<Finding>, Failure> {
    if untold.is_empty() {
        return Ok(Vec::new());
    }
    let exports = |snapshot: &Snapshot<Stats>| {
        untold.iter().any(|proxy| snapshot.page(proxy).is_some_and(|stats| is_exported(stats, proxy)))
    };
    let Some((before, after)) = window::<Stats>(run, host, untold, span, exports)? else { return Ok(Vec::new()) };
    let silent: Vec<_> = after.silent().map(|(name, _)| name).collect();
    if let Some((_, why)) = after.silent().next() {
        notes.push(format!("{} did not answer: {} ({why})", count(silent.len(), "proxy", "proxies"), some(&silent, 5)));
    }
    let mut findings = Vec::new();
    untold.retain(|proxy| {
        let (Some(before), Some(after)) = (before.page(proxy), after.page(proxy)) else { return true };
        let finding = counted(proxy, before, after);
        let told = finding.is_some();
        findings.extend(finding);
        !told
    });
    Ok(findings)
}

/// The clusters of a proxy that lead to its host.
fn concerned<'a>(stats: &'a Stats, proxy: &'a Proxy) -> impl Iterator<Item = &'a ClusterName> {
    let (host, ports) = (proxy.host(), proxy.host().target_ports());
    stats.clusters().filter(move |name| match proxy.side() {
        Side::Caller => name.is_outbound_to(host.fqdn()),
        Side::Server => name.is_inbound() && (ports.is_empty() || ports.contains(&name.port)),
    })
}

fn is_exported(stats: &Stats, proxy: &Proxy) -> bool {
    concerned(stats, proxy).any(|name| stats.refused(name).is_some())
}

fn counted(proxy: &Proxy, before: &Stats, after: &Stats) -> Option<Finding> {
    let mut finding = Finding {
        proxies: vec![proxy.clone()],
        name: proxy.text(),
        side: proxy.side(),
        refused: 0.0,
        unexplained: 0.0,
        source: Source::Statistics,
        clusters: BTreeSet::new(),
    };
    let mut exported = false;
    for cluster in concerned(after, proxy) {
        let Some(refused) = after.refused(cluster) else { continue };
        exported = true;
        // A cluster that the proxy did not have before began at zero.
        let by = increase(before.refused(cluster).unwrap_or(0.0), refused);
        if by > 0.0 {
            finding.refused += by;
            finding.clusters.insert(cluster.clone());
        }
        let errors = after
            .get(cluster, ANSWERS_5XX)
            .map_or(0.0, |n| increase(before.get(cluster, ANSWERS_5XX).unwrap_or(0.0), n));
        finding.unexplained += (errors - by).max(0.0);
    }
    exported.then_some(finding)
}

/// Access logs, of the proxies of which nothing is told yet. Those with lines about the host are told now.
fn from_logs(run: &Run, span: Span, untold: &mut Vec<Proxy>, notes: &mut Vec<String>) -> Result<Vec<Finding>, Failure> {
    if untold.is_empty() {
        return Ok(Vec::new());
    }
    let read = logs::read(run, untold, span)?;
    let mut findings = Vec::new();
    let mut cut = 0;
    untold.retain(|proxy| {
        let Some(Ok(lines)) = read.get(&proxy.key()) else { return true };
        if lines.entries.is_empty() {
            return true;
        }
        cut += usize::from(lines.cut);
        let refused: Vec<_> = lines.entries.iter().filter(|entry| entry.has("UO")).collect();
        let unexplained = lines.entries.iter().filter(|entry| entry.code == 503 && entry.flags.is_empty()).count();
        findings.push(Finding {
            proxies: vec![proxy.clone()],
            name: proxy.text(),
            side: proxy.side(),
            refused: figure(refused.len()),
            unexplained: figure(unexplained),
            source: Source::AccessLog,
            clusters: refused.iter().filter_map(|entry| entry.cluster.clone()).collect(),
        });
        false
    });
    if cut > 0 {
        notes.push(format!(
            "the logs of {} were longer than what is read of them: their figures are lower bounds",
            count(cut, "proxy", "proxies")
        ));
    }
    Ok(findings)
}

#[allow(clippy::cast_precision_loss, reason = "a count of lines of a log of some megabytes")]
fn figure(lines: usize) -> f64 {
    lines as f64
}

/// Why nothing can be said, if so. What was seen to refuse is a finding, whatever else could not be seen; that nobody
/// refuses can only be said when nobody was overlooked.
fn verdict(
    findings: &[Finding],
    untold: &[Proxy],
    survey: &Survey,
    why: &mut Vec<Missing>,
    notes: &mut Vec<String>,
) -> Option<Missing> {
    let names = |side: Side| untold.iter().filter(|proxy| proxy.side() == side).map(Noun::text).collect::<Vec<_>>();
    let (callers, servers) = (names(Side::Caller), names(Side::Server));
    let refused = findings.iter().any(|finding| finding.refused > 0.0);
    for (side, names) in [("caller", &callers), ("server", &servers)] {
        if !names.is_empty() {
            notes.push(format!(
                "nothing to see on the {side}'s side of {}: neither Prometheus, statistics, nor access log",
                some(names, 5)
            ));
        }
    }
    if refused {
        return None;
    }
    if let Some(unseen) = &survey.unseen {
        return Some(unseen.clone());
    }
    let unexplained =
        findings.iter().filter(|finding| finding.side == Side::Caller).any(|finding| finding.unexplained > 0.0);
    if !callers.is_empty() || (unexplained && !servers.is_empty()) {
        let who = some(if callers.is_empty() { &servers } else { &callers }, 5);
        let reason = format!(
            "nothing tells what {who} refused: no istio_requests_total, no statistics of the cluster, no line in the access log"
        );
        return Some(match why.pop() {
            Some(Missing::Stale(stale)) => Missing::Stale(format!("{reason} ({stale})")),
            Some(Missing::Unreachable(source)) => Missing::NotExported(format!("{reason} ({source})")),
            _ => Missing::NotExported(reason),
        });
    }
    None
}

/// Asks the proxies that refuse for their limits, and finds the rules that set them.
fn behind(
    run: &Run,
    host: &Host,
    survey: &Survey,
    requests: Option<&Requests>,
    findings: Vec<Finding>,
    notes: &mut Vec<String>,
) -> Result<Seen, Failure> {
    let mut seen = Seen {
        sources: findings.iter().map(|finding| finding.source).collect::<BTreeSet<_>>().into_iter().collect(),
        ..Seen::default()
    };
    let (refusing, quiet): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.refused > 0.0);
    seen.quiet = quiet.iter().map(|finding| finding.proxies.len()).sum();
    if refusing.is_empty() {
        return Ok(seen);
    }
    let rules = Rules::read(run, host, &survey.callers)?;
    notes.extend(rules.note.clone());
    let proxies: Vec<_> = refusing.iter().flat_map(|finding| finding.proxies.iter().cloned()).collect();
    let asked = representatives::of(run, &proxies, requests);
    let configured = configuration(run, host, &proxies, &asked, notes)?;
    let mut levels = BTreeMap::<String, (Value, BTreeSet<Level>)>::new();
    for finding in refusing {
        let mut group = Group {
            members: Vec::new(),
            name: finding.name.clone(),
            side: finding.side,
            refused: finding.refused,
            source: finding.source,
        };
        for (index, proxy) in proxies_of(&finding, &proxies, &configured) {
            let limiting =
                limiting(run, host, proxy, &finding.clusters, configured[index].as_deref().unwrap_or_default())?;
            let mut names = BTreeSet::new();
            for cluster in &limiting {
                match rules.setting(proxy, cluster) {
                    Some((object, level)) => {
                        let rule = Rule::new(object, host, [level.clone()]);
                        names.insert(rule.text());
                        levels.entry(rule.text()).or_insert_with(|| (object.clone(), BTreeSet::new())).1.insert(level);
                    }
                    None => notes.push(format!(
                        "the limits of {} in {} are set by no DestinationRule: look for a Sidecar or an EnvoyFilter",
                        cluster.name,
                        proxy.text()
                    )),
                }
            }
            let limits = limiting.iter().map(|cluster| cluster.limits).min_by_key(Limits::places);
            group.members.push(Member { proxy: proxy.clone(), limits, rules: names.into_iter().collect() });
        }
        seen.groups.push(group);
    }
    seen.groups.sort_by(|a, b| b.refused.total_cmp(&a.refused).then_with(|| a.name.cmp(&b.name)));
    seen.rules = levels.into_values().map(|(object, levels)| Rule::new(&object, host, levels)).collect();
    notes.sort();
    notes.dedup();
    Ok(seen)
}

fn proxies_of<'a>(
    finding: &Finding,
    all: &'a [Proxy],
    configured: &[Option<Vec<Configured>>],
) -> Vec<(usize, &'a Proxy)> {
    let keys: BTreeSet<_> = finding.proxies.iter().map(Proxy::key).collect();
    let mut found = BTreeMap::new();
    for (index, proxy) in all.iter().enumerate() {
        if keys.contains(&proxy.key()) && index < configured.len() {
            found.entry(proxy.key()).or_insert((index, proxy));
        }
    }
    found.into_values().collect()
}

/// What each proxy was told about its clusters to the host; `None` for those that were not asked, or do not answer.
fn configuration(
    run: &Run,
    host: &Host,
    proxies: &[Proxy],
    asked: &[Proxy],
    notes: &mut Vec<String>,
) -> Result<Vec<Option<Vec<Configured>>>, Failure> {
    let mut known = BTreeMap::new();
    for (proxy, page) in asked.iter().zip(configured::read(run, host, asked)?) {
        match page {
            Ok(clusters) => {
                known.insert(proxy.key(), clusters);
            }
            Err(why) => notes.push(format!("{} could not be asked for its limits: {why}", proxy.text())),
        }
    }
    Ok(proxies.iter().map(|proxy| known.get(&proxy.key()).cloned()).collect())
}

/// The clusters of a proxy whose limits refuse: those that the source names, else those that are limited and used.
fn limiting(
    run: &Run,
    host: &Host,
    proxy: &Proxy,
    named: &BTreeSet<ClusterName>,
    configured: &[Configured],
) -> Result<Vec<Configured>, Failure> {
    let ports = host.target_ports();
    let of_side = |cluster: &&Configured| {
        cluster.name.is_inbound() == (proxy.side() == Side::Server) && cluster.concerns(host.fqdn(), &ports)
    };
    let limited: Vec<_> =
        configured.iter().filter(of_side).filter(|cluster| !cluster.limits.is_unlimited()).cloned().collect();
    if !named.is_empty() {
        return Ok(limited.into_iter().filter(|cluster| named.contains(&cluster.name)).collect());
    }
    if limited.len() < 2 {
        return Ok(limited);
    }
    let pages = sample::<Clusters>(run, host, std::slice::from_ref(proxy))?;
    let used: BTreeSet<_> = pages
        .page(proxy)
        .map(|page| page.0.iter().filter(|cluster| cluster.is_used()).map(|cluster| cluster.name.clone()).collect())
        .unwrap_or_default();
    let in_use: Vec<_> = limited.iter().filter(|cluster| used.contains(&cluster.name)).cloned().collect();
    Ok(if in_use.is_empty() { limited } else { in_use })
}
