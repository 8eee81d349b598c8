//! `k8s::can(verb, kind[, name])`: may this user do that?

use meshbook_runtime::effect::{Call, Class, Effect, Reply};
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure, NOT_FOUND, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::kubernetes::read;
use crate::text::first_line;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::can",
    params: &[
        param("verb", Type::String, "`get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or another of RBAC")
            .naming(Names::OneOf(&["get", "list", "watch", "create", "update", "patch", "delete"])),
        param("kind", Type::String, "kind, plural or short name, with `/subresource` where there is one: `pods/log`")
            .naming(Names::Kind),
        optional("name", Type::String, "()", "`name`, or `namespace/name`; without it, any of the run's namespace")
            .naming(descriptor::AN_OBJECT),
    ],
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether the API server allows this user to do that.",
    doc: "The run asks by itself before each change; this is for what a script wants to know earlier. A `false` for a whole namespace may still be a `true` for one name, because a Role may name objects. API: `SelfSubjectAccessReview` of `authorization.k8s.io/v1`.",
    errors: &[&NOT_FOUND, &FORBIDDEN, &TYPE],
    permissions: descriptor::ACCESS_REVIEW,
    search: &["kubectl auth can-i", "RBAC", "permission", "access review"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::can("patch", "deployment", "front")"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::can("create", "pods/portforward")"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::can("get", "nonsense")"#,
            expect: Expect::Fails("meshbook::cluster::not_found"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::can("", "pods")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, verb, named) = (call.run(), call.string(0)?, call.string(1)?);
    if verb.is_empty() || !verb.chars().all(|letter| letter.is_ascii_lowercase() || letter == '*') {
        return Err(Failure::new(&TYPE, format!("`{}` is no verb of RBAC", first_line(&verb)))
            .hint("write for example \"get\", \"patch\" or \"delete\""));
    }
    let (named, subresource) = named.split_once('/').map_or((named.as_str(), None), |(kind, sub)| (kind, Some(sub)));
    let kind = read::kind(run, named)?;
    let resource = subresource.map_or(kind.plural.clone(), |sub| format!("{}/{sub}", kind.plural));
    let name = call.given(2).then(|| call.string(2)).transpose()?;
    let namespace = kind.namespaced.then(|| run.namespace().to_owned());
    let (namespace, name) = match name {
        Some(name) => {
            let object = read::object(kind.clone(), run.namespace(), &name);
            (object.namespace, Some(object.name))
        }
        None => (namespace, None),
    };
    let place = namespace.as_ref().map_or("the cluster".to_owned(), |namespace| format!("namespace {namespace}"));
    let review =
        Call::AccessReview { verb: verb.clone(), group: kind.group, resource: resource.clone(), namespace, name };
    match run.read(Effect::read(place.clone(), format!("may this user {verb} {resource}?"), review))? {
        Reply::Json(answer) if answer.is_boolean() => {
            let allowed = answer == true;
            let may = if allowed { "may" } else { "may not" };
            saw(call, format!("this user {may} {verb} {resource} in {place}"));
            Ok(Dynamic::from(allowed))
        }
        _ => Err(Failure::new(&BAD_ANSWER, "the access review answered with something else than yes or no")),
    }
}
