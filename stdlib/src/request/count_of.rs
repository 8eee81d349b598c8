//! `Answers.count(status)`: how many were answered so.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::request::{Answers, status};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "count",
    receiver: Some("Answers"),
    params: &[param("status", Type::Int, "an HTTP status; 0 is no answer at all")],
    returns: "int",
    summary: "How many requests were answered with this status.",
    errors: &[&TYPE],
    search: &["status", "distribution"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"workload("front").request(host("graph-core"), "/", #{ count: 3 }).count(200)"#,
            expect: Expect::Value("3"),
        },
        Example {
            world: "healthy",
            script: r#"workload("front").request("nobody:8080").count(0)"#,
            expect: Expect::Value("1"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (answers, status) = (call.receiver::<Answers>()?, status(call.int(0)?)?);
    saw(call, answers.text());
    Ok(Dynamic::from(i64::try_from(answers.count(status)).unwrap_or(i64::MAX)))
}
