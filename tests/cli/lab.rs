//! A mesh that is reached as a cluster is: by a kubeconfig.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// `meshbook lab` in a process of its own; it ends with the test.
pub struct ServedLab {
    /// Its process.
    pub process: Child,
    /// The kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
    _home: TempDir,
}

impl ServedLab {
    /// Serves a world, a name or a file; its time goes twenty times as fast as the clock on the wall.
    pub fn start(world: &str) -> ServedLab {
        let home = TempDir::new().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_meshbook"))
            .args(["lab", "--world", world, "--speed", "20"])
            .env("MESHBOOK_HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let kubeconfig =
            line.trim().strip_prefix("KUBECONFIG=").unwrap_or_else(|| panic!("not a KUBECONFIG line: {line:?}"));
        ServedLab { kubeconfig: kubeconfig.into(), process, _home: home }
    }
}

impl Drop for ServedLab {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
