//! The configuration file.
//!
//! Beyond "no panic": what is refused names the file, and a line that the text has.

use std::path::Path;

use meshbook_runtime::transport::ConfigFile;

/// See the module.
pub fn run(text: &str) {
    match ConfigFile::parse(text, Path::new("config.toml")) {
        Ok(config) => drop(config.context("prod")),
        Err(failure) => {
            let rest = failure.message.strip_prefix("config.toml").expect("the message begins with the file");
            let line = rest.strip_prefix(':').and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            assert!(
                line.is_none_or(|line| (1..=text.matches('\n').count() + 1).contains(&line)),
                "{}",
                failure.message
            );
        }
    }
}
