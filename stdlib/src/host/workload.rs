//! `Host.workload()`: what keeps its pods running.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::WORKLOAD_UNKNOWN;
use crate::descriptor;
use crate::host::Host;
use crate::text::some;
use crate::workload::Workload;
use crate::workload::resolve::behind;

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
    let found = behind(run, &host)?;
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
