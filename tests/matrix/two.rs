//! Worlds with two faults: one of a service, one of what serves it.

use meshbook_lab::World;
use serde_json::Value;

use crate::cell::{Demand, Job, Part};
use crate::expected::Expected;

/// The first world as it is, with the control plane's fault of the second.
const PAIRS: &[(&str, &str)] = &[
    ("breaker", "control-plane-crash-loop"),
    ("breaker-inbound", "control-plane-network-policy"),
    ("latency-retry-storm", "control-plane-wrong-selector"),
    ("latency-exhausted-pool", "control-plane-slow-api"),
    ("latency-cpu-limit", "control-plane-stale-istiod"),
    ("mtls-disabled-by-rule", "control-plane-crash-loop"),
    ("mtls-plaintext-caller", "control-plane-webhook-without-endpoints"),
    ("no-healthy-upstream", "control-plane-network-policy"),
    ("overload", "control-plane-slow-api"),
    ("latency-slow-dependency", "control-plane-wrong-selector"),
];

/// Triage on each of them must find both causes.
pub fn jobs(expected: &Expected) -> Vec<Job> {
    let job = |(service, plane): &(&'static str, &'static str)| {
        let causes = [service, plane].map(|world| expected.of(world).cause.clone().unwrap());
        let (service, plane) = (*service, *plane);
        Job {
            world: format!("{service} + {plane}"),
            open: Box::new(move || both(service, plane)),
            runbook: "triage".into(),
            params: [("service".to_owned(), "graph-core".to_owned())].into(),
            demand: Demand::Causes(causes.to_vec()),
            part: Part::Two,
        }
    };
    PAIRS.iter().map(job).collect()
}

fn both(service: &str, plane: &str) -> World {
    let other = World::named(plane).unwrap();
    let read = |value: Result<Value, serde_json::Error>| value.unwrap();
    let faults = read(serde_json::to_value(&other.spec().faults.control_plane));
    let cluster = read(serde_json::to_value(&other.spec().cluster));
    let mut world = World::named(service).unwrap().set("cluster", cluster).unwrap();
    let mut all = read(serde_json::to_value(&world.spec().faults));
    all["control_plane"] = faults;
    all["api_latency"] = read(serde_json::to_value(other.spec().faults.api_latency));
    world = world.set("faults", all).unwrap();
    world.with_name(&format!("{service}-and-{plane}"))
}
