//! `confirm(what)`: asks a person to do something by hand.

use meshbook_runtime::failure::{DENIED, Failure, PLAN_ENDS};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "confirm",
    params: &[param("what", Type::String, "what is to be done, as a whole sentence's end: where, from what to what")],
    returns: "()",
    summary: "Asks a person to do what meshbook does not do, and goes on when they say that it is done.",
    doc: "For what lies outside the cluster: a DNS record, a load balancer, a call to somebody. The question and the answer stand in the record. Where nobody can be asked, and where the answer is no, the run ends refused; a plan ends there; a replay answers as its run was answered. What a person says is no proof: let a `wait` follow that looks.",
    errors: &[&DENIED, &PLAN_ENDS],
    asks: true,
    search: &["manual", "gate", "by hand", "approval", "DNS"],
    examples: &[Example {
        world: "healthy",
        script: r#"confirm("move the name shop.example.com to 192.0.2.1")"#,
        expect: Expect::Fails("meshbook::gate::denied"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    call.run().confirm(&call.string(0)?)?;
    Ok(Dynamic::UNIT)
}
