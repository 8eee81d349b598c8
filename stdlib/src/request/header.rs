//! `Answers.header()`: the header that was asked for.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::request::Answers;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "header",
    receiver: Some("Answers"),
    returns: "string",
    summary: "The header of the answers that the option `header` names, where all have it with one value; else empty.",
    search: &["response header", "assert", "content-type"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"workload("front").request(host("graph-core"), "/", #{ header: "server", count: 2 }).header()"#,
            expect: Expect::Value("envoy"),
        },
        Example {
            world: "healthy",
            script: r#"workload("front").request(host("graph-core")).header()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let answers = call.receiver::<Answers>()?;
    saw(call, answers.text());
    Ok(Dynamic::from(answers.header().to_owned()))
}
