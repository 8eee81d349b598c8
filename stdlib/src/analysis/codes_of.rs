//! `Messages.codes()`: the codes of all messages.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::analysis::Messages;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "codes",
    receiver: Some("Messages"),
    returns: "array",
    summary: "The code of every message, the gravest first.",
    errors: &[&NO_DATA],
    search: &["IST0101"],
    examples: &[
        Example {
            world: "mtls-disabled-by-rule",
            script: r#"analyze().codes()[0]"#,
            expect: Expect::Value("IST0113"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let messages = call.receiver::<Messages>()?;
    let codes: Vec<Dynamic> = messages.found()?.iter().map(|one| Dynamic::from(one.code.code)).collect();
    Ok(Dynamic::from_array(codes))
}
