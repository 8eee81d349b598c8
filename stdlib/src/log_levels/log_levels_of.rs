//! `Proxies.log_levels()`: what their loggers log.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::log_levels::gather;
use crate::proxies::Proxies;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "log_levels",
    receiver: Some("Proxies"),
    returns: "LogLevels",
    class: Some(Class::Read),
    summary: "The level of every logger of these proxies, now.",
    doc: "From `/logging` of Envoy's admin port, which lists them only to a POST.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config log", "/logging", "debug"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").log_levels()"#,
            expect: Expect::Value("3 proxies: 72 loggers warning, 1 error"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run(), &call.receiver::<Proxies>()?)?))
}
