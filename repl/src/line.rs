//! The line in front of what is typed: where one is, what may happen there, what can be taken back.

use meshbook_runtime::run::{ChangeState, Made, Run};

use crate::front::{Front, Ink};
use crate::{Kind, Place};

/// The prompt, without colours and with them; both are equally wide.
pub(crate) fn prompt(place: &Place, run: &Run, front: &dyn Front) -> (String, String) {
    let made = run.made();
    let (kind, ink) = match place.kind {
        Kind::Live => ("LIVE", Ink::Bad),
        Kind::Lab => ("LAB", Ink::Good),
        Kind::Replay => ("REPLAY", Ink::Good),
    };
    let mut notes = Vec::new();
    if run.is_read_only() {
        notes.push("read-only".to_owned());
    }
    notes.extend(open(&made));
    let rest = format!(" {}/{}", plain(&place.name), plain(&place.namespace));
    let notes = if notes.is_empty() { String::new() } else { format!(" [{}]", notes.join(", ")) };
    let raw = format!("{kind}{rest}{notes}> ");
    let painted = format!("{}{rest}{}> ", front.paint(ink, kind), front.paint(Ink::Notice, &notes));
    (raw, painted)
}

/// What can be taken back, in words.
fn open(made: &[Made]) -> Option<String> {
    let standing = made.iter().filter(|change| change.stands()).count();
    let unproved = made.iter().filter(|change| change.state == ChangeState::Unsettled).count();
    match (standing, unproved) {
        (0, _) => None,
        (standing, 0) => Some(format!("{standing} undoable")),
        (standing, unproved) => Some(format!("{standing} undoable, {unproved} unproved")),
    }
}

/// A name from a kubeconfig, made safe for the line that is edited.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
