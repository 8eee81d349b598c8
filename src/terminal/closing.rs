//! The last lines of a run: how it ended, what changed, what stays, how to undo.

use std::time::Duration;

use meshbook_runtime::value::Document;

use super::look::Look;
use super::many::Many;
use super::{count, diff, escape, took};
use crate::report::{ChangeReport, ChangeState, FieldReport, Report};

/// More new fields than this are only counted.
const MANY: usize = 10;
/// So many changes of one kind, of which the same came, are named.
const CHANGES: usize = 24;
/// A value longer than this, in bytes, is only named: the report has shown it above.
const LONGEST: usize = 72;
/// So many fields of a change are named.
const FIELDS: usize = 4;

/// What the closing block says beside the report itself.
pub struct Closing<'a> {
    /// The command that takes the run's changes back.
    pub undo: String,
    /// For a plan: the command that makes the planned changes.
    pub make: Option<String>,
    /// Where the record is, for a person.
    pub record: Option<&'a str>,
}

impl Closing<'_> {
    /// The lines of the block.
    pub fn lines(&self, report: &Report, look: Look) -> Vec<String> {
        let mut lines = vec![String::new()];
        lines.push(headline(report, look));
        let mut fact = |name: &str, text: String| {
            let name = format!("{name:<9}");
            lines.push(format!("  {}{text}", look.dim(name)));
        };
        if let Some(next) = &report.next {
            fact("next", look.name(escape::line(next)));
        }
        let mut many = Many::new(CHANGES);
        for change in &report.changes {
            let detail = change.detail.as_deref();
            let (word, came) = match change.state {
                ChangeState::Planned => ("would", String::new()),
                ChangeState::Kept => (done(change), "proved, stays".to_owned()),
                ChangeState::TakenBack => ("undone", detail.unwrap_or("as before").to_owned()),
                ChangeState::NotMade => ("refused", "nothing changed".to_owned()),
                ChangeState::Sent | ChangeState::Unknown | ChangeState::Unproved | ChangeState::LeftBehind => {
                    ("STAYS", look.bad(escape::joined(detail.unwrap_or(change.state.text()))))
                }
            };
            if many.tells(change.number, word, &change.reference.kind.kind) {
                let came = if came.is_empty() { came } else { format!(" {} {came}", look.dot()) };
                fact(word, format!("{}{came}", what(change)));
            }
        }
        for back in &report.set_back {
            let kind = if back.object.starts_with("Namespace ") { ": new pods in it follow that" } else { "" };
            let object = escape::line(&back.object);
            fact("also", format!("{object}: {}, set back with {}{kind}", back.fields, escape::line(&back.with)));
        }
        for (word, objects) in many.others() {
            fact(&word, objects);
        }
        if !report.changes.iter().any(|change| change.state != ChangeState::NotMade) || report.ending == "planned" {
            fact("changed", "nothing".into());
        }
        for help in report.unchanged.iter().chain(&report.hint) {
            fact("help", escape::joined(help));
        }
        if report.open_changes().next().is_some() {
            match report.in_process_lab() {
                Some(world) => {
                    fact(
                        "undo",
                        format!(
                            "not needed: this lab ended with the command (`meshbook lab --world {world}` keeps one)"
                        ),
                    );
                }
                None => fact("undo", look.name(&self.undo)),
            }
        }
        if let (Some(make), true) =
            (&self.make, report.changes.iter().any(|change| change.state == ChangeState::Planned))
        {
            fact("make it", look.name(make));
        }
        if let Some(record) = self.record {
            fact("record", look.dim(escape::line(record)));
        }
        if let Some(code) = report.exit_code {
            let meaning = match report.ending.as_str() {
                "planned" if code == 0 => "the plan is complete; nothing changed",
                "not_this" if code == 0 => "nothing that this runbook is for",
                "left" if code == 0 => "nothing stands that is not proved",
                "interrupted" | "deadline" if code == 5 => "what was not proved was taken back",
                _ if code == 5 && report.code.as_deref().is_some_and(|code| code.starts_with("meshbook::gate")) => {
                    "refused in the middle, and what was not proved was taken back"
                }
                _ => meaning(code),
            };
            fact("exit", format!("{code}, {meaning}"));
        }
        lines
    }
}

fn headline(report: &Report, look: Look) -> String {
    let (mark, word) = match report.ending.as_str() {
        "fixed" => (look.ok(), look.good("Fixed")),
        "not_this" => (look.ok(), look.good("Not this")),
        "planned" => (look.ok(), look.good("Planned")),
        "left" if report.exit_code == Some(0) => (look.ok(), look.good("Left")),
        "found" => (look.notice(if look.symbols { "!" } else { "FOUND" }), look.notice("Found")),
        "cannot_tell" => (look.open(), look.notice("Cannot tell")),
        "interrupted" => (look.failed(), look.bad("Interrupted")),
        "deadline" => (look.failed(), look.bad("Out of time")),
        _ => (look.failed(), look.bad(failed(report.exit_code))),
    };
    let message = escape::joined(&report.message);
    let colon = if message.is_empty() { "" } else { ": " };
    let time = look.dim(format!("({})", took(Duration::from_secs_f64(report.took_seconds.max(0.0)))));
    let word = look.bold(word);
    // A mark that is a word already says what the headline's word does.
    if look.symbols {
        format!("{mark} {word}{colon}{message} {time}")
    } else {
        format!("{word}{colon}{message} {time}")
    }
}

