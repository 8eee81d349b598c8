//! `Proxies.set_log_level(level[, loggers])`: what their loggers log.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NO_DATA, REJECTED, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::log_levels::set;
use crate::log_levels::wanted::{self, Wanted};
use crate::proxies::Proxies;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "set_log_level",
    receiver: Some("Proxies"),
    params: &[
        param("level", Type::String, "trace, debug, info, warning, error, critical or off")
            .naming(descriptor::LOG_LEVEL),
        optional("loggers", Type::String, "\"all\"", "names of Envoy's loggers, by commas; `all` is every one"),
    ],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Sets the level of loggers of these proxies; answers whether anything had to be changed.",
    doc: "One change for each proxy, of kind `loglevel`; each logger is set back to the level that it had. Put it into `temporarily`. Nothing is set unless every proxy has told its levels. A proxy that starts anew has the levels of its own start.",
    errors: &[&NO_DATA, &TYPE, &DENIED, &FORBIDDEN, &CONFLICT, &REJECTED],
    permissions: descriptor::FORWARD,
    kinds: &[("", "LogLevel")],
    search: &["istioctl proxy-config log --level", "debug", "verbose", "/logging"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("reports").set_log_level("debug", "http")"#,
            expect: Expect::Changes(&["LogLevel summit/reports-hxdcmc8rfw-k4vvl: loggers[http].level"]),
        },
        Example {
            world: "healthy",
            script: r#"proxies("reports").set_log_level("none")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("reports").set_log_level("debug", "htpp")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let wanted = Wanted::parse(&call.string(0)?, &wanted::loggers(call, 1)?)?;
    Ok(Dynamic::from(set::set(call.run(), &call.receiver::<Proxies>()?, &wanted)?))
}
