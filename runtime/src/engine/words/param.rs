//! `param NAME: TYPE [= DEFAULT[unit]] "help"`

use rhai::{Dynamic, Engine, ImmutableString};

use crate::engine::session::Session;

/// What may stand next, given the symbols so far and the token ahead.
///
/// The token ahead of a string is its bare content, so that a help text `m` looks like a unit: the declared type decides.
fn next(symbols: &[ImmutableString], ahead: &str) -> Option<&'static str> {
    let list = symbols.get(3).is_some_and(|symbol| symbol == "[");
    // param, name, colon, then `type` or `[ type ]`.
    let head = if list { 6 } else { 4 };
    let kind = symbols.get(head - if list { 2 } else { 1 }).map(ImmutableString::as_str).unwrap_or_default();
    match symbols.len() {
        1 => Some("$ident$"),
        2 => Some(":"),
        3 if ahead == "[" => Some("["),
        3 => Some("$ident$"),
        4 if list => Some("$ident$"),
        5 if list => Some("]"),
        n if n == head && ahead == "=" => Some("="),
        n if n == head => Some("$string$"),
        n if n == head + 1 && symbols[head] == "=" => Some("$expr$"),
        n if n == head + 2 && symbols[head] == "=" => {
            let unit_follows = !list
                && matches!(kind, "duration" | "quantity")
                && ahead.chars().all(|c| c.is_ascii_alphanumeric())
                && !ahead.is_empty();
            if unit_follows && symbols.len() == head + 2 { Some("$ident$") } else { Some("$string$") }
        }
        n if n == head + 3 && symbols[head] == "=" && !list && matches!(kind, "duration" | "quantity") => {
            Some("$string$")
        }
        _ => None,
    }
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_custom_syntax_with_state_raw(
        "param",
        |symbols, ahead, _| Ok(next(symbols, ahead).map(Into::into)),
        true,
        |context, inputs, _| {
            let name = inputs[0].get_string_value().unwrap_or_default().to_owned();
            let session = Session::of(context.tag());
            if let Some(value) = session.values.get(&name) {
                context.scope_mut().push_dynamic(name, value.to_dynamic());
            }
            Ok(Dynamic::UNIT)
        },
    );
}
