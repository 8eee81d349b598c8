//! The server that both sides ask: `meshbook lab` in a process of its own.

use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A lab that is being served. It ends when dropped.
pub struct Lab {
    process: Child,
    /// The kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
}

impl Lab {
    /// Serves a world, a name or a file.
    ///
    /// # Errors
    /// If it does not start.
    pub fn serve(meshbook: &Path, world: &str, home: &Path) -> io::Result<Lab> {
        let mut process = Command::new(meshbook)
            .args(["lab", "--world", world])
            .env("MESHBOOK_HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let named = line.trim().strip_prefix("KUBECONFIG=").map(PathBuf::from);
        let mut lab = Lab { process, kubeconfig: named.unwrap_or_default() };
        if lab.kubeconfig.is_file() {
            return Ok(lab);
        }
        let _ = lab.process.kill();
        Err(io::Error::other(format!("`meshbook lab --world {world}` printed no kubeconfig but {line:?}")))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // If it has ended already, that is what was wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server that nobody may ask: it would notice.
pub struct Silence {
    listener: TcpListener,
    /// The kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
}

impl Silence {
    /// Listens where a kubeconfig like another one leads.
    ///
    /// # Errors
    /// If there is no port, or no such kubeconfig.
    pub fn like(kubeconfig: &Path, folder: &Path) -> io::Result<Silence> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let text = std::fs::read_to_string(kubeconfig)?;
        let line = |line: &str| match line.split_once("server: ") {
            Some((before, _)) => format!("{before}server: https://{address}\n"),
            None => format!("{line}\n"),
        };
        let path = folder.join("nobody-is-asked.yaml");
        std::fs::write(&path, text.lines().map(line).collect::<String>())?;
        Ok(Silence { listener, kubeconfig: path })
    }

    /// Makes sure that nobody has connected.
    ///
    /// # Errors
    /// If somebody has.
    pub fn was_kept(&self) -> io::Result<()> {
        match self.listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(io::Error::other("a script that asks nothing of a cluster has opened a connection")),
        }
    }
}
