//! Worlds in which evidence is missing: whoever cannot see must not say that all is well.

use meshbook_lab::World;

use crate::cell::{Demand, Job, Part, Spoil, params};
use crate::expected::Expectation;

/// What is missing.
const MISSING: &[(&str, Spoil)] = &[
    ("Prometheus down", |world| world.set("faults.prometheus", "down").unwrap()),
    ("Prometheus without series", |world| world.set("faults.prometheus", "no-series").unwrap()),
    ("metrics of another name", |world| world.without("istio_metrics").unwrap()),
    ("statistics not exported", |world| world.without("envoy_stats").unwrap()),
    ("access log off", |world| world.without("access_logs").unwrap()),
    ("no evidence at all", |world| {
        ["prometheus", "access_logs", "envoy_stats"].into_iter().fold(world, |world, what| world.without(what).unwrap())
    }),
];

/// A world's own runbook, and triage, without each of them; or without two of them that change from world to world.
pub fn jobs(index: usize, world: &Expectation, all: bool) -> Vec<Job> {
    let job = |runbook: &str, missing: &(&'static str, Spoil)| {
        let (name, (what, blind)) = (world.name.clone(), *missing);
        Job {
            world: format!("{name}, {what}"),
            open: Box::new(move || blind(World::named(&name).unwrap())),
            runbook: runbook.to_owned(),
            params: params(world, "graph-core"),
            approved: Vec::new(),
            demand: Demand::NotWell(world.clone()),
            part: Part::Blind,
        }
    };
    let runbooks: Vec<&str> =
        world.runbook.as_deref().into_iter().chain(world.cause.as_ref().map(|_| "triage")).collect();
    let missing = MISSING.iter().enumerate().filter(|(place, _)| all || (place + index).is_multiple_of(3));
    missing.flat_map(|(_, missing)| runbooks.iter().map(|runbook| job(runbook, missing)).collect::<Vec<_>>()).collect()
}
