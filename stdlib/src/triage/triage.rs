//! `triage(service, bound)`: everything that can be wrong, at once.

use std::time::Duration;

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use meshbook_runtime::value::Span;
use rhai::Dynamic;

use crate::code::HOST_UNKNOWN;
use crate::descriptor::{self, optional};
use crate::kubernetes::kinds;
use crate::triage::triage;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "triage",
    params: &[
        optional("service", Type::String, "\"\"", "the service that has trouble; empty for those of the namespace")
            .naming(Names::Objects(&[kinds::service])),
        optional("bound", Type::Duration, "2s", "the P95 that is acceptable"),
    ],
    returns: "Causes",
    class: Some(Class::Read),
    summary: "Every diagnosis at once: circuit breakers, mutual TLS, latency, the memory of sidecars, the control plane; its causes, the first to be dealt with first.",
    doc: "Reads only. Without a service, all of a namespace with up to eight; of a larger one those of which Prometheus says that requests fail or are slow, the worst eight. A slow dependency is followed. What could not be looked at is noted; if nothing was found and something could not be looked at, the causes are missing and not none.",
    errors: &[&HOST_UNKNOWN, &FORBIDDEN],
    permissions: descriptor::TRIAGE,
    search: &["diagnosis", "what is wrong", "root cause", "incident"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"triage("graph-core")"#,
            expect: Expect::Value("nothing is wrong with graph-core.summit and its control plane"),
        },
        Example {
            world: "breaker",
            script: r#"triage("graph-core").first()"#,
            expect: Expect::Value("full circuit breaker"),
        },
        Example {
            world: "mtls-disabled-by-rule",
            script: r#"triage().first()"#,
            expect: Expect::Value("TLS switched off by a rule"),
        },
        Example {
            world: "latency-retry-storm",
            script: r#"triage("graph-core", "2s").first()"#,
            expect: Expect::Value("retries"),
        },
        Example {
            world: "memory-leak",
            script: r#"triage("graph-core").first()"#,
            expect: Expect::Value("memory leak"),
        },
        Example { world: "healthy", script: r#"triage("graph")"#, expect: Expect::Fails("meshbook::host::unknown") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let service = if call.given(0) { Some(call.string(0)?).filter(|name| !name.is_empty()) } else { None };
    let bound = if call.given(1) { call.span(1)? } else { Span(Duration::from_secs(2)) };
    Ok(Dynamic::from(triage(call.run(), service.as_deref(), bound)?))
}
