//! `NAME=VALUE` arguments, one a line, and files of values; the command's own module, as it is compiled there.
//!
//! Beyond "no panic": every value that is given arrives under its name, whole, whatever the file says.

#[path = "../../../../src/values.rs"]
#[allow(dead_code, missing_docs, reason = "a private module of the command, of which a part is called here")]
mod values;

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::seeds::scratch;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("cli_arguments"));

/// See the module.
pub fn run(text: &str) {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Ok(given) = values::given(&lines, None) {
        assert_eq!(given.len(), lines.len());
        for line in &lines {
            let (name, value) = line.split_once('=').expect("it was taken apart there");
            assert_eq!(given.get(name).map(String::as_str), Some(value));
        }
    }
    for kind in ["toml", "json", "yaml"] {
        let path = FOLDER.join(format!("values.{kind}"));
        std::fs::write(&path, text).expect("there is room for temporary files");
        if let Ok(given) = values::given(&["fuzz=a=b".into()], Some(&path)) {
            assert_eq!(given.get("fuzz").map(String::as_str), Some("a=b"));
        }
    }
}
