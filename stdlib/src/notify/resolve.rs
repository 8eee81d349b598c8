//! `notify::resolve(key)`: ends an incident.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NOT_TOLD};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional};
use crate::notify;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "notify::resolve",
    params: &[optional("key", Type::String, "\"\"", "as it was given to `notify::page`")],
    class: Some(Class::Probe),
    summary: "Ends an incident at PagerDuty.",
    doc: "`POST /v2/enqueue` of the Events API v2 with `event_action` `resolve`. That there is no such incident is no failure. As `notify::page` otherwise.",
    errors: &[&NOT_TOLD],
    search: &["PagerDuty", "alert", "incident"],
    examples: &[Example {
        world: "healthy",
        script: r#"notify::resolve("graph-core refuses"); "resolved""#,
        expect: Expect::Value("resolved"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let key = if call.given(0) { call.string(0)? } else { String::new() };
    notify::resolve(call.run(), &key)?;
    Ok(Dynamic::UNIT)
}
