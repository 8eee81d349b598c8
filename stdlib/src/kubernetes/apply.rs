//! `k8s::apply(object)`: server-side apply.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::kubernetes::configuration;
use crate::object::convert::from_map;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::apply",
    params: &[param("object", Type::Map, "`apiVersion`, `kind`, `metadata.name`, and the fields that it shall have")],
    returns: "Object",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Makes an object have these fields by a server-side apply, or creates it.",
    doc: "Fields that are not named stay as others have set them; those that an earlier apply named and this one does not, go. A field that another field manager has set to another value is a conflict: the error names it, and it is never taken by force. Without `metadata.namespace` it is the run's. Taken back, an object that was there has its fields and their owners as before, and one that was created is deleted. API: `PATCH` with `application/apply-patch+yaml`, see <https://kubernetes.io/docs/reference/using-api/server-side-apply/>.",
    errors: &[&CONFLICT, &NOT_FOUND, &FORBIDDEN, &REJECTED, &DENIED, &TYPE],
    permissions: descriptor::APPLY_ANY,
    search: &["kubectl apply", "server-side apply", "create", "field manager"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::apply(#{ apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: #{ name: "graph-core" }, spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ connectTimeout: "3s" } } } } })"#,
            expect: Expect::Changes(&[
                "DestinationRule summit/graph-core: spec.trafficPolicy.connectionPool.tcp.connectTimeout",
            ]),
        },
        Example {
            world: "healthy",
            script: r#"k8s::apply(#{ apiVersion: "v1", kind: "ConfigMap", metadata: #{ name: "opening-hours" }, data: #{ monday: "9-17" } })"#,
            expect: Expect::Changes(&["ConfigMap summit/opening-hours: data.monday"]),
        },
        Example {
            world: "healthy",
            script: r#"k8s::apply(#{ apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: #{ name: "graph-core" }, spec: #{ host: "elsewhere" } })"#,
            expect: Expect::Fails("meshbook::cluster::conflict"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::apply(#{ kind: "ConfigMap" })"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let sound = configuration::sound(from_map(&call.map(0)?)?);
    let configuration = sound.map_err(|why| {
        Failure::new(&TYPE, format!("what is to be applied names no object: {why}")).unchanged("nothing was changed")
    })?;
    Ok(Dynamic::from(configuration::apply(call.run(), configuration)?))
}
