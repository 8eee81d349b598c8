//! A run as a timeline: what happened when, for the post-mortem.

use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::record::event::{ChangeOutcome, Event, Line, ProofOutcome};

use super::look::Look;
use super::{closing, count, diff, escape, reporter, took};
use crate::report::Report;

/// The lines of a timeline. Reads that follow each other are counted, unless `every_read` is wanted.
pub fn lines(record: &[Line], every_read: bool, look: Look) -> Vec<String> {
    let mut timeline = Timeline {
        look,
        start: record.first().map(|line| line.at),
        report: Report::default(),
        reads: None,
        lines: Vec::new(),
    };
    for line in record {
        timeline.report.add(line);
        timeline.add(line, every_read);
    }
    timeline.flush_reads();
    timeline.lines
}

struct Timeline {
    look: Look,
    start: Option<Timestamp>,
    report: Report,
    /// When the first of these reads was, and how many there are.
    reads: Option<(Timestamp, usize)>,
    lines: Vec<String>,
}

impl Timeline {
    fn add(&mut self, line: &Line, every_read: bool) {
        let look = self.look;
        let at = line.at;
        if let Event::Looked { failure: None, .. } = &line.event
            && !every_read
        {
            let (_, number) = self.reads.get_or_insert((at, 0));
            *number += 1;
            return;
        }
        if let Event::Proved { outcome: ProofOutcome::CanBeEvaluated, .. } = &line.event {
            return;
        }
        self.flush_reads();
        match &line.event {
            Event::Started(started) => {
                self.say(
                    at,
                    "started",
                    format!(
                        "by {} on {}, {}{}",
                        escape::line(&started.user),
                        escape::line(&started.machine),
                        started.mode,
                        started
                            .second
                            .as_ref()
                            .map(|there| format!(", reads {} too", escape::line(&there.context)))
                            .unwrap_or_default()
                    ),
                );
            }
            Event::Input { input, text } => {
                let mut lines = escape::lines(text);
                let first = lines.next().unwrap_or_default();
                self.say(at, "input", format!("{} {}", look.dim(format!("{input}>")), look.bold(first)));
                self.below(lines.map(|line| look.bold(line)).collect());
            }
            Event::InputEnded { failure: None, .. } => {}
            Event::InputEnded { input, failure: Some((code, message)), .. } => {
                let input = look.dim(format!("{input}>"));
                self.say(at, "failed", format!("{input} {} {} [{code}]", look.failed(), escape::joined(message)));
            }
            Event::StepStarted { title, .. } => self.say(at, "step", look.bold(escape::joined(title))),
            Event::StepEnded { title, took: time, passed, .. } => {
                let how = if *passed { "ended well" } else { "failed" };
                self.say(at, "step", look.dim(format!("{} {how} after {}", escape::joined(title), took(*time))));
            }
            Event::Looked { effect, beside, failure, took: time, .. } => {
                let there = beside.as_deref().map(|there| format!("in {}: ", escape::line(there))).unwrap_or_default();
                let what = format!("{there}{}: {}", escape::line(&effect.target), escape::joined(&effect.summary));
                match failure {
                    None => self.say(at, "read", look.dim(format!("{what} ({} on the wall)", took(*time)))),
                    Some((code, message)) => {
                        self.say(at, "read", format!("{what}: {} {} [{code}]", look.failed(), escape::joined(message)))
                    }
                }
            }
            Event::Shown { table, .. } => self.say(at, "shown", escape::joined(&table.title)),
            Event::Checked { what, passed, detail } => {
                let mark = if *passed { look.ok() } else { look.failed() };
                let detail =
                    detail.as_deref().map(|detail| format!(" ({})", escape::joined(detail))).unwrap_or_default();
                self.say(at, "check", format!("{mark} {}{detail}", escape::joined(what)));
            }
            Event::Proved { word, condition, outcome, seen, took: time } => {
                let said = match outcome {
                    ProofOutcome::CanBeEvaluated => "can be evaluated:".into(),
                    ProofOutcome::Passed => look.ok(),
                    ProofOutcome::Failed => look.failed(),
                    ProofOutcome::Unverified => format!("{} no data:", look.failed()),
                    ProofOutcome::NotEvaluated => "not evaluated:".into(),
                };
                let seen = seen
                    .as_deref()
                    .map(|seen| look.dim(format!(" (last seen: {})", escape::joined(seen))))
                    .unwrap_or_default();
                self.say(at, word, format!("{said} {} for {}{seen}", escape::joined(condition), took(*time)));
            }
            Event::Changing(changing) => {
                self.say(
                    at,
                    changing.verb(),
                    format!(
                        "{}: {}",
                        look.name(escape::line(&changing.object.to_string())),
                        escape::joined(&changing.summary)
                    ),
                );
                self.below(diff::lines(&changing.fields, look));
            }
            Event::Planned(changing) => {
                self.say(
                    at,
                    "planned",
                    format!(
                        "{}: {}",
                        look.name(escape::line(&changing.object.to_string())),
                        escape::joined(&changing.summary)
                    ),
                );
                self.below(diff::lines(&changing.fields, look));
            }
            Event::ChangeAnswered { change, outcome } => {
                let object = self.report.object_of(*change);
                let said = match outcome {
                    ChangeOutcome::Made { .. } => format!("{} made", look.ok()),
                    ChangeOutcome::NotMade { failure } => {
                        format!("{} not made: {} [{}]", look.failed(), escape::joined(&failure.1), failure.0)
                    }
                    ChangeOutcome::Unknown { failure } => {
                        format!("{} unknown: {} [{}]", look.open(), escape::joined(&failure.1), failure.0)
                    }
                };
                self.say(at, "answer", format!("{}: {said}", escape::line(&object)));
            }
            Event::NotEvaluated { what } => self.say(at, "plan", format!("not evaluated: {}", escape::joined(what))),
            Event::Settled { changes } => {
                let objects: Vec<_> = changes.iter().map(|change| self.report.object_of(*change)).collect();
                self.say(
                    at,
                    "settled",
                    format!("{}: {}", count(changes.len(), "change"), escape::line(&objects.join(", "))),
                );
            }
            Event::TakingBack { change, why } => {
                let object = self.report.object_of(*change);
                self.say(at, "undo", format!("{}, because {}", look.name(escape::line(&object)), escape::joined(why)));
            }
            Event::TakenBack { outcome, .. } => {
                let said = reporter::undone(outcome, look);
                let mut said = said.into_iter();
                if let Some(first) = said.next() {
                    self.say(at, "undo", first);
                }
                self.below(said.collect());
            }
            Event::Undoing { user, machine } => {
                self.say(at, "undo", format!("by {} on {}", escape::line(user), escape::line(machine)))
            }
            Event::SettingBack { object, fields, .. } => {
                let text =
                    format!("{}, which goes before: {}", escape::line(&object.to_string()), reporter::set_back(fields));
                self.say(at, "undo", text);
            }
            Event::Warning { message } => self.say(at, "warning", look.notice(escape::joined(message))),
            Event::Ended(ended) => {
                let code = ended.exit.code();
                // An undo proves nothing of the mesh.
                let undone = ended.ending == "undone" && code == 0;
                let meaning = if undone { "everything is as before" } else { closing::meaning(code) };
                let text = format!("{}: {} (exit {code}: {meaning})", ended.ending, escape::joined(&ended.message));
                self.say(at, "ended", look.bold(text));
            }
        }
    }

    fn flush_reads(&mut self) {
        if let Some((at, number)) = self.reads.take() {
            self.say(at, "read", self.look.dim(count(number, "read")));
        }
    }

    fn say(&mut self, at: Timestamp, word: &str, text: impl std::fmt::Display) {
        let offset =
            self.start.map_or(Duration::ZERO, |start| Duration::try_from(at.duration_since(start)).unwrap_or_default());
        self.lines.push(format!(
            "{} {} {text}",
            self.look.dim(format!("{:>8}", format!("+{}", took(offset)))),
            self.look.dim(format!("{word:<8}"))
        ));
    }

    fn below(&mut self, lines: Vec<String>) {
        self.lines.extend(lines.into_iter().map(|line| format!("{:20}{line}", "")));
    }
}
