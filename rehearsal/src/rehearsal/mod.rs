//! What came of a run in a test.

pub mod play;

use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::record::event::{Ended, Event, Line};
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Rehearsal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ended: Ended,
    lines: Vec<Line>,
}

impl Rehearsal {
    /// A run that has ended.
    pub fn new(ended: Ended, lines: Vec<Line>) -> Self {
        Rehearsal(Arc::new(Inner { ended, lines }))
    }

    /// How it ended.
    pub fn ended(&self) -> &Ended {
        &self.0.ended
    }

    /// The fields that it changed, or planned to: `DestinationRule summit/graph-core: spec.host`. What was taken back counts.
    pub fn changes(&self) -> Vec<String> {
        let fields = self.0.lines.iter().filter_map(|line| match &line.event {
            Event::Changing(changing) | Event::Planned(changing) => Some(changing),
            _ => None,
        });
        fields
            .flat_map(|changing| changing.fields.iter().map(|field| format!("{}: {}", changing.object, field.path)))
            .collect()
    }

    /// What it showed, warned of, checked and waited for, line by line.
    pub fn story(&self) -> String {
        let mut story: Vec<String> = Vec::new();
        for line in &self.0.lines {
            match &line.event {
                Event::StepStarted { title, .. } => story.push(format!("step {title}")),
                Event::Shown { table, .. } => {
                    story.push(table.title.clone());
                    story.extend(table.rows.iter().map(|row| format!("  {}", row.join("  "))));
                    story.extend(table.notes.iter().map(|note| format!("  {note}")));
                }
                Event::SettingBack { object, .. } => story.push(format!("set back too: {object}")),
                Event::Warning { message } => story.push(format!("warning: {message}")),
                Event::Checked { what, passed, detail } => {
                    let outcome = if *passed { "passed" } else { "failed" };
                    story.push(format!(
                        "check {outcome}: {what}{}",
                        detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default()
                    ));
                }
                Event::Proved { word, condition, outcome, seen, .. } => {
                    story.push(format!("{word} {outcome:?}: {condition}: {}", seen.as_deref().unwrap_or("-")));
                }
                _ => {}
            }
        }
        story.push(self.text());
        story.join("\n")
    }
}

impl Noun for Rehearsal {
    const NAME: &'static str = "Rehearsal";
    const DOC: &'static str = "What came of a run in a test.";

    fn text(&self) -> String {
        let ended = self.ended();
        format!("{}, exit {}: {}", ended.ending, ended.exit.code(), ended.message)
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        for change in self.changes() {
            table.note(change);
        }
        table
    }

    fn json(&self) -> Value {
        let ended = self.ended();
        json!({
            "ending": ended.ending, "exit_code": ended.exit.code(), "message": ended.message, "next": ended.next,
            "changes": self.changes(),
        })
    }
}
