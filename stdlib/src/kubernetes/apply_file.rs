//! `k8s::apply_file(file)`: server-side apply of what a reviewed file holds.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::kubernetes::configuration;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::apply_file",
    params: &[param("file", Type::Resource, "YAML with one object or several, `---` between them")],
    returns: "List<Object>",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Applies the objects of a reviewed file, in their order, as `k8s::apply` does.",
    doc: "The file lies in `resources/` of the runbook tree and is read, hashed and planned with the script. All of its objects are looked through before the first is applied. Each is one change: one that fails ends it, and those before it are taken back with the step. Answers the objects after it.",
    errors: &[&SCRIPT, &CONFLICT, &NOT_FOUND, &FORBIDDEN, &REJECTED, &DENIED],
    permissions: descriptor::APPLY_ANY,
    search: &["kubectl apply -f", "server-side apply", "manifest", "resources"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::apply_file("access-log-of-failures.telemetry.yaml")"#,
            expect: Expect::Changes(&[
                "Telemetry summit/access-log-of-failures: metadata.labels[\"app.kubernetes.io/managed-by\"]",
                "Telemetry summit/access-log-of-failures: spec.accessLogging",
            ]),
        },
        Example {
            world: "healthy",
            script: r#"k8s::apply_file("istio-alerts.rules.yaml")"#,
            expect: Expect::Fails("meshbook::script::error"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (name, text) = call.resource(0)?;
    let configurations = configuration::parse(&text).map_err(|why| {
        Failure::new(&SCRIPT, format!("resources/{name}: {why}")).unchanged("nothing was changed")
    })?;
    let objects = configurations.into_iter().map(|one| configuration::apply(call.run(), one));
    Ok(Dynamic::from(List::new(objects.collect::<Result<Vec<_>, _>>()?)))
}
