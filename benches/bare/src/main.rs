//! The least that can run a Rhai script from the command line: clap, Rhai, nothing else.
//!
//! `benches/run` measures the start of meshbook against it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Runs a Rhai script.
#[derive(Parser)]
struct Arguments {
    /// The script.
    file: PathBuf,
}

fn main() -> ExitCode {
    match rhai::Engine::new().run_file(Arguments::parse().file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
