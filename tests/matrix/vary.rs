//! Worlds under other names, with another load and other numbers of pods.

use meshbook_lab::World;
use regex::{Captures, Regex};
use serde_json::json;

use crate::expected::Expectation;

const SERVICES: &[&str] = &["graph-core", "ledger", "search-api", "a", "quote-engine-with-a-rather-long-name"];
const CALLERS: &[&str] = &["front", "portal", "batch-1", "gateway-of-shops"];
const DEPENDENCIES: &[&str] = &["store", "archive", "db-proxy"];
const NAMESPACES: &[&str] = &["summit", "north", "team-7", "default"];

/// Other names for what the worlds speak of, by seed.
#[derive(Clone, Debug)]
pub struct Names {
    seed: u64,
    pairs: Vec<(&'static str, &'static str)>,
}

impl Names {
    /// Those of a seed.
    pub fn of(seed: u64) -> Self {
        let pick = |from: &[&'static str], salt: u64| {
            let mixed = (seed + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            from[usize::try_from(mixed).unwrap_or_default() % from.len()]
        };
        let pairs = vec![
            ("graph-core", pick(SERVICES, 1)),
            ("front", pick(CALLERS, 2)),
            ("store", pick(DEPENDENCIES, 3)),
            ("summit", pick(NAMESPACES, 4)),
        ];
        Names { seed, pairs }
    }

    /// A text with the other names.
    pub fn apply(&self, text: &str) -> String {
        let words: Vec<_> = self.pairs.iter().map(|(old, _)| *old).collect();
        let word = Regex::new(&format!(r"\b(?:{})\b", words.join("|"))).unwrap();
        let new = |found: &Captures<'_>| self.pairs.iter().find(|(old, _)| *old == &found[0]).unwrap().1;
        word.replace_all(text, |found: &Captures<'_>| new(found).to_owned()).into_owned()
    }

    /// What has to come of the world, under the other names.
    pub fn expectation(&self, of: &Expectation) -> Expectation {
        let mut other = of.clone();
        other.changes = of.changes.iter().map(|object| self.apply(object)).collect();
        for state in &mut other.state {
            state.object = self.apply(&state.object);
        }
        other
    }

    /// The world under the other names. On every other seed it is twice as large, callers, servers and load alike, so that
    /// each pod has what it had; load varies by three percent.
    pub fn world(&self, name: &str) -> World {
        let path = format!("{}/lab/worlds/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let world = World::parse(&self.apply(&text)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut world = world.with_name(name).set("seed", self.seed + 100).unwrap();
        let spec = world.spec().clone();
        // Every third seed has classic sidecars where the world does not say; every fourth two more revisions of istiod.
        if self.seed % 3 == 1 {
            world = world.set("cluster.native_sidecars", false).unwrap();
        }
        if self.seed % 4 == 2 && spec.cluster.revision.is_empty() {
            let revision = |name: &str, istio: &str| json!({ "name": name, "istio": istio, "istiods": 1 });
            let more = json!([revision("1-30", "1.30.2"), revision("canary", spec.cluster.istio.as_str())]);
            world = world.set("cluster.revision", more).unwrap();
        }
        // Pods that differ from each other are counted by the world, and double badly.
        let alike = spec.workload.iter().all(|workload| workload.faulty.is_none())
            && spec.traffic.iter().all(|traffic| traffic.shares.is_empty());
        let times = if alike && self.seed.is_multiple_of(2) { 2 } else { 1 };
        for (index, workload) in spec.workload.iter().enumerate() {
            world = world.set(&format!("workload.{index}.replicas"), workload.replicas * times).unwrap();
        }
        for (index, gateway) in spec.gateway.iter().enumerate() {
            world = world.set(&format!("gateway.{index}.replicas"), gateway.replicas * times).unwrap();
        }
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let load = times as f64 * (1.0 + (self.seed % 7) as f64 / 100.0 - 0.03);
        for (index, traffic) in spec.traffic.iter().enumerate() {
            for (field, value) in [("rate", traffic.rate), ("concurrency", traffic.concurrency)] {
                if let Some(value) = value {
                    world = world.set(&format!("traffic.{index}.{field}"), value * load).unwrap();
                }
            }
        }
        world
    }
}
