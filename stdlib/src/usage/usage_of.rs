//! `Workload.usage([container])`: what its pods use of CPU and memory.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional};
use crate::usage::gather;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "usage",
    receiver: Some("Workload"),
    params: &[optional("container", Type::String, "()", "only this container: `istio-proxy` is the sidecar")],
    returns: "Usage",
    class: Some(Class::Read),
    summary: "What the workload's running pods use of CPU and memory at present.",
    doc: "As `kubectl top pods` sees it. Missing with the reason where the cluster has no metrics API, or it has no figure of one of the pods: a sum without it would be too small. API: `GET /apis/metrics.k8s.io/v1beta1/namespaces/NAMESPACE/pods`.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::USAGE,
    search: &["kubectl top", "metrics-server", "cpu", "memory"],
    examples: &[
        Example { world: "latency-hpa", script: r#"workload("graph-core").usage()"#, expect: Expect::Contains("Deployment summit/graph-core uses") },
        Example { world: "latency-hpa", script: r#"workload("graph-core").usage("istio-proxy").cpu() < 1.0"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"workload("graph-core").usage().cpu() < 1.0"#, expect: Expect::Fails("meshbook::data::missing") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let work = call.receiver::<Workload>()?;
    let container = call.given(0).then(|| call.string(0)).transpose()?;
    let usage = gather::gather(call.run(), work.object(), container.as_deref())?;
    saw(call, usage.text());
    Ok(Dynamic::from(usage))
}
