//! `SidecarMemory.clusters()`: how much configuration its proxies hold.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::Missing;
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;
use crate::metric::{Metric, Unit};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "clusters",
    receiver: Some("SidecarMemory"),
    returns: "Metric",
    summary: "How many clusters the sidecar holds that holds most: the size of its configuration.",
    doc: "Envoy's `cluster_manager.active_clusters`, which Istio exports by default and which costs one small page for each proxy; a configuration dump of a large mesh is tens of megabytes. Those of its bootstrap are among them.",
    errors: &[&NO_DATA],
    search: &["config_dump", "size of configuration"],
    examples: &[
        Example { world: "memory-configuration-size", script: r#"workload("graph-core").sidecar_memory(over("30m")).clusters() > 800"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).clusters() < 30"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    let seen = memory.seen()?;
    let why = || {
        let why = seen.sidecars.iter().find_map(|one| one.envoy.as_ref().err()).cloned();
        Missing::Unreachable(why.unwrap_or_default())
    };
    let what = format!("clusters of the sidecars of {}", memory.work());
    let clusters = Metric::of(what, Unit::Plain, seen.most_clusters().ok_or_else(why));
    saw(call, format!("{} clusters", clusters.text()));
    Ok(Dynamic::from(clusters))
}
