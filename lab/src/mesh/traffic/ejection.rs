//! Outlier detection: which hosts a proxy has ejected from a cluster.
//!
//! The rules are Envoy's (`envoy.config.cluster.v3.OutlierDetection`) with Istio's defaults: a host is ejected after
//! `consecutive5xxErrors` (5), as long as fewer than `maxEjectionPercent` (10) of the hosts are; below `minHealthPercent`
//! (0) of healthy ones all are used again. Pods that err go on erring, so that ejections are looked at as they stand in
//! the long run: a host that comes back is ejected again at its next run of errors.

use serde_json::Value;

/// Runs of errors must come once in so many requests, for a host to be as good as always ejected.
const OFTEN: f64 = 1000.0;

/// Which of the hosts, each with the share of its answers that are errors of 500 to 599, are ejected: by place.
pub fn ejected(detection: &Value, errors: &[f64]) -> Vec<usize> {
    if !detection.is_object() {
        return Vec::new();
    }
    let number = |name: &str, default: u64| detection[name].as_u64().unwrap_or(default);
    let run = number("consecutive5xxErrors", 5);
    if run == 0 {
        return Vec::new();
    }
    let run = i32::try_from(run).unwrap_or(i32::MAX);
    let hosts = errors.len() as f64;
    let mut ejected: Vec<usize> = Vec::new();
    for (place, share) in errors.iter().enumerate() {
        let percent = 100.0 * ejected.len() as f64 / hosts;
        if share.powi(run) * OFTEN >= 1.0 && percent < number("maxEjectionPercent", 10) as f64 {
            ejected.push(place);
        }
    }
    let healthy = 100.0 * (1.0 - ejected.len() as f64 / hosts.max(1.0));
    if healthy < number("minHealthPercent", 0) as f64 { Vec::new() } else { ejected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SICK: [f64; 5] = [0.8, 0.8, 0.8, 0.0, 0.001];

    #[test]
    fn hosts_that_err_are_ejected_up_to_the_limit() {
        assert_eq!(ejected(&json!({"maxEjectionPercent": 100}), &SICK), [0, 1, 2]);
        assert_eq!(ejected(&json!({"maxEjectionPercent": 40}), &SICK), [0, 1]);
        assert_eq!(ejected(&json!({}), &SICK), [0], "Istio's default is a tenth, and one host is always allowed");
        assert!(ejected(&Value::Null, &SICK).is_empty(), "without outlierDetection nobody is");
        assert!(ejected(&json!({"consecutive5xxErrors": 0, "maxEjectionPercent": 100}), &SICK).is_empty());
    }

    #[test]
    fn with_too_few_healthy_hosts_all_are_used() {
        assert!(ejected(&json!({"maxEjectionPercent": 100, "minHealthPercent": 50}), &SICK).is_empty());
        assert_eq!(ejected(&json!({"maxEjectionPercent": 100, "minHealthPercent": 40}), &SICK).len(), 3);
    }
}
