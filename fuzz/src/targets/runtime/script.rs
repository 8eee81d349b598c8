//! Scripts and files of tests: read, checked and described.
//!
//! Beyond "no panic": every complaint names a place inside the text, between whole characters, and reading the same text
//! again gives the same hash.

use std::path::PathBuf;
use std::sync::LazyLock;

use meshbook_runtime::engine::{Diagnostic, Script, check::check, describe::describe};
use meshbook_stdlib::LIBRARY;

use crate::seeds::scratch;

fn is_placed(diagnostic: &Diagnostic) {
    assert!(!diagnostic.failure.message.is_empty());
    for place in diagnostic.place.iter().chain(diagnostic.chain.iter().map(|frame| &frame.place)) {
        assert!(place.text.get(place.start..place.start + place.length).is_some(), "{diagnostic:?}");
    }
    let _ = diagnostic.json();
}

/// A folder of its own, so that an import finds nothing.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| scratch("runtime_script").join("fuzz.rhai"));

/// See the module.
pub fn run(text: &str) {
    // Files of tests know one word more.
    if text.contains("test") {
        std::fs::write(&*FILE, text).expect("there is room for temporary files");
        match Script::load_tests(&FILE, FILE.parent(), &LIBRARY) {
            Ok(tests) => check(&tests, &LIBRARY).iter().for_each(is_placed),
            Err(diagnostic) => is_placed(&diagnostic),
        }
    }
    let script = match Script::from_text("fuzz.rhai", text, None, &LIBRARY) {
        Ok(script) => script,
        Err(diagnostic) => return is_placed(&diagnostic),
    };
    check(&script, &LIBRARY).iter().for_each(is_placed);
    let description = describe(&script, &LIBRARY);
    let _ = (description.json(&script), description.approve_line());
    let again = Script::from_text("fuzz.rhai", text, None, &LIBRARY).expect("it was read before");
    assert_eq!((script.hash, script.params), (again.hash, again.params));
}
