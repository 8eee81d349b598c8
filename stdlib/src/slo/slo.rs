//! `slo(service, availability, within, fast, window)`: a report of objectives.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::code::HOST_UNKNOWN;
use crate::descriptor::{self, param};
use crate::host::resolve;
use crate::kubernetes::kinds;
use crate::prometheus::expression::matcher;
use crate::slo::{Objectives, gather};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "slo",
    params: &[
        param("service", Type::String, "the service; empty for every one of the run's namespace")
            .naming(Names::Objects(&[kinds::service])),
        param("availability", Type::Float, "the share of requests that must be answered: 0.999"),
        param("within", Type::Duration, "what counts as fast"),
        param("fast", Type::Float, "the share of requests that must be fast: 0.99"),
        param("window", Type::Duration, "the span of the objectives, which ends now"),
    ],
    returns: "SloReport",
    class: Some(Class::Read),
    summary: "How much of the error budget of a service is left, and how fast it burns.",
    doc: "Over `window`, by `istio_requests_total` and `istio_request_duration_milliseconds_bucket` as callers counted them, where none reports as the server did. An error is an answer of 500 to 599, or none. Burn rate = share of errors / (1 - objective); the budget burns if the rate is above that of a multiwindow alert in both of its windows: 2 % of the budget in 1 h (and 5 min), 5 % in 6 h (30 min), 10 % in 3 d (6 h), as in the Site Reliability Workbook, chapter 5 (<https://sre.google/workbook/alerting-on-slos/>). `within` must be a bound of the histogram: 100 ms, 250 ms, 500 ms, 1 s, 2.5 s, 5 s and so on.",
    errors: &[&TYPE, &HOST_UNKNOWN],
    permissions: descriptor::SLO,
    search: &["SLO", "SLI", "error budget", "burn rate", "availability"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"slo("graph-core", 0.999, over("250ms"), 0.99, over("4m")).missed()"#,
            expect: Expect::Value(""),
        },
        Example {
            world: "alerts",
            script: r#"slo("graph-core", 0.999, over("250ms"), 0.99, over("4m")).missed()"#,
            expect: Expect::Contains("of its requests were answered"),
        },
        Example {
            world: "healthy",
            script: r#"slo("", 0.999, over("250ms"), 0.99, over("4m"))"#,
            expect: Expect::Value("2 of 2 services met their objectives over 4m"),
        },
        Example {
            world: "healthy",
            script: r#"slo("graph-core", 99.9, over("250ms"), 0.99, over("4m"))"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
        Example {
            world: "healthy",
            script: r#"slo("graph-core", 0.999, over("2s"), 0.99, over("4m"))"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (service, within, window) = (call.string(0)?, call.span(2)?, call.span(4)?);
    let availability = gather::objective("availability", call.float(1)?)?;
    let fast = gather::objective("fast", call.float(3)?)?;
    let run = call.run();
    let (about, selector) = if service.is_empty() {
        let namespace = run.namespace();
        (format!("namespace {namespace}"), matcher("destination_service_namespace", namespace))
    } else {
        let host = resolve::resolve(run, &service)?;
        (host.text(), matcher("destination_service", host.fqdn()))
    };
    let report = gather::gather(run, &about, &selector, Objectives { availability, within, fast, window })?;
    saw(call, report.text());
    Ok(Dynamic::from(report))
}
