//! `Answers.are(status)`: whether every request was answered so.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::request::{Answers, status};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are",
    receiver: Some("Answers"),
    params: &[param("status", Type::Int, "an HTTP status")],
    returns: "bool",
    summary: "Whether every request was answered with this status, whole.",
    errors: &[&TYPE],
    search: &["status", "200", "check"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"workload("front").request(host("graph-core"), "/", #{ count: 3 }).are(200)"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "no-healthy-upstream",
            script: r#"workload("front").request(host("graph-core")).are(200)"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (answers, status) = (call.receiver::<Answers>()?, status(call.int(0)?)?);
    saw(call, answers.text());
    Ok(Dynamic::from(answers.are(status)))
}
