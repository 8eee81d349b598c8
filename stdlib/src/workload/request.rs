//! `Workload.request(to[, path, options])`: requests that leave as the workload's own do.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{BAD_ANSWER, CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::code::{HOST_PORT, REQUEST};
use crate::descriptor::{self, optional, param};
use crate::request::asked::Asked;
use crate::request::throw_away;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "request",
    receiver: Some("Workload"),
    params: &[
        param("to", Type::Any, "a host, or an address: `NAME`, `NAME:PORT`, `https://NAME`").naming(Names::Host),
        optional("path", Type::String, "\"/\"", "path and query"),
        optional(
            "options",
            Type::Map,
            "#{}",
            "`method`: GET; `headers`: a map; `count`: 1, at most 100, one after the other; `timeout`: of each, 10s, at most 5m; `port`: of a host with several; `image`: with curl 7.84 or newer; `header`: one of the answers that `header()` gives",
        ),
    ],
    returns: "Answers",
    class: Some(Class::Change),
    inverse: Some(Inverse::WithinCall),
    summary: "Makes requests that leave as the workload's own do, through a sidecar of the same kind, and answers what came back.",
    doc: "From a throw-away pod in the workload's namespace, with its service account, its annotations and labels for Istio, and one container with curl; no exec is needed. So that no Service (or ServiceEntry) sends it traffic, it has one label less for each that would select it: a Sidecar, EnvoyFilter, NetworkPolicy or `sourceLabels` that asks for this label does not hold for it, and `show` names the label. It has no secrets, volumes or service account token of the workload, no access to its node, and meets the restricted Pod Security Standard but for what is injected. The pod is a change like any other (`--approve pod`), and always removed before the call ends, whatever happens; if meshbook is killed, the pod ends by its own deadline, and `meshbook undo` removes it. A method other than GET, HEAD and OPTIONS changes what the server keeps, and nobody takes that back. Bodies are thrown away. The image is `docker.io/curlimages/curl:8.12.1` unless `image` or the context's `curl_image` in the configuration file names another. Response flags are read from the pod's own access log. A plan shows the pod and ends there.",
    errors: &[&REQUEST, &HOST_PORT, &BAD_ANSWER, &TYPE, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::REQUEST,
    search: &["curl", "kubectl run", "test pod", "probe", "wget", "reachability", "http"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"workload("front").request(host("graph-core"), "/")"#,
            expect: Expect::Value("1 request: 200"),
        },
        Example {
            world: "gateway-hpa",
            script: r#"workload("front").request("istio-ingressgateway.istio-system:80", "/", #{ headers: #{ host: "shop.example.com" } })"#,
            expect: Expect::Value("1 request: 200"),
        },
        Example {
            world: "healthy",
            script: r#"workload("front").request("nobody:8080", "/", #{ count: 2 })"#,
            expect: Expect::Contains("2 requests: no answer: Could not resolve host: nobody"),
        },
        Example {
            world: "healthy",
            script: r#"workload("front").request("catalog:8080")"#,
            expect: Expect::Changes(&[
                "Pod summit/front-request-1: metadata.labels[\"app.kubernetes.io/managed-by\"]",
                "Pod summit/front-request-1: metadata.labels.version",
                "Pod summit/front-request-1: metadata.annotations[\"proxy.istio.io/config\"]",
                "Pod summit/front-request-1: metadata.annotations[\"meshbook/run\"]",
                "Pod summit/front-request-1: spec.restartPolicy",
                "Pod summit/front-request-1: spec.activeDeadlineSeconds",
                "Pod summit/front-request-1: spec.terminationGracePeriodSeconds",
                "Pod summit/front-request-1: spec.serviceAccountName",
                "Pod summit/front-request-1: spec.automountServiceAccountToken",
                "Pod summit/front-request-1: spec.enableServiceLinks",
                "Pod summit/front-request-1: spec.containers",
                "Pod summit/front-request-1: spec.dnsPolicy",
            ]),
        },
        Example {
            world: "no-healthy-upstream",
            script: r#"workload("front").request(host("graph-core"))"#,
            expect: Expect::Value("1 request: 503 (UH)"),
        },
        Example {
            world: "healthy",
            script: r#"workload("front").request(host("graph-core"), "health")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let work = call.receiver::<Workload>()?;
    let asked = Asked::of_call(call)?;
    let answers = throw_away::ask(call.run(), work.object(), &asked)?;
    saw(call, answers.text());
    Ok(Dynamic::from(answers))
}
