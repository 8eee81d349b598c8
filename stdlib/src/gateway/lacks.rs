//! `Gateway.lacks(item)`: whether an item of it is not there.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::gateway::{Gateway, ITEMS};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "lacks",
    receiver: Some("Gateway"),
    params: &[
        param("item", Type::String, "rollout, autoscaler, address, proxies or listeners").naming(Names::OneOf(&ITEMS))
    ],
    returns: "bool",
    summary: "Whether this item is not there, or cannot be told.",
    errors: &[&NO_DATA],
    search: &["missing", "ready"],
    examples: &[
        Example {
            world: "gateway-api-breaker",
            script: r#"gateway("public").lacks("address")"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "gateway-api-breaker",
            script: r#"gateway("public").lacks("luck")"#,
            expect: Expect::Fails("meshbook::data::missing"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Gateway>()?.lacks(&call.string(0)?)?))
}
