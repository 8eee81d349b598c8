//! Which services of a namespace are worth a diagnosis: all of a small one; of a large one those that telemetry accuses.

use std::collections::BTreeMap;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use crate::evidence::at_once;
use crate::host::{Host, resolve};
use crate::prometheus::{self, Series, quote};
use crate::text::some;

/// So many are looked at without being accused, and at most.
const MOST: usize = 8;

/// What was chosen.
pub struct Chosen {
    /// The services.
    pub hosts: Vec<Host>,
    /// What was left out.
    pub notes: Vec<String>,
    /// Why some were left out without knowing that they are well, if so: then nothing found is not healthy.
    pub missing: Option<Missing>,
}

/// Chooses among the services of the run's namespace.
///
/// # Errors
/// What every read of the API server can end in.
pub fn choose(run: &Run, bound: Span) -> Result<Chosen, Failure> {
    let mut hosts = resolve::all(run, run.namespace())?;
    if hosts.len() <= MOST {
        return Ok(Chosen { hosts, notes: Vec::new(), missing: None });
    }
    let all = hosts.len();
    let (accused, missing) = accused(run, bound)?;
    let mut notes = Vec::new();
    if let Some(why) = &missing {
        notes.push(format!(
            "not every service was looked at: Prometheus does not say which of them fail or are slow ({why}); name one with service="
        ));
    }
    if !accused.is_empty() || missing.is_none() {
        hosts.retain(|host| accused.contains_key(host.fqdn()));
        let grave = |host: &Host| accused.get(host.fqdn()).copied().unwrap_or_default();
        hosts.sort_by(|a, b| grave(b).total_cmp(&grave(a)).then_with(|| a.fqdn().cmp(b.fqdn())));
        if missing.is_none() {
            let quiet = all - hosts.len();
            notes.push(format!("{quiet} of {all} services neither fail nor are slow, by Prometheus"));
        }
        let left: Vec<String> = hosts.iter().skip(MOST).map(Noun::text).collect();
        if !left.is_empty() {
            notes.push(format!("{} that fail less were not looked at: {}", left.len(), some(&left, MOST)));
        }
    }
    hosts.truncate(MOST);
    Ok(Chosen { hosts, notes, missing })
}

/// The services of the namespace that fail or are slow, by full name, each with the share of requests that it concerns;
/// and why some of them may be lacking.
fn accused(run: &Run, bound: Span) -> Result<(BTreeMap<String, f64>, Option<Missing>), Failure> {
    let here = quote(run.namespace());
    let total = format!(
        "sum by (destination_service) (rate(istio_requests_total{{destination_service_namespace={here}}}[5m]))"
    );
    let failed = format!(
        "sum by (destination_service) (rate(istio_requests_total{{destination_service_namespace={here},response_code=~\"5..|0\"}}[5m])) / {total}"
    );
    let mut missing = None;
    let mut known = |answer: Result<Vec<Series>, Missing>| {
        answer.unwrap_or_else(|why| {
            missing.get_or_insert(why);
            Vec::new()
        })
    };
    let (failed, slow) =
        at_once(|| prometheus::ask(run, "services of which requests fail", failed), || slow(run, &here, bound))?;
    let (failed, slow) = (known(failed), known(slow));
    if failed.is_empty() && slow.is_empty() {
        missing.get_or_insert(Missing::NoSeries("istio_requests_total has no series of this namespace".into()));
    }
    let mut accused = BTreeMap::<String, f64>::new();
    for (name, share) in shares(&failed).filter(|(_, share)| *share > 0.001) {
        accused.insert(name, share);
    }
    for (name, late) in shares(&slow).filter(|(_, late)| *late >= 0.049) {
        let share = accused.entry(name).or_default();
        *share = share.max(late);
    }
    Ok((accused, missing))
}

/// Upper bounds (ms) of the buckets in which Istio counts durations unless it is told otherwise.
const BUCKETS: [f64; 19] =
    [0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6];

/// The share of requests to each service that may take longer than a bound. A P95 above it means at least 5 of 100.
///
/// A histogram of every service is the most expensive query of all: every pair of a caller and a server has some twenty
/// buckets. One of them, the last that ends at or before the bound, says who cannot be slow; the diagnosis of those that
/// can looks at all. A mesh that counts in other buckets is asked for P95.
fn slow(run: &Run, here: &str, bound: Span) -> Result<Result<Vec<Series>, Missing>, Failure> {
    let millis = bound.0.as_secs_f64() * 1000.0;
    let by_service = |metric: &str, more: &str| {
        format!(
            "sum by (destination_service) (rate(istio_request_duration_milliseconds_{metric}{{destination_service_namespace={here}{more}}}[5m]))"
        )
    };
    if let Some(edge) = BUCKETS.iter().rfind(|edge| **edge <= millis) {
        // Prometheus 3 writes 1000.0 where Prometheus 2 writes 1000.
        let le = if edge.fract() == 0.0 { format!("{edge}(\\\\.0)?") } else { edge.to_string().replace('.', "\\\\.") };
        let (within, all) = (by_service("bucket", &format!(",le=~\"{le}\"")), by_service("count", ""));
        // 2 is no share: it marks a service without that bucket.
        let query = format!("1 - {within} / {all} or {all} * 0 + 2");
        match prometheus::ask(run, "services of which requests take long", query)? {
            Ok(series) if series.iter().filter_map(Series::last).all(|(_, share)| share.is_nan() || share < 1.5) => {
                return Ok(Ok(series));
            }
            Ok(_) => {}
            Err(why) => return Ok(Err(why)),
        }
    }
    let p95 = format!(
        "histogram_quantile(0.95, sum by (destination_service, le) (rate(istio_request_duration_milliseconds_bucket{{destination_service_namespace={here}}}[5m])))"
    );
    // Beyond the last bucket, or above the bound: at least 5 of 100 requests.
    let late = |(at, p95): (f64, f64)| (at, if p95.is_infinite() || p95 > millis { 0.05 } else { p95 * 0.0 });
    Ok(prometheus::ask(run, "P95 of all services", p95)?.map(|mut series| {
        series.iter_mut().for_each(|one| one.samples = one.samples.iter().copied().map(late).collect());
        series
    }))
}

fn shares(series: &[Series]) -> impl Iterator<Item = (String, f64)> + '_ {
    let value = |one: &Series| Some((one.label("destination_service").to_owned(), one.last()?.1));
    series.iter().filter_map(value).filter(|(_, share)| !share.is_nan())
}
