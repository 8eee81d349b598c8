//! Whether the Kubernetes API server is slow: by its own metrics, and by what istiod's log says of it.

use std::time::Duration;

use meshbook_runtime::effect::Reply;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;

use super::gather::log;
use super::istiod::Istiod;
use crate::evidence::absorb;
use crate::prometheus;

/// How far back istiod's log is read.
const LOG: Duration = Duration::from_secs(300);
/// The time of requests of single objects that Kubernetes promises at most (its SLO for API calls: P99 within 1 s).
pub const API_BOUND: f64 = 1.0;

/// The P99 of the API server by its own metrics, and lines of istiod's log that say that it waited for it in vain.
///
/// # Errors
/// What a script may not handle.
pub fn look(run: &Run, istiods: &[Istiod], notes: &mut Vec<String>) -> Result<(Option<f64>, usize), Failure> {
    const QUERY: &str =
        "histogram_quantile(0.99, sum by (le) (rate(apiserver_request_duration_seconds_bucket{verb=\"GET\"}[2m])))";
    let latency = match prometheus::ask(run, "how long requests of the API server take", QUERY.into())? {
        Ok(series) => {
            series.first().and_then(prometheus::Series::last).map(|(_, value)| value).filter(|value| value.is_finite())
        }
        Err(_) => None,
    };
    if latency.is_none() {
        notes.push(
            "how quickly the API server answers is not known: Prometheus has no apiserver_request_duration_seconds"
                .into(),
        );
    }
    let answering: Vec<&Istiod> = istiods.iter().filter(|istiod| istiod.answer().is_some()).collect();
    let mut late = 0;
    for reply in run.read_all(answering.iter().map(|istiod| log(istiod, LOG)).collect()) {
        match reply {
            Ok(Reply::Text(text)) => late += text.lines().filter(|line| waited_in_vain(line)).count(),
            Ok(_) => {}
            Err(failure) => drop(absorb(failure)?),
        }
    }
    Ok((latency, late))
}

/// client-go's words for a lease that could not be read or renewed in time.
fn waited_in_vain(line: &str) -> bool {
    let lease = ["error retrieving resource lock", "failed to renew lease", "Failed to update lock"];
    let time = ["context deadline exceeded", "Client.Timeout exceeded", "timed out waiting", "i/o timeout"];
    lease.iter().any(|word| line.contains(word)) && time.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_slow_api_server() {
        assert!(waited_in_vain(
            "2026\terror\tklog\terror retrieving resource lock istio-system/istio-leader: Get \"https://10.96.0.1:443/…\": net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
        ));
        assert!(!waited_in_vain(
            "2026\terror\tklog\terror retrieving resource lock istio-system/istio-leader: not found"
        ));
        assert!(!waited_in_vain("2026\tinfo\tads\tcontext deadline exceeded"));
    }
}
