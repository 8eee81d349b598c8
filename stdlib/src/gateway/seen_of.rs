//! `Gateway.seen(item)`: what was seen of an item of it.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::gateway::{Gateway, ITEMS};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "seen",
    receiver: Some("Gateway"),
    params: &[param("item", Type::String, "as `lacks` takes it").naming(Names::OneOf(&ITEMS))],
    returns: "string",
    summary: "What was seen of this item: of the address, the address.",
    errors: &[&NO_DATA],
    search: &["why", "address", "external IP"],
    examples: &[Example {
        world: "gateway-api-breaker",
        script: r#"gateway("public").seen("listeners")"#,
        expect: Expect::Value("programmed: http (HTTP 80)"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Gateway>()?.seen(&call.string(0)?)?.to_owned()))
}
