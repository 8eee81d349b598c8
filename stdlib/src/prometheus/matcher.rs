//! `prom::matcher(label, value)`: a condition of a selector, escaped.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::prometheus::expression::{is_label, matcher, prefix_matcher};
use crate::text::first_line;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "prom::matcher",
    params: &[
        param("label", Type::String, "the label's name").naming(Names::Label),
        param("value", Type::String, "what it must be"),
        optional("how", Type::String, "\"is\"", "`\"is\"`, or `\"begins with\"`")
            .naming(Names::OneOf(&["is", "begins with"])),
    ],
    returns: "string",
    summary: "A condition on a label for a PromQL selector, with its value escaped.",
    doc: "For names that come from outside the script: a quote, a backslash or a line break in them cannot leave its place, nor mean something to a regular expression.",
    errors: &[&TYPE],
    search: &["PromQL", "escape", "quote", "selector"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"prom::matcher("pod", "front-1")"#,
            expect: Expect::Value("pod=\"front-1\""),
        },
        Example {
            world: "healthy",
            script: r#"prom::matcher("pod", "a\"} or up{x=\"")"#,
            expect: Expect::Value("pod=\"a\\\"} or up{x=\\\"\""),
        },
        Example {
            world: "healthy",
            script: r#"prom::matcher("pod", "a.b-", "begins with")"#,
            expect: Expect::Value("pod=~\"a\\\\.b\\\\-.*\""),
        },
        Example {
            world: "healthy",
            script: r#"prom::matcher("a-b", "c")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let label = call.string(0)?;
    if !is_label(&label) {
        return Err(Failure::new(&TYPE, format!("`{}` is not a label's name", first_line(&label))));
    }
    let value = call.string(1)?;
    let how = if call.given(2) { call.string(2)? } else { "is".into() };
    match how.as_str() {
        "is" => Ok(matcher(&label, &value).into()),
        "begins with" => Ok(prefix_matcher(&label, &value).into()),
        other => Err(Failure::new(&TYPE, format!("`{}` is no way to match", first_line(other)))
            .hint("write \"is\" or \"begins with\"")),
    }
}
