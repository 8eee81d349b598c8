//! `:changes`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::ChangeState;
use meshbook_runtime::value::Table;

use super::Command;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":changes",
    takes: "",
    summary: "lists what this session has changed, and what has become of it",
    help: "A change is proved by a `wait`, `hold` or `check` that passes after it. Until then nothing says that it helped.\n`:undo N` takes back change N.",
    body,
};

fn body(session: &mut Session, _: &str) -> Result<Next, Failure> {
    let made = session.run().made();
    if made.is_empty() {
        session.front().print("Nothing was changed.");
        return Ok(Next::Go);
    }
    let mut table = Table::new("", &["N", "OBJECT", "CHANGE", "STATE"]);
    for (index, made) in made.iter().enumerate() {
        table.row([
            (index + 1).to_string(),
            made.changing.object.to_string(),
            made.changing.summary.clone(),
            state(&made.state),
        ]);
    }
    session.front().table(&table);
    Ok(Next::Go)
}

fn state(state: &ChangeState) -> String {
    match state {
        ChangeState::Unsettled => "in force, not proved".into(),
        ChangeState::Settled => "in force, proved".into(),
        ChangeState::TakenBack => "taken back".into(),
        ChangeState::LeftBehind(why) => format!("stays: {why}"),
    }
}
