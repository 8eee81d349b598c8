//! `notify::message(text)`: tells a channel.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NOT_TOLD};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::notify;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "notify::message",
    params: &[param("text", Type::String, "what to say; at most 40,000 characters are sent")],
    class: Some(Class::Probe),
    summary: "Tells a channel, by an incoming webhook that takes what Slack's takes.",
    doc: "`POST` of `{\"text\": …}` to the address in the file that `[context.\"NAME\".slack]` of the configuration file names (`webhook_file`). `&`, `<` and `>` are escaped, so that a name cannot address anybody. At least once, and a channel does not know that it was told twice. A plan, the lab and a replay tell nobody. `--read-only` does not stop it.",
    errors: &[&NOT_TOLD],
    search: &["Slack", "Mattermost", "webhook", "chat"],
    examples: &[Example {
        world: "healthy",
        script: r#"notify::message("the mesh keeps its objectives"); "told""#,
        expect: Expect::Value("told"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    notify::message(call.run(), &call.string(0)?)?;
    Ok(Dynamic::UNIT)
}
