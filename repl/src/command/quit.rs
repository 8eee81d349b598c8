//! `:quit`.

use super::Command;
use crate::session::Next;

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":quit",
    takes: "",
    summary: "leaves; changes that nothing has proved are named first",
    help: "So does Ctrl-D. Changes that stay can be taken back later by `meshbook undo`.",
    body: |_, _| Ok(Next::Leave),
};
