//! `:record FILE`.

use std::collections::BTreeMap;

use meshbook_runtime::failure::{Failure, RECORD};
use meshbook_runtime::record::{file, redact};

use super::{Command, misused};
use crate::private;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":record",
    takes: "FILE",
    summary: "writes what was looked at, found and changed, and when, as Markdown for the post-mortem",
    help: "The same facts as :timeline, with the results that were shown here, and a table of what was changed.\nSecrets are left out. Only you can read the file. A file that exists is not overwritten.",
    body,
};

fn body(session: &mut Session, name: &str) -> Result<Next, Failure> {
    if name.is_empty() {
        return Err(misused(&COMMAND));
    }
    let path = session.run().record_path().ok_or_else(|| Failure::new(&RECORD, "this session has no record"))?;
    let found: BTreeMap<u64, String> =
        session.kept.iter().map(|kept| (kept.number, redact::text(&kept.outcome))).collect();
    let text = session.front().post_mortem(&file::read(&path)?, &found);
    private::write_new(name, &redact::text(&text))?;
    session.front().print(&format!("The record is in {name}, as Markdown; only you can read it."));
    Ok(Next::Go)
}
