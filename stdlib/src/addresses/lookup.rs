//! `lookup(name)`: the addresses to which a DNS name leads.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::addresses::gather;
use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "lookup",
    params: &[param("name", Type::String, "a DNS name, such as shop.example.com")],
    returns: "Addresses",
    class: Some(Class::Read),
    summary: "The addresses to which a DNS name leads, as the resolver of this machine answers.",
    doc: "A resolver may give an older answer for as long as the TTL of the record allows, and other people's resolvers do so too. A name without an address is missing. On the lab the world says where names lead.",
    search: &["DNS", "nslookup", "dig", "resolve"],
    examples: &[
        Example {
            world: "failover-primary",
            script: r#"lookup("shop.example.com")"#,
            expect: Expect::Value("192.0.2.1"),
        },
        Example {
            world: "healthy",
            script: r#"lookup("shop.example.com").is_missing()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::of_name(call.run(), &call.string(0)?)?))
}
