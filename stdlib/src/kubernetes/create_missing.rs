//! `k8s::create_missing(file)`: creates what of a reviewed file is not there.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::kubernetes::configuration;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::create_missing",
    params: &[param("file", Type::Resource, "YAML with one object or several, `---` between them")],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::Deletion),
    summary: "Creates the objects of a reviewed file that are not there, in their order; answers whether there were any.",
    doc: "An object that is there stays as it is, whatever the file says of it. The file lies in `resources/` of the runbook tree and is read, hashed and planned with the script; all of its objects are looked for before the first is created. Without `metadata.namespace` an object is the run's. Taken back, what was created is deleted.",
    errors: &[&SCRIPT, &CONFLICT, &NOT_FOUND, &FORBIDDEN, &REJECTED, &DENIED],
    permissions: descriptor::CREATE_ANY,
    search: &["kubectl create -f", "manifest", "resources", "install"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::create_missing("access-log-of-failures.telemetry.yaml")"#,
            expect: Expect::Changes(&[
                "Telemetry summit/access-log-of-failures: metadata.labels[\"app.kubernetes.io/managed-by\"]",
                "Telemetry summit/access-log-of-failures: spec.accessLogging",
            ]),
        },
        Example {
            world: "healthy",
            script: r#"k8s::create_missing("istio-alerts.rules.yaml")"#,
            expect: Expect::Fails("meshbook::script::error"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, (name, text)) = (call.run(), call.resource(0)?);
    let missing = configuration::missing(run, &name, &text)?;
    let some = !missing.is_empty();
    for (reference, object) in missing {
        let left = crate::desired::of_controllers(&reference.kind.group);
        let creation = Change::creation(reference, format!("create it as {name} says"), object);
        run.change(creation.left_to_others(left))?;
    }
    Ok(Dynamic::from(some))
}
