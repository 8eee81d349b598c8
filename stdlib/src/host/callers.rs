//! `Host.callers()`: the proxies that send it requests.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::{List, Span};
use rhai::Dynamic;

use crate::code::NO_CALLERS;
use crate::descriptor;
use crate::evidence::survey;
use crate::host::Host;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "callers",
    receiver: Some("Host"),
    returns: "List<Proxy>",
    class: Some(Class::Read),
    summary: "The proxies of the pods that send requests to the host.",
    doc: "From telemetry; without it, the proxies that have sent anything since they started: that a proxy knows the host says nothing, because by default every sidecar knows every host.",
    errors: &[&NO_CALLERS, &FORBIDDEN],
    permissions: descriptor::EVIDENCE,
    search: &["clients", "who calls", "downstream"],
    examples: &[
        Example { world: "breaker", script: r#"host("graph-core").callers().len()"#, expect: Expect::Value("4") },
        Example {
            world: "breaker",
            script: r#"host("search.discovery").callers()"#,
            expect: Expect::Fails("meshbook::host::no_callers"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, host) = (call.run(), call.receiver::<Host>()?);
    let requests = survey::requests(run, &host, Span(std::time::Duration::from_secs(60)))?;
    let survey = survey::survey(run, &host, requests.as_ref().ok())?;
    if survey.callers.is_empty() {
        let why = survey.unseen.as_ref().map_or_else(|| format!("nobody calls {}", host.text()), ToString::to_string);
        return Err(Failure::new(&NO_CALLERS, format!("no caller of {} was found: {why}", host.text())));
    }
    Ok(Dynamic::from(List::new(survey.callers.iter().cloned())))
}
