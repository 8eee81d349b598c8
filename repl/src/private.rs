//! Files that only this user can read.

use std::fs::OpenOptions;
use std::io::Write as _;

use meshbook_runtime::failure::{Failure, PARAM};

/// Writes a file that does not exist yet.
///
/// # Errors
/// When it exists, or cannot be written.
pub(crate) fn write_new(file: &str, text: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut stream| stream.write_all(text.as_bytes()));
    written.map_err(|error| {
        let failure = Failure::new(&PARAM, format!("{file} cannot be written: {error}"));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure.unchanged("it is as it was").hint("name another file"),
            _ => failure,
        }
    })
}
