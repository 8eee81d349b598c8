//! HorizontalPodAutoscalers, as far as a cluster without a metrics server has them: they keep a Deployment's replicas
//! between minimum and maximum, and say that they know nothing of its load.
//!
//! The order is that of `reconcileAutoscaler` in Kubernetes' `pkg/controller/podautoscaler/horizontal.go`: more than the
//! maximum and fewer than the minimum are corrected before any metric is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{MANAGER, PodKey, key_of, put_status, second, text};
use crate::store::{Object, Store};

/// How often the controller looks (`--horizontal-pod-autoscaler-sync-period`).
const PERIOD: Duration = Duration::from_secs(15);

/// Brings the targets of all autoscalers between their bounds, each within [`PERIOD`] of its change.
pub fn reconcile(due: &mut BTreeMap<PodKey, Timestamp>, store: &Store, now: Timestamp, at_once: bool) {
    let scalers = store.list("autoscaling", "horizontalpodautoscalers", None);
    due.retain(|key, _| scalers.iter().any(|scaler| key_of(scaler) == *key));
    for scaler in scalers {
        let key = key_of(&scaler);
        let name = text(&scaler["spec"]["scaleTargetRef"]["name"]);
        let Some(target) = store.get("apps", "deployments", &key.0, name) else { continue };
        let current = target["spec"]["replicas"].as_u64().unwrap_or(1);
        let wanted = bounded(&scaler, current);
        if wanted == current {
            due.remove(&key);
        } else if at_once || due.get(&key).is_some_and(|at| *at <= now) {
            due.remove(&key);
            let mut changed = (*target).clone();
            changed["spec"]["replicas"] = json!(wanted);
            store.put(changed, MANAGER);
        } else {
            due.entry(key).or_insert(now + PERIOD);
        }
        report(store, &scaler, current, wanted, now);
    }
}

fn bounded(scaler: &Value, replicas: u64) -> u64 {
    let bound = |name: &str, default: u64| scaler["spec"][name].as_u64().unwrap_or(default);
    replicas.min(bound("maxReplicas", u64::MAX)).max(bound("minReplicas", 1))
}

fn report(store: &Store, scaler: &Object, current: u64, wanted: u64, now: Timestamp) {
    let since = |kind: &str| {
        let old = scaler["status"]["conditions"].as_array().and_then(|list| list.iter().find(|c| c["type"] == kind));
        old.map_or_else(|| json!(second(now)), |condition| condition["lastTransitionTime"].clone())
    };
    let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since(kind)});
    let resource = scaler["spec"]["metrics"][0]["resource"]["name"].as_str().unwrap_or("cpu");
    let missing = format!(
        "the HPA was unable to compute the replica count: failed to get {resource} utilization: unable to get metrics for resource {resource}: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
    );
    let status = json!({
        "currentReplicas": current, "desiredReplicas": wanted,
        "conditions": [
            condition("AbleToScale", "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale"),
            condition("ScalingActive", "False", "FailedGetResourceMetric", &missing),
        ],
    });
    put_status(store, scaler, "autoscaling", "horizontalpodautoscalers", status);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_and_a_minimum_that_is_absent_is_one() {
        let scaler = json!({"spec": {"minReplicas": 3, "maxReplicas": 6}});
        assert_eq!([1, 4, 9].map(|replicas| bounded(&scaler, replicas)), [3, 4, 6]);
        assert_eq!(bounded(&json!({"spec": {"maxReplicas": 6}}), 0), 1);
    }
}
