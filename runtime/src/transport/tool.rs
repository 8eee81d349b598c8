//! Programs of this machine that render objects, such as `istioctl manifest generate`.
//!
//! They get no kubeconfig, no home, and nothing of the environment but `PATH`: what they write depends on their version, their
//! arguments and their input alone. Their version is looked at first, because another one renders other objects.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::status::{excerpt, printable};
use crate::effect::Rendering;
use crate::failure::{Failure, TOOL};

/// How long a program may take. Rendering an installation takes about a second.
const WITHIN: Duration = Duration::from_secs(60);
/// How much of what it says about a failure is read, in bytes.
const WORDS: usize = 64 << 10;

/// What a program wrote, and how it ended.
struct Ended {
    success: bool,
    output: Vec<u8>,
    words: Vec<u8>,
}

/// Lets a program render.
///
/// # Errors
/// `TOOL`: it is not there, is of another version, fails, takes too long, writes more than `limit` bytes or no objects.
pub(super) async fn render(
    tools: &BTreeMap<String, PathBuf>,
    rendering: &Rendering,
    limit: usize,
) -> Result<Value, Failure> {
    let (tool, version) = (&rendering.tool, &rendering.version);
    let path = find(tools, tool).ok_or_else(|| {
        Failure::new(&TOOL, format!("{tool} {} is needed, and there is no {tool} here", printable(version)))
            .unchanged("nothing was changed")
            .hint(get(tool, version))
    })?;
    let said = run(tool, &path, &rendering.version_arguments, "", limit).await?;
    let said_text = String::from_utf8_lossy(&said.output).into_owned();
    if !says(&said_text, version) {
        let found = said_text.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let found = excerpt(found.trim().as_bytes());
        return Err(Failure::new(
            &TOOL,
            format!("{} is not {tool} {}: asked for its version, it says: {found}", path.display(), printable(version)),
        )
        .unchanged("nothing was changed")
        .hint(get(tool, version)));
    }
    let ended = run(tool, &path, &rendering.arguments, &rendering.input, limit).await?;
    if !ended.success {
        let words = excerpt(&ended.words);
        let input = if rendering.input.is_empty() { "" } else { ", with its file as input," };
        return Err(Failure::new(&TOOL, format!("{tool} renders nothing: {words}"))
            .unchanged("nothing was changed")
            .hint(format!("`{tool} {}`{input} says the same: mend the values", rendering.arguments.join(" "))));
    }
    objects(&ended.output).map_err(|why| {
        Failure::new(&TOOL, format!("what {tool} {} has written cannot be used: {why}", printable(version)))
            .unchanged("nothing was changed")
    })
}

/// The documents of a text.
fn objects(output: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(output).map_err(|_| "it is no text".to_owned())?;
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| format!("it is not YAML: {error}"))?;
    let objects: Vec<Value> = documents.into_iter().filter(|document| !document.is_null()).collect();
    if objects.is_empty() {
        return Err("it holds no object".into());
    }
    Ok(Value::Array(objects))
}

fn get(tool: &str, version: &str) -> String {
    format!(
        "get {tool} {} as its project publishes it, and say where it is: `[tools]` with `{tool} = \"/path/to/{tool}\"` in the configuration file, or a folder of $PATH",
        printable(version)
    )
}

/// Whether a text names a version, as a word of its own: 1.31.0 is not 1.31.0-rc.1.
fn says(text: &str, version: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    !version.is_empty() && text.split(|c| !part(c)).any(|word| word == version)
}

fn find(tools: &BTreeMap<String, PathBuf>, tool: &str) -> Option<PathBuf> {
    match tools.get(tool) {
        // One that was named and is not there is not looked for elsewhere.
        Some(named) => named.is_file().then(|| named.clone()),
        None => on_path(tool, std::env::var_os("PATH").as_deref()),
    }
}

fn on_path(tool: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?).map(|folder| folder.join(tool)).find(|place| place.is_file())
}

async fn run(tool: &str, path: &Path, arguments: &[String], input: &str, limit: usize) -> Result<Ended, Failure> {
    let failed = |what: String| {
        Failure::new(&TOOL, format!("{tool} ({}) {what}", path.display())).unchanged("nothing was changed")
    };
    let mut command = Command::new(path);
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    let mut child = command.kill_on_drop(true).spawn().map_err(|error| failed(format!("does not start: {error}")))?;
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let work = async {
        let write = async {
            if let Some(mut stdin) = stdin.take() {
                // A program that does not read its input may have closed it.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), output, words) = tokio::join!(write, up_to(stdout, limit), up_to(stderr, WORDS));
        // One that writes on would wait for a reader for ever.
        if output.len() > limit {
            let _ = child.start_kill();
        }
        (child.wait().await, output, words)
    };
    let (status, output, words) = tokio::time::timeout(WITHIN, work)
        .await
        .map_err(|_| failed(format!("did not end within {} s, and was ended", WITHIN.as_secs())))?;
    if output.len() > limit {
        return Err(failed(format!("writes more than {} MiB", limit >> 20)));
    }
    let status = status.map_err(|error| failed(format!("was lost: {error}")))?;
    Ok(Ended { success: status.success(), output, words })
}

/// What a stream holds, as far as one byte beyond a limit.
async fn up_to(stream: Option<impl AsyncRead + Unpin>, limit: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let _ = stream.take(most).read_to_end(&mut bytes).await;
    }
    bytes
}
