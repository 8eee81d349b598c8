//! Values of parameters. The first line is a declaration, the second a value.
//!
//! Beyond "no panic": what a declaration reads, its default included, is read again as the same value when it is given
//! in the form in which reports show it.

use std::collections::BTreeMap;

use meshbook_runtime::engine::{ParamValue, Script, params};
use meshbook_stdlib::LIBRARY;

/// See the module.
pub fn run(text: &str) {
    let (declaration, value) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(script) = Script::from_text("fuzz.rhai", declaration, None, &LIBRARY) else { return };
    for declared in &script.params {
        let read = declared.read(value).ok();
        for value in read.iter().chain(&declared.default) {
            // Text is shown in quotes, a list in brackets, and NaN equals nothing.
            if matches!(
                value,
                ParamValue::Int(_) | ParamValue::Bool(_) | ParamValue::Duration(_) | ParamValue::Quantity(_)
            ) {
                assert_eq!(declared.read(&value.to_string()).ok().as_ref(), Some(value), "{declared}");
            }
            let _ = (value.to_dynamic(), value.to_json(), declared.to_string());
        }
        let given = BTreeMap::from([(declared.name.clone(), value.to_owned())]);
        if let Ok(values) = params::values(&script.params, &given) {
            assert_eq!(values.len(), script.params.len());
        }
    }
}
