//! Where meshbook keeps what it has to remember, and where it is told what to do.

use std::env;
use std::path::{Path, PathBuf};

use meshbook_runtime::failure::{CONFIG, Failure};
use meshbook_runtime::transport::config::ConfigFile;

/// The folder of records and locks: `$MESHBOOK_HOME`, else the user's state directory (XDG Base Directory
/// Specification).
///
/// # Errors
/// When nothing says where the user's home is.
pub fn home() -> Result<PathBuf, Failure> {
    if let Some(home) = path_in("MESHBOOK_HOME") {
        return Ok(home);
    }
    user_directory("XDG_STATE_HOME", ".local/state").map(|state| state.join("meshbook")).ok_or_else(|| {
        Failure::new(&CONFIG, "there is no place for the records of runs: neither MESHBOOK_HOME nor HOME is set")
            .hint("set MESHBOOK_HOME to a folder that only you can read")
    })
}

/// The configuration file: `$MESHBOOK_CONFIG`, which must exist, else the user's, which may.
///
/// # Errors
/// When it cannot be read, or says something that is not understood.
pub fn config(home: &Path) -> Result<ConfigFile, Failure> {
    if let Some(named) = path_in("MESHBOOK_CONFIG") {
        return ConfigFile::load(Some(&named), home);
    }
    match users_config().filter(|path| path.exists()) {
        Some(users) => ConfigFile::load(Some(&users), home),
        None if home.is_dir() => ConfigFile::load(None, home),
        // That the home cannot be used is for the record to say: what only reads can do without it.
        None => Ok(ConfigFile::default()),
    }
}

/// The file that a prompt begins with, beside the configuration file: `init.rhai`.
pub fn init() -> Option<PathBuf> {
    path_in("MESHBOOK_CONFIG").or_else(users_config).map(|config| config.with_file_name("init.rhai"))
}

fn users_config() -> Option<PathBuf> {
    user_directory("XDG_CONFIG_HOME", ".config").map(|config| config.join("meshbook/config.toml"))
}

fn user_directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    // The specification says that a relative path is to be ignored.
    path_in(variable).filter(|path| path.is_absolute()).or_else(|| path_in("HOME").map(|home| home.join(below_home)))
}

fn path_in(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A path as a person writes it: below the user's home with `~`.
pub fn short(path: &Path) -> String {
    path_in("HOME")
        .and_then(|home| path.strip_prefix(home).ok().map(|rest| format!("~/{}", rest.display())))
        .unwrap_or_else(|| path.display().to_string())
}