/// How a failure is headed: by what came of it.
fn failed(exit_code: Option<u8>) -> &'static str {
    match exit_code {
        Some(3) => "Refused",
        Some(4) => "Unreachable",
        Some(5) => "Failed, and taken back",
        Some(7) => "LEFT DIRTY",
        _ => "Failed",
    }
}

/// What was done with an object.
fn done(change: &ChangeReport) -> &'static str {
    match change.verb {
        "create" => "created",
        "delete" => "deleted",
        _ => "changed",
    }
}

/// A change in one line: its object, and its fields as far as they fit.
fn what(change: &ChangeReport) -> String {
    let object = escape::line(&change.object);
    if change.fleeting {
        return format!("{object}: {}", escape::joined(&change.summary));
    }
    let object = match (change.verb, change.state) {
        ("change", _) | (_, ChangeState::Kept) => object.into_owned(),
        (verb, ChangeState::Planned) => format!("{verb} {object}"),
        ("delete", _) => format!("deletion of {object}"),
        _ => format!("creation of {object}"),
    };
    // What goes as a whole is not told by its fields.
    if change.verb == "delete" || change.verb == "create" && change.state == ChangeState::TakenBack {
        return object;
    }
    // The labels of a large new object say nothing of it.
    if change.diff.len() > MANY && change.diff.iter().all(|field| field.before.is_none()) {
        return format!("{object}: {}", count(change.diff.len(), "new field"));
    }
    if change.diff.is_empty() {
        return object;
    }
    let fields: Vec<_> = change.diff.iter().take(FIELDS).map(|one| field(one, change.verb)).collect();
    let more = change.diff.len().saturating_sub(FIELDS);
    let more = if more == 0 { String::new() } else { format!(" and {}", count(more, "other field")) };
    format!("{object}: {}{more}", fields.join(", "))
}

/// The end of its path, and its values where these are single ones, and short.
fn field(field: &FieldReport, verb: &str) -> String {
    let path = end_of(&field.path);
    let short = |value: &Document| !value.is_nested() && value.text().len() <= LONGEST;
    let single = |value: &Option<Document>| value.as_ref().is_none_or(short);
    if single(&field.before) && single(&field.after) {
        let told = |value: &Option<Document>| diff::short(value.as_ref().map(Document::value).as_ref());
        let path = escape::line(path);
        // Of a new object, every field is new.
        if verb == "create" {
            return format!("{path} {}", told(&field.after));
        }
        format!("{path} {} -> {}", told(&field.before), told(&field.after))
    } else {
        escape::line(path).into_owned()
    }
}

/// The last two keys of a path. What stands in quotes or brackets may hold dots of its own.
fn end_of(path: &str) -> &str {
    let (mut quoted, mut depth) = (false, 0_usize);
    let mut dots = Vec::new();
    for (index, c) in path.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            '.' if !quoted && depth == 0 => dots.push(index + 1),
            _ => {}
        }
    }
    dots.len().checked_sub(2).map_or(path, |place| &path[dots[place]..])
}

/// What an exit code says, in a few words.
pub fn meaning(code: u8) -> &'static str {
    match code {
        0 => "the mesh is healthy, or healed and proved",
        1 => "a problem was found that is not fixed",
        2 => "the script, its parameters or the command line are wrong",
        3 => "refused by policy, permission, scope, approval or lock",
        4 => "the cluster, a proxy or a data source is unreachable",
        5 => "a check failed, and what was not proved was taken back",
        6 => "the plan is stale; nothing changed",
        7 => "LEFT DIRTY: changes stay behind that were not verified or not taken back",
        8 => "the evidence is missing",
        124 => "the deadline passed",
        130 => "interrupted",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn names_with_dots_stay_whole() {
        assert_eq!(end_of("spec.trafficPolicy.connectionPool.tcp.maxConnections"), "tcp.maxConnections");
        assert_eq!(
            end_of("webhooks[rev.object.sidecar-injector.istio.io].failurePolicy"),
            "webhooks[rev.object.sidecar-injector.istio.io].failurePolicy"
        );
        assert_eq!(end_of("metadata.annotations[\"a.b/c\"]"), "metadata.annotations[\"a.b/c\"]");
        assert_eq!(end_of("spec.selector.istio"), "selector.istio");
    }
}
