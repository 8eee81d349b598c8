//! Access logs in Istio's default text format (`%START_TIME% … %ROUTE_NAME%`), made of what traffic counted.
//!
//! Lines are not kept: a journal keeps how many requests ended how in each step, and lines are written when somebody
//! reads them, the same lines each time. What is older than [`KEPT`] requests of a flow is gone, as in a rotated log.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::istiod::config::{Cluster, Endpoint};
use super::kubernetes::PodKey;
use super::seed;
use super::traffic::flow::Leg;
use super::traffic::outcome::{OUTCOMES, Outcome, Report};
use super::traffic::tls::Shake;

/// Requests of one flow that are remembered.
pub const KEPT: u64 = 6_000;

/// What one leg of a flow did in one step.
#[derive(Clone, Debug)]
struct Entry {
    start: Timestamp,
    length: Duration,
    cluster: Option<Arc<Cluster>>,
    /// What comes of connections to each of the cluster's endpoints.
    shakes: Arc<[Shake]>,
    /// How often a request is tried at most.
    tries: u32,
    route: String,
    counts: [u32; OUTCOMES],
    /// Number of the first request since the flow began.
    first: u64,
    /// Mean duration (ms) of an answer.
    mean: f64,
    /// Duration (ms) of a request that timed out, and of one whose every attempt did.
    cut: f64,
    tried: f64,
    /// The same by the server's clock: of an answer, of one that timed out, of an attempt that did.
    at_server: [f64; 3],
    /// Pods that outlier detection has ejected.
    ejected: Vec<String>,
}

/// The last requests of one flow.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
    /// Fractions of requests that were not noted yet.
    rest: Vec<[f64; OUTCOMES]>,
    requests: u64,
    kept: u64,
}

impl Journal {
    /// Notes `dt` seconds at the legs' present rates, up to `now`.
    pub fn note(&mut self, end: Timestamp, dt: f64, legs: &[Leg]) {
        self.rest.resize(legs.len(), [0.0; OUTCOMES]);
        // Of a long step under great load only the end is remembered; the rest would be gone at once.
        let expected = legs.iter().flat_map(|leg| leg.rates).sum::<f64>() * dt;
        let part = (KEPT as f64 / expected.max(1.0)).min(1.0);
        self.requests += (expected * (1.0 - part)) as u64;
        let dt = dt * part;
        let length = Duration::from_secs_f64(dt);
        for (leg, rest) in legs.iter().zip(&mut self.rest) {
            let mut counts = [0; OUTCOMES];
            for ((count, rest), rate) in counts.iter_mut().zip(rest.iter_mut()).zip(leg.rates) {
                *rest += rate * dt;
                // At most some thousand requests in a step; the cast cannot cut.
                *count = *rest as u32;
                *rest -= f64::from(*count);
            }
            let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
            if sum == 0 {
                continue;
            }
            self.entries.push_back(Entry::of(leg, end - length, length, counts, self.requests));
            self.requests += sum;
            self.kept += sum;
        }
        while self.kept > KEPT && self.entries.len() > 1 {
            if let Some(entry) = self.entries.pop_front() {
                self.kept -= entry.total();
            }
        }
    }

    /// Notes one request of a pod to a host. Answers how long (ms) it takes for its caller, as its line will say.
    pub fn note_one(&mut self, start: Timestamp, leg: &Leg, outcome: Outcome, between: (&str, &str)) -> f64 {
        let mut counts = [0; OUTCOMES];
        counts[outcome as usize] = 1;
        let entry = Entry::of(leg, start, Duration::ZERO, counts, self.requests);
        let took = duration(&entry, outcome, true, seed::hash(self.requests, &[between.0, between.1]));
        self.entries.push_back(entry);
        self.requests += 1;
        self.kept += 1;
        took
    }
}

impl Entry {
    fn of(leg: &Leg, start: Timestamp, length: Duration, counts: [u32; OUTCOMES], first: u64) -> Entry {
        Entry {
            start,
            length,
            cluster: leg.cluster.clone(),
            shakes: leg.shakes.clone(),
            tries: leg.tries(),
            route: leg.route_name.clone(),
            counts,
            first,
            mean: leg.spread(Outcome::Ok).mean,
            cut: leg.spread(Outcome::Timeout).mean,
            tried: leg.spread(Outcome::TryTimeout).mean,
            at_server: [Outcome::Ok, Outcome::Timeout, Outcome::TryTimeout].map(|end| leg.spread_at_server(end).mean),
            ejected: leg.ejected.clone(),
        }
    }

