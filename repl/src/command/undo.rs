//! `:undo [N]`.

use meshbook_runtime::failure::{Failure, UNDO_NOTHING};

use super::{Command, misused};
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":undo",
    takes: "[N]",
    summary: "takes back the last change, or change N of :changes",
    help: "Field by field: a field that somebody else has changed since is shown and left alone.\nNothing cuts it short, so that no object is left half taken back.",
    body,
};

fn body(session: &mut Session, number: &str) -> Result<Next, Failure> {
    let standing = session.standing();
    let wanted = match number {
        "" => standing.last(),
        number => {
            let number: usize = number.parse().map_err(|_| misused(&COMMAND))?;
            standing.iter().find(|(of, _)| *of == number)
        }
    };
    let Some((_, made)) = wanted else {
        let what =
            if number.is_empty() { "nothing stands".to_owned() } else { format!("change {number} does not stand") };
        return Err(Failure::new(&UNDO_NOTHING, what).hint(":changes lists the changes of this session"));
    };
    session.run().take_back_numbers(&[made.number], "you asked to undo it");
    session.front().clear();
    Ok(Next::Go)
}
