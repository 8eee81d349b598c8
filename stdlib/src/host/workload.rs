//! `Host.workload()`: what keeps its pods running.

use std::collections::BTreeSet;

use meshbook_runtime::effect::{Class, ObjectRef};
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;
use serde_json::Value;

use crate::code::WORKLOAD_UNKNOWN;
use crate::descriptor;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::text::some;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "workload",
    receiver: Some("Host"),
    returns: "Workload",
    class: Some(Class::Read),
    summary: "The Deployment, StatefulSet or DaemonSet behind the host.",
    doc: "By the owners of the pods that the Service selects. A Service in front of several workloads, such as two versions, is an error that names them: choose with `workload(name)`.",
    errors: &[&WORKLOAD_UNKNOWN, &FORBIDDEN],
    permissions: descriptor::WORKLOADS,
    search: &["deployment", "pods behind"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").workload()"#,
            expect: Expect::Value("Deployment summit/graph-core"),
        },
        Example {
            world: "healthy",
            script: r#"host("search.discovery").workload()"#,
            expect: Expect::Value("Deployment discovery/search"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, host) = (call.run(), call.receiver::<Host>()?);
    let pods = read::list(run, kinds::pod(), Some(host.namespace()), None)?;
    let own = pods.iter().map(PodFacts::of).filter(|pod| pod.is_selected(host.selector()));
    let owners: BTreeSet<String> = own.map(|pod| pod.workload).collect();
    let mut found = Vec::new();
    for kind in [kinds::deployment(), kinds::stateful_set(), kinds::daemon_set()] {
        let objects = read::list(run, kind.clone(), Some(host.namespace()), None)?;
        let names = objects.iter().filter_map(|object| object.pointer("/metadata/name").and_then(Value::as_str));
        found.extend(
            names.filter(|name| owners.contains(*name)).map(|name| ObjectRef::new(kind.clone(), host.namespace(), name)),
        );
    }
    match found.as_slice() {
        [one] => Ok(Dynamic::from(Workload::new(one.clone()))),
        [] => Err(Failure::new(&WORKLOAD_UNKNOWN, format!("no workload stands behind {}", host.text()))
            .unchanged("nothing was changed")
            .hint("its Service selects no pod, or its pods are nobody's: `kubectl get pods` with its selector shows them")),
        several => {
            let names: Vec<_> = several.iter().map(ToString::to_string).collect();
            Err(Failure::new(&WORKLOAD_UNKNOWN, format!("{} workloads stand behind {}", names.len(), host.text()))
                .unchanged("nothing was changed")
                .hint(format!("choose one by workload(\"NAME\"): {}", some(&names, 5))))
        }
    }
}