    fn total(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The endpoint that a request was for: of those that end requests so, the next in turn.
    fn endpoint(&self, outcome: Outcome, number: u64) -> Option<&Endpoint> {
        let endpoints: &[Endpoint] = self.cluster.as_ref().map_or(&[], |cluster| &cluster.endpoints);
        let ends = |index: usize| match self.shakes.get(index) {
            Some(Shake::Failed(failed)) => *failed == outcome,
            _ => !outcome.is_handshake(),
        };
        let is_live = |index: usize| !self.ejected.contains(&endpoints[index].pod);
        let fitting: Vec<usize> = (0..endpoints.len()).filter(|index| ends(*index) && is_live(*index)).collect();
        let turn = usize::try_from(number).unwrap_or(0) % fitting.len().max(1);
        fitting.get(turn).and_then(|index| endpoints.get(*index)).filter(|_| outcome.has_host())
    }

    /// Whether requests to an endpoint go by TLS.
    fn is_mutual(&self, endpoint: &Endpoint) -> bool {
        let endpoints: &[Endpoint] = self.cluster.as_ref().map_or(&[], |cluster| &cluster.endpoints);
        let index = endpoints.iter().position(|one| one == endpoint);
        index.and_then(|index| self.shakes.get(index)) == Some(&Shake::Mutual)
    }

    /// The outcomes in the order of their requests: each kind spread evenly over the step.
    fn outcomes(&self) -> Vec<Outcome> {
        let mut all: Vec<(f64, Outcome)> = Vec::new();
        for outcome in Outcome::ALL {
            let count = self.counts[outcome as usize];
            all.extend((0..count).map(|k| ((f64::from(k) + 0.5) / f64::from(count), outcome)));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

/// What the lines of one flow say besides its outcomes.
pub struct Parties<'a> {
    /// The calling pod's name and address.
    pub caller: Option<(&'a PodKey, &'a str)>,
    /// Host and port as the caller writes them.
    pub authority: &'a str,
    /// Where the caller's proxy took the request: the host's cluster address and port, of a gateway its own.
    pub listener: &'a str,
    /// Of requests that come in by a gateway, the address of the client.
    pub client: Option<&'a str>,
    /// The path.
    pub path: &'a str,
    /// The application's error status.
    pub error_code: u16,
}

/// Whose log is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Side<'a> {
    /// The calling pod's.
    Caller,
    /// The log of the pod with this name.
    Server(&'a str),
}

/// Lines of one flow for one side, each with the time at which its request ended.
pub fn lines(journal: &Journal, parties: &Parties, side: Side, into: &mut Vec<(Timestamp, String)>) {
    for entry in &journal.entries {
        let outcomes = entry.outcomes();
        let total = outcomes.len() as f64;
        for (k, outcome) in outcomes.into_iter().enumerate() {
            let number = entry.first + k as u64;
            let endpoint = entry.endpoint(outcome, number);
            let report = match side {
                Side::Caller => outcome.at_caller(parties.error_code),
                Side::Server(pod) if outcome.finds_no_filter_chain() => {
                    if let Some(endpoint) = endpoint.filter(|endpoint| endpoint.pod == pod) {
                        refusals(
                            entry,
                            parties,
                            outcome,
                            endpoint,
                            entry.start + entry.length.mul_f64((k as f64 + 0.5) / total),
                            number,
                            into,
                        );
                    }
                    continue;
                }
                Side::Server(pod) => {
                    let Some(report) = endpoint
                        .filter(|endpoint| endpoint.pod == pod)
                        .and_then(|_| outcome.at_server(parties.error_code))
                    else {
                        continue;
                    };
                    report
                }
            };
            let at = entry.start + entry.length.mul_f64((k as f64 + 0.5) / total);
            let caller = parties.caller.map_or("elsewhere", |(key, _)| key.1.as_str());
            let id = seed::hash(number, &[caller, parties.authority]);
            let took = duration(entry, outcome, side == Side::Caller, id);
            let line = line(entry, parties, side, endpoint, outcome, report, at, took, id);
            into.push((at + Duration::from_secs_f64(took / 1000.0), line));
        }
    }
}

/// What the server's proxy logs of connections for which it has no filter chain: one for each attempt.
fn refusals(
    entry: &Entry,
    parties: &Parties,
    outcome: Outcome,
    endpoint: &Endpoint,
    at: Timestamp,
    number: u64,
    into: &mut Vec<(Timestamp, String)>,
) {
    let (name, caller_ip) = parties.caller.map_or(("elsewhere", "10.248.0.1"), |(key, ip)| (key.1.as_str(), ip));
    let is_tls = outcome.is_connect_failure();
    let sni = match &entry.cluster {
        Some(cluster) if is_tls => format!("outbound_.{}_.{}_.{}", cluster.port, cluster.subset, cluster.host),
        _ => "-".to_owned(),
    };
    for attempt in 0..if is_tls { entry.tries } else { 1 } {
        let at = at + Duration::from_millis(u64::from(attempt) * 20);
        let port = 32_768 + seed::mix(seed::hash(number, &[name, parties.authority]) ^ u64::from(attempt)) % 28_000;
        let line = format!(
            "[{}] \"- - -\" 0 NR filter_chain_not_found - \"-\" 0 0 0 - \"-\" \"-\" \"-\" \"-\" \"-\" - - {}:{} {caller_ip}:{port} {sni} -",
            at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
            endpoint.address,
            endpoint.port,
        );
        into.push((at, line));
    }
}

/// How long (ms) a request took, scattered about the mean as answers are.
fn duration(entry: &Entry, outcome: Outcome, at_caller: bool, id: u64) -> f64 {
    let [mean, cut, tried] = if at_caller { [entry.mean, entry.cut, entry.tried] } else { entry.at_server };
    match outcome {
        Outcome::Ok | Outcome::ApplicationError => {
            let u = seed::unit(seed::mix(id)).clamp(0.001, 0.999);
            (mean * 0.955 * (u / (1.0 - u)).powf(1.0 / 6.0)).min(entry.cut)
        }
        Outcome::Timeout | Outcome::ClientGone => cut,
        Outcome::TryTimeout => tried,
        Outcome::ApplicationDown => 30.0,
        Outcome::Plaintext | Outcome::Rejected => 1.5,
        outcome if outcome.is_connect_failure() => 61.0,
        _ => 0.0,
    }
}

#[allow(clippy::too_many_arguments, reason = "a line has as many independent parts")]
fn line(
    entry: &Entry,
    parties: &Parties,
    side: Side,
    endpoint: Option<&Endpoint>,
    outcome: Outcome,
    report: Report,
    at: Timestamp,
    took: f64,
    id: u64,
) -> String {
    let at_caller = side == Side::Caller;
    let port = 32_768 + id % 28_000;
    let caller_ip = parties.caller.map_or("10.248.0.1", |(_, ip)| ip);
    let host = endpoint.map(|endpoint| format!("{}:{}", endpoint.address, endpoint.port));
    let failure = if outcome == Outcome::ApplicationDown && !at_caller {
        "delayed_connect_error:_Connection_refused"
    } else {
        outcome.transport_failure()
    };
    let mut line = String::with_capacity(420);
    let _ = write!(
        line,
        "[{}] \"GET {} HTTP/1.1\" {} {} {} - \"{failure}\" 0 {} {} ",
        at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
        parties.path,
        report.code,
        report.flags,
        report.details,
        report.bytes,
        took as u64
    );
    // %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% exists only on an answer that came from upstream.
    match report.details {
        "via_upstream" => {
            let _ = write!(line, "{} ", took as u64);
        }
        _ => line.push_str("- "),
    }
    // Clients leave out the port that is the protocol's own, and a gateway says in X-Forwarded-For who they are.
    let authority = parties.authority.strip_suffix(":80").filter(|_| parties.client.is_some());
    let _ = write!(
        line,
        "\"{}\" \"fortio.org/fortio-1.69\" \"{}\" \"{}\" \"{}\" ",
        parties.client.unwrap_or("-"),
        seed::uuid(id),
        authority.unwrap_or(parties.authority),
        host.as_deref().unwrap_or("-")
    );
    let cluster = entry.cluster.as_ref();
    if at_caller {
        let name = match outcome {
            Outcome::NoRoute | Outcome::NoCluster | Outcome::NoBackend | Outcome::Blocked => "-",
            _ => cluster.map_or("-", |cluster| cluster.name.as_str()),
        };
        // A connection was used only if the request was sent.
        let local = match outcome {
            Outcome::Ok
            | Outcome::ApplicationError
            | Outcome::ServerOverflow
            | Outcome::Denied
            | Outcome::ApplicationDown
            | Outcome::Plaintext
            | Outcome::Rejected
            | Outcome::TryTimeout => format!("{caller_ip}:{port}"),
            _ => "-".to_owned(),
        };
        let route = if entry.route.is_empty() { "-" } else { &entry.route };
        let _ = write!(
            line,
            "{name} {local} {} {}:{} - {route}",
            parties.listener,
            parties.client.unwrap_or(caller_ip),
            32_768 + seed::mix(id) % 28_000
        );
    } else {
        let (address, server_port) = endpoint.map_or(("-", 0), |endpoint| (endpoint.address.as_str(), endpoint.port));
        let local = match outcome {
            Outcome::ApplicationDown | Outcome::ServerOverflow => "-".to_owned(),
            _ => format!("127.0.0.6:{}", 32_768 + seed::mix(id ^ 1) % 28_000),
        };
        let name = match cluster {
            Some(cluster) if endpoint.is_some_and(|endpoint| entry.is_mutual(endpoint)) => {
                format!("outbound_.{}_.{}_.{}", cluster.port, cluster.subset, cluster.host)
            }
            _ => "-".to_owned(),
        };
        let _ =
            write!(line, "inbound|{server_port}|| {local} {address}:{server_port} {caller_ip}:{port} {name} default");
    }
    line
}
