//! What was typed in earlier sessions: private to the user, and without secrets.

use std::path::{Path, PathBuf};

use meshbook_runtime::record::redact;
use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};

/// The history's name in the folder of records.
const FILE: &str = "history";

/// The file that a session's inputs are added to.
pub(crate) struct Kept(Option<PathBuf>);

impl Kept {
    /// Reads the history. One that cannot be read or kept private is not used, and the session goes on without.
    pub(crate) fn load<H: Helper>(home: &Path, editor: &mut Editor<H, FileHistory>) -> Kept {
        let path = home.join(FILE);
        if path.exists() && (private(&path).is_err() || editor.load_history(&path).is_err()) {
            return Kept(None);
        }
        Kept(home.is_dir().then_some(path))
    }

    /// Adds an input. One that begins with a space, or holds a secret, is not kept, neither on the disk nor under the keys.
    pub(crate) fn add<H: Helper>(&self, input: &str, editor: &mut Editor<H, FileHistory>) {
        if !is_kept(input) {
            return;
        }
        let added = editor.add_history_entry(input);
        if let (Ok(true), Some(path)) = (added, &self.0) {
            // A full disk must not end a session; the record tells about it.
            let _ = editor.append_history(path).map(|()| private(path));
        }
    }
}

fn is_kept(input: &str) -> bool {
    !input.trim().is_empty() && !input.starts_with(char::is_whitespace) && redact::text(input) == input
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn private(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_what_begins_with_a_space_are_not_kept() {
        assert!(is_kept("host(\"graph-core\")"));
        for input in ["", "  ", " host(\"a\")", "let password = \"hunter22\";", "x(\"Bearer abcdefgh12345\")"] {
            assert!(!is_kept(input), "{input:?}");
        }
    }
}
