//! `k8s::missing(file)`: which objects of a reviewed file are not there.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::{Array, Dynamic};

use crate::descriptor::{self, param};
use crate::kubernetes::configuration;
use crate::text::some;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::missing",
    params: &[param("file", Type::Resource, "as `k8s::create_missing` takes it")],
    returns: "array",
    class: Some(Class::Read),
    summary: "The objects of a reviewed file that are not there, in words; empty if all are.",
    errors: &[&SCRIPT, &NOT_FOUND, &FORBIDDEN],
    permissions: descriptor::GET_ANY,
    search: &["kubectl get -f", "kubectl diff", "exists"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::missing("gateway-api.gateway.yaml").len()"#,
            expect: Expect::Value("2"),
        },
        Example {
            world: "gateway-api-breaker",
            script: r#"k8s::missing("gateway-api.gateway.yaml")[0]"#,
            expect: Expect::Value("HorizontalPodAutoscaler summit/public-istio"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (name, text) = call.resource(0)?;
    let missing = configuration::missing(call.run(), &name, &text)?;
    let missing: Vec<String> = missing.iter().map(|(object, _)| object.to_string()).collect();
    saw(
        call,
        if missing.is_empty() {
            format!("everything of {name} is there")
        } else {
            format!("not there: {}", some(&missing, 6))
        },
    );
    Ok(missing.into_iter().map(Dynamic::from).collect::<Array>().into())
}
