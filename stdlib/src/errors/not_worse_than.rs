//! `Errors.not_worse_than(other)`: whether no more fails than before.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::errors::{Errors, not_worse};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "not_worse_than",
    receiver: Some("Errors"),
    params: &[param("other", Type::Noun("Errors"), "what it was before")],
    returns: "bool",
    summary: "Whether no larger part of the requests fails than before.",
    doc: "Larger is more than half a per cent, and more than three standard errors of the difference of two proportions: what chance may bring is no reason to take a change back. No requests on either side are no data.",
    errors: &[&NO_DATA],
    search: &["compare", "regression", "worse"],
    examples: &[Example {
        world: "breaker",
        script: r#"let errors = host("graph-core").errors(over("1m")); errors.not_worse_than(errors)"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (now, then) = (call.receiver::<Errors>()?, call.noun::<Errors>(0)?);
    saw(call, format!("{}; before: {}", now.text(), then.text()));
    Ok(Dynamic::from(not_worse(now.counted()?, then.counted()?)))
}
