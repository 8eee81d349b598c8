//! A record as Markdown, for a post-mortem: what was changed and what became of it, then what happened when.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::record::event::{ChangeOutcome, Event, Line, ProofOutcome, Started};

use crate::report::Report;
use crate::terminal::look::Look;
use crate::terminal::{closing, count, diff, escape, reporter, took};

/// So many of the things that were looked at are named.
const NAMED: usize = 6;

/// What a look at the clock is recorded under.
const CLOCK: &str = "clock";

/// The document. `found` is what came of the inputs of a prompt, by their numbers: the record itself does not keep it.
pub fn markdown(record: &[Line], found: &BTreeMap<u64, String>) -> String {
    let report = Report::of(record);
    let mut story = Story { text: String::new(), start: record.first().map(|line| line.at), reads: Vec::new(), found };
    for line in record {
        if let Event::Started(started) = &line.event {
            story.head(line.at, started, &report);
            story.changes(record, &report);
            story.say("\n## What happened, and when\n");
        }
        story.add(line, &report);
    }
    story.flush_reads();
    story.text
}

struct Story<'a> {
    text: String,
    start: Option<Timestamp>,
    /// What was looked at since the last other event.
    reads: Vec<String>,
    found: &'a BTreeMap<u64, String>,
}

impl Story<'_> {
    fn say(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn head(&mut self, at: Timestamp, started: &Started, report: &Report) {
        let place = reporter::place(&started.context, &started.server, Look::PLAIN);
        let second = started.second.as_ref().map_or_else(String::new, |there| {
            format!("; {} was only read", reporter::place(&there.context, &there.server, Look::PLAIN))
        });
        self.say(format!("# {}, run {}\n", plain(&started.script), plain(&started.run)));
        self.say("| | |\n|---|---|");
        for (what, fact) in [
            ("begun", at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
            ("by", format!("{} on {}", plain(&started.user), plain(&started.machine))),
            ("where", format!("{}, namespace {}{}", plain(&place), plain(&started.namespace), plain(&second))),
            ("with", format!("meshbook {}", plain(&started.version))),
            ("reads", report.reads.to_string()),
        ] {
            self.say(format!("| {what} | {fact} |"));
        }
        let given: Vec<_> = started.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !given.is_empty() {
            self.say(format!("| parameters | {} |", plain(&given.join(" "))));
        }
    }

    fn changes(&mut self, record: &[Line], report: &Report) {
        self.say("\n## What was changed\n");
        if report.changes.is_empty() {
            self.say("Nothing.");
            return;
        }
        self.say("| | when | object | change | what became of it |\n|---|---|---|---|---|");
        for (index, change) in report.changes.iter().enumerate() {
            let at = record.iter().find(|line| line.number == change.number).map(|line| self.offset(line.at));
            let detail = change.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
            self.say(format!(
                "| {} | {} | {} | {} | {} |",
                index + 1,
                at.unwrap_or_default(),
                plain(&change.object),
                plain(&change.summary),
                plain(&format!("{}{detail}", change.state.text())),
            ));
        }
    }

    fn add(&mut self, line: &Line, report: &Report) {
        if let Event::Looked { effect, failure: None, .. } = &line.event {
            self.reads.push(effect.target.clone());
            return;
        }
        if says_nothing(&line.event) {
            return;
        }
        self.flush_reads();
        let at = self.offset(line.at);
        match &line.event {
            Event::Started(_) | Event::Settled { .. } | Event::Undoing { .. } => {}
            Event::Input { input, text } => {
                self.say(format!("\n### {at}, input {input}\n"));
                self.block("rhai", text);
            }
            Event::InputEnded { input, failure, .. } => match failure {
                Some((code, message)) => self.item(&at, &format!("**failed**: {} (`{code}`)", plain(message))),
                None => {
                    if let Some(found) = self.found.get(input).filter(|found| !found.trim().is_empty()) {
                        self.say(format!("\nWhat came of input {input}:\n"));
                        self.block("text", found);
                    }
                }
            },
            Event::StepStarted { title, .. } => self.say(format!("\n### {at}, step: {}\n", plain(title))),
            Event::StepEnded { took: time, passed, .. } => {
                self.item(
                    &at,
                    &format!("the step {} after {}", if *passed { "passed" } else { "**failed**" }, took(*time)),
                );
            }
            Event::Looked { effect, beside, failure, .. } => {
                let why = failure.as_ref().map_or("", |failure| &failure.1);
                let there = beside.as_deref().map(|there| format!(" in {}", plain(there))).unwrap_or_default();
                self.item(&at, &format!("looked at {}{there}, in vain: {}", plain(&effect.target), plain(why)));
            }
            Event::Shown { table, .. } => {
                let mut shown = vec![table.title.clone()];
                shown.extend(crate::terminal::table::lines(table, Look::PLAIN, 0, "").into_iter().skip(1));
                self.say("\nFound:\n");
                self.block("text", &shown.join("\n"));
            }
            Event::Checked { what, passed, detail } => {
                let seen = detail.as_deref().map(|detail| format!(" ({})", plain(detail))).unwrap_or_default();
                self.item(
                    &at,
                    &format!("check \"{}\": {}{seen}", plain(what), if *passed { "passed" } else { "**failed**" }),
                );
            }
            Event::Proved { word, condition, outcome, seen, took: time } => {
                let said = match outcome {
                    ProofOutcome::CanBeEvaluated => return,
                    ProofOutcome::Passed => "passed",
                    ProofOutcome::Failed => "**failed**",
                    ProofOutcome::Unverified => "**had no data**",
                    ProofOutcome::NotEvaluated => "was not evaluated",
                };
                let seen = seen.as_deref().map(|seen| format!("; last seen: {}", plain(seen))).unwrap_or_default();
                self.item(&at, &format!("{word} {} {said} after {}{seen}", code(condition), took(*time)));
            }
            Event::Changing(changing) | Event::Planned(changing) => {
                let verb = if matches!(line.event, Event::Planned(_)) { "would change" } else { "changed" };
                self.item(
                    &at,
                    &format!("**{verb} {}**: {}\n", plain(&changing.object.to_string()), plain(&changing.summary)),
                );
                self.block("diff", &diff::lines(&changing.fields, Look::PLAIN).join("\n"));
            }
            Event::ChangeAnswered { outcome, .. } => match outcome {
                ChangeOutcome::Made { .. } => {}
                ChangeOutcome::NotMade { failure } => self.item(&at, &format!("not made: {}", plain(&failure.1))),
                ChangeOutcome::Unknown { failure } => {
                    self.item(&at, &format!("**nobody knows whether it was made**: {}", plain(&failure.1)));
                }
            },
            Event::NotEvaluated { what } => self.item(&at, &format!("not evaluated: {}", plain(what))),
            Event::TakingBack { change, why } => {
                self.item(
                    &at,
                    &format!("**took back {}**, because: {}", plain(&report.object_of(*change)), plain(why)),
                );
            }
            Event::TakenBack { outcome, .. } => {
                self.item(&at, &plain(&reporter::undone(outcome, Look::PLAIN).join(" ")));
            }
            Event::SettingBack { object, fields, .. } => {
                let text = format!(
                    "**set back {}** before it: {}",
                    plain(&object.to_string()),
                    plain(&reporter::set_back(fields))
                );
                self.item(&at, &text);
            }
            Event::Warning { message } => self.item(&at, &format!("warning: {}", plain(message))),
            Event::Ended(ended) => {
                let code = ended.exit.code();
                self.say(format!("\n### {at}, the end\n"));
                self.say(format!(
                    "{}: {} (exit {code}: {})",
                    ended.ending,
                    plain(&ended.message),
                    closing::meaning(code)
                ));
            }
        }
    }

    fn flush_reads(&mut self) {
        let reads = std::mem::take(&mut self.reads);
        if reads.is_empty() {
            return;
        }
        let mut targets: Vec<&str> = Vec::new();
        for target in &reads {
            // The time is asked with everything else.
            if target != CLOCK && !targets.contains(&target.as_str()) {
                targets.push(target);
            }
        }
        let more = targets.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {}", count(more, "other")) };
        if targets.is_empty() {
            return;
        }
        let named: Vec<_> = targets.iter().take(NAMED).map(|target| plain(target)).collect();
        self.say(format!("- looked at {}{more} ({})", named.join(", "), count(reads.len(), "read")));
    }

    fn item(&mut self, at: &str, text: &str) {
        self.say(format!("- {at}: {text}"));
    }

    fn block(&mut self, language: &str, text: &str) {
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(longest.max(2) + 1);
        let _ = writeln!(self.text, "{fence}{language}");
        for line in escape::lines(text) {
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
        let _ = writeln!(self.text, "{fence}");
    }

    fn offset(&self, at: Timestamp) -> String {
        let since = self.start.map(|start| Duration::try_from(at.duration_since(start)).unwrap_or_default());
        format!("{} (+{})", at.strftime("%H:%M:%S"), took(since.unwrap_or_default()))
    }
}

/// Whether what happened is told elsewhere: by the table of changes, or by what follows.
fn says_nothing(event: &Event) -> bool {
    matches!(
        event,
        Event::Started(_)
            | Event::Settled { .. }
            | Event::ChangeAnswered { outcome: ChangeOutcome::Made { .. }, .. }
            | Event::Proved { outcome: ProofOutcome::CanBeEvaluated, .. }
    )
}

/// Text on one line, in the letters of code.
fn code(text: &str) -> String {
    let text = escape::joined(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Text on one line that Markdown shows as it stands.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in escape::joined(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '>' | '|' | '[' | ']' | '#' | '&') {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, event: Event) -> Line {
        Line { number, at: Timestamp::UNIX_EPOCH, event }
    }

    #[test]
    fn nothing_that_was_typed_or_read_becomes_markup() {
        assert_eq!(plain("a|b `c`\n*d*"), "a\\|b \\`c\\` \\*d\\*");
        let text = "``` # <b>\n````".to_owned();
        let record = [line(0, Event::Input { input: 1, text })];
        let markdown = markdown(&record, &BTreeMap::new());
        assert!(markdown.contains("`````rhai\n``` # <b>\n````\n`````\n"), "{markdown}");
    }

    #[test]
    fn what_came_of_an_input_stands_under_it() {
        let record = [
            line(0, Event::Input { input: 1, text: "1 + 1".into() }),
            line(1, Event::InputEnded { input: 1, took: Duration::ZERO, failure: None }),
            line(2, Event::Input { input: 2, text: "no".into() }),
            line(
                3,
                Event::InputEnded {
                    input: 2,
                    took: Duration::ZERO,
                    failure: Some(("a::b".into(), "there is no".into())),
                },
            ),
        ];
        let markdown = markdown(&record, &BTreeMap::from([(1, "2".into())]));
        let found = markdown.find("What came of input 1:\n\n```text\n2\n```").expect("the result");
        assert!(found < markdown.find("**failed**: there is no (`a::b`)").expect("the failure"), "{markdown}");
    }
}
