//! `meshbook completions`.

use clap::CommandFactory as _;

use crate::arguments::{Arguments, Completions};
use crate::document;
use crate::trouble::Trouble;

/// Writes the completions of a shell.
pub fn completions(arguments: &Completions) -> Result<u8, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "meshbook", &mut script);
    document::lines(String::from_utf8_lossy(&script).lines().map(str::to_owned));
    Ok(0)
}
