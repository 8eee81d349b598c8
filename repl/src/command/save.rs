//! `:save FILE`.

use std::fmt::Write as _;

use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::record::redact;
use meshbook_runtime::run::{ChangeState, Made};

use super::{Command, misused};
use crate::session::{Kept, Next, Session};

/// Lines of a result that are kept as a comment.
const LINES: usize = 5;

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":save",
    takes: "FILE",
    summary: "writes the inputs that succeeded as a runbook",
    help: "Each input becomes a step, with what came of it as a comment. Changes that no proof follows get a reminder.\nA file that exists is not overwritten.",
    body,
};

fn body(session: &mut Session, file: &str) -> Result<Next, Failure> {
    if file.is_empty() {
        return Err(misused(&COMMAND));
    }
    let made = session.run().made();
    let unproved = made.iter().filter(|made| made.state == ChangeState::Unsettled).map(|made| made.number).collect();
    let changed = made.iter().any(Made::stands);
    let text = redact::text(&runbook(&session.kept, session.run().id(), unproved, changed));
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
    written
        .and_then(|mut stream| std::io::Write::write_all(&mut stream, text.as_bytes()))
        .map_err(|error| Failure::new(&PARAM, format!("{file} cannot be written: {error}")))?;
    session
        .front()
        .print(&format!("{} inputs are in {file}; `meshbook check {file}` says what it lacks.", session.kept.len()));
    Ok(Next::Go)
}

/// The inputs as a runbook. `unproved` are the record's numbers of the changes that no proof has followed.
fn runbook(kept: &[Kept], run: &str, unproved: Vec<u64>, changed: bool) -> String {
    let mut text = format!(
        "//! What was done at the prompt in run {run}.\n//!\n//! Say here what the symptom is, what this does, and what it never does.\n"
    );
    for (index, kept) in kept.iter().enumerate() {
        text.push('\n');
        let source = kept.text.trim();
        let needs_proof = unproved.iter().any(|number| (kept.lines.0..=kept.lines.1).contains(number));
        if source.starts_with(':') {
            // The runbook that it names is one of its own.
            let _ = writeln!(text, "// {source}");
        } else if outside(source) {
            let _ = writeln!(text, "{}", ended(source));
        } else {
            let title = source.lines().next().unwrap_or_default().replace('\\', "").replace('"', "'");
            let _ = writeln!(text, "step \"{}: {title}\" {{", index + 1);
            for line in ended(source).lines() {
                let _ = writeln!(text, "    {line}");
            }
            if needs_proof {
                text.push_str("    // REMINDER: prove this change: `wait 3m until { … };`\n");
            }
            text.push_str("}\n");
        }
        for line in kept.outcome.lines().take(LINES).filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(text, "// {line}");
        }
    }
    let ending = if changed && unproved.is_empty() {
        "fixed(\"what was changed at the prompt is proved\");"
    } else {
        "not_this(\"the steps of a prompt came to their end\");"
    };
    let _ = write!(text, "\n// REMINDER: say how this ends: fixed, found, not_this or cannot_tell.\n{ending}\n");
    text
}

/// What cannot stand in a block: definitions, imports, and steps of its own.
fn outside(source: &str) -> bool {
    ["fn ", "import ", "step ", "param ", "private fn "].iter().any(|word| source.starts_with(word))
}

/// A statement that ends.
fn ended(source: &str) -> String {
    let ends = source.ends_with([';', '}']);
    format!("{source}{}", if ends { "" } else { ";" })
}
