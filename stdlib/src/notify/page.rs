//! `notify::page(summary, severity, key)`: wakes somebody.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NOT_TOLD, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::notify;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "notify::page",
    params: &[
        param("summary", Type::String, "what is wrong, in a line; at most 1,024 characters are sent"),
        optional("severity", Type::String, "\"critical\"", "`\"critical\"`, `\"error\"`, `\"warning\"` or `\"info\"`")
            .naming(Names::OneOf(&SEVERITIES)),
        optional(
            "key",
            Type::String,
            "\"\"",
            "what names the trouble; without it, the runbook, its context and its namespace do",
        ),
    ],
    returns: "string",
    class: Some(Class::Probe),
    summary: "Opens an incident at PagerDuty, and answers its key.",
    doc: "`POST /v2/enqueue` of the Events API v2, at the account `[context.\"NAME\".pagerduty]` of the configuration file (`routing_key_file`). Events with the same key are one incident, so a runbook that runs every five minutes wakes nobody twice. At least once: where the answer is lost, it is sent again. A plan, the lab and a replay tell nobody. `--read-only` does not stop it: nothing of the cluster is touched. A runbook whose work must not fail with it catches `meshbook::notify::not_told`.",
    errors: &[&NOT_TOLD, &TYPE],
    search: &["PagerDuty", "alert", "incident", "on call"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"notify::page("requests to graph-core are refused", "critical", "graph-core refuses")"#,
            expect: Expect::Value("graph-core refuses"),
        },
        Example {
            world: "healthy",
            script: r#"notify::page("requests to graph-core are refused", "fatal")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

/// The severities of `PD-CEF`.
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let severity = if call.given(1) { call.string(1)? } else { "critical".into() };
    if !SEVERITIES.contains(&severity.as_str()) {
        return Err(Failure::new(&TYPE, format!("there is no severity `{severity}`"))
            .hint(format!("it is one of {}", SEVERITIES.join(", "))));
    }
    let key = if call.given(2) { call.string(2)? } else { String::new() };
    Ok(notify::page(call.run(), &call.string(0)?, &severity, &key)?.into())
}
