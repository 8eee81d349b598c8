//! Standard output as data: one document, or plain lines.

use std::io::{self, Write};

use serde::Serialize;

use crate::arguments::Format;

/// Writes one document to standard output.
pub fn write(format: Format, document: &impl Serialize) {
    let text = match format {
        Format::Yaml => serde_saphyr::to_string(document).expect("documents have keys of text only"),
        Format::Table | Format::Json => {
            serde_json::to_string_pretty(document).expect("documents have keys of text only")
        }
    };
    lines([text.trim_end()]);
}

/// Writes lines to standard output. That nobody reads them any more is no error: `meshbook runs | head`.
pub fn lines<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) {
    let mut stream = io::stdout().lock();
    for line in lines {
        if writeln!(stream, "{}", line.as_ref()).is_err() {
            return;
        }
    }
    let _ = stream.flush();
}
