//! Worlds with two faults: one of a service, one of what serves it; and worlds in which the cure does not help, because a
//! second fault is in its way.

use meshbook_lab::World;
use serde_json::{Value, json};

use crate::cell::{Demand, Job, Part, Spoil, params};
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
            params: params(expected.of(service), "graph-core"),
            approved: Vec::new(),
            demand: Demand::Causes(causes.to_vec()),
            part: Part::Two,
        }
    };
    PAIRS.iter().map(job).collect()
}

/// A runbook, its world, what keeps its cure from helping, what is approved by name, and what the run must say.
struct InVain {
    runbook: &'static str,
    world: &'static str,
    why: &'static str,
    spoil: Spoil,
    approved: &'static [&'static str],
    says: &'static str,
}

const fn in_vain_of(runbook: &'static str, world: &'static str, why: &'static str, spoil: Spoil) -> InVain {
    InVain { runbook, world, why, spoil, approved: &[], says: "" }
}

const IN_VAIN: &[InVain] = &[
    in_vain_of("503-circuit-breaker", "breaker", "a proxy that nothing reaches", stuck),
    InVain {
        approved: &["destinationrule/graph-core"],
        says: "was changed back by Argo CD (application shop)",
        ..in_vain_of("503-circuit-breaker", "breaker-gitops", "approved by name", |world| world)
    },
    InVain {
        says: "was changed back by Argo CD (field manager argocd-controller)",
        ..in_vain_of("503-circuit-breaker", "breaker-gitops", "without its label", |world| {
            world.set("objects.DestinationRule/graph-core.metadata.labels", json!({})).unwrap()
        })
    },
    in_vain_of("latency", "latency-retry-storm", "more load than one retry allows", |world| {
        world.set("traffic.0.rate", 200.0).unwrap()
    }),
    in_vain_of("sidecar-memory", "memory-limit-in-vain", "a limit of the injector's own template", |world| world),
    in_vain_of("mtls", "mtls-disabled-by-rule", "a proxy that nothing reaches", stuck),
    in_vain_of("control-plane-down", "control-plane-wrong-selector", "a NetworkPolicy as well", |world| {
        let policy = World::named("control-plane-network-policy").unwrap().spec().faults.control_plane.earlier.clone();
        let mut faults = serde_json::to_value(&world.spec().faults.control_plane).unwrap();
        for earlier in policy {
            faults["earlier"].as_array_mut().unwrap().push(serde_json::to_value(earlier).unwrap());
        }
        world.set("faults.control_plane", faults).unwrap()
    }),
];

/// Each must end 5, with everything taken back.
pub fn in_vain(expected: &Expected) -> Vec<Job> {
    let job = |of: &InVain| {
        let InVain { runbook, world, why, spoil, approved, says } = *of;
        Job {
            world: format!("{world}, {why}"),
            open: Box::new(move || spoil(World::named(world).unwrap())),
            runbook: runbook.into(),
            params: params(expected.of(world), "graph-core"),
            approved: approved.iter().map(|text| (*text).to_owned()).collect(),
            demand: Demand::TakenBack(says),
            part: Part::InVain,
        }
    };
    IN_VAIN.iter().map(job).collect()
}

fn stuck(world: World) -> World {
    world.set("faults.proxy", json!([{ "workload": "front", "pod": 0, "kind": "stuck" }])).unwrap()
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
