//! How often the kernel stops a service's pods, from cAdvisor's metrics.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use crate::evidence::survey;
use crate::host::Host;
use crate::metric::{Metric, Unit};
use crate::prometheus::{self, Series, quote};

/// The share of periods from which on a limit makes requests slow that anybody would notice.
pub const MUCH: f64 = 0.25;

/// The share of throttled periods over a span, of the pod that is throttled most.
///
/// # Errors
/// What listing pods can end in; a source that does not answer is missing instead.
pub fn gather(run: &Run, host: &Host, span: Span) -> Result<Metric, Failure> {
    let requests = survey::requests(run, host, span)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let names: Vec<_> = survey.pods.iter().filter(|pod| pod.is_running).map(|pod| regex::escape(&pod.name)).collect();
    let what = format!("throttled periods of {} over {span}", host.text());
    if names.is_empty() {
        let missing = Missing::NotExported(format!("no pod of {} runs", host.text()));
        return Ok(Metric::of(what, Unit::Share, Err(missing)));
    }
    let increase = |name: &str| {
        format!(
            "sum by (pod) (increase({name}{{namespace={},pod=~{},container!=\"\",container!=\"istio-proxy\"}}[{span}]))",
            quote(host.namespace()),
            quote(&names.join("|"))
        )
    };
    // Written as a quotient of 0 by 0 for a pod that did not run, which is NaN and falls out.
    let query = format!(
        "{} / {}",
        increase("container_cpu_cfs_throttled_periods_total"),
        increase("container_cpu_cfs_periods_total")
    );
    let share = prometheus::ask(run, &what, query)?.and_then(|series| {
        let shares = series.iter().filter_map(Series::last).map(|(_, share)| share).filter(|share| share.is_finite());
        shares.reduce(f64::max).ok_or_else(|| {
            Missing::NoSeries("container_cpu_cfs_periods_total has no series of its pods: they have no CPU limit, or cAdvisor is not scraped".into())
        })
    });
    Ok(Metric::of(what, Unit::Share, share))
}
