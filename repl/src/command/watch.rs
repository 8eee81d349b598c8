//! `:watch 5s EXPR [COUNT]`.

use std::time::Duration;

use meshbook_runtime::engine::prompt::Completeness;
use meshbook_runtime::failure::{DENIED, Failure, PARAM};
use meshbook_runtime::value::{Span, Table};
use meshbook_stdlib::show;

use super::{Command, misused};
use crate::front::Ink;
use crate::session::{Next, Session};

/// Where time is virtual a pause takes none, so a person sees nothing; at most so long is waited on the wall.
const GLANCE: Duration = Duration::from_millis(500);

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":watch",
    takes: "DURATION EXPR [COUNT]",
    summary: "shows an expression again and again, and marks what has changed",
    help: "`:watch 5s host(\"graph-core\").refusals(over(\"30s\"))` shows it every 5 s, until Ctrl-C or COUNT times.\nA cell that has changed has a `*`. It only looks: an expression that may change something is refused.",
    body,
};

fn body(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let (span, rest) = text.split_once(char::is_whitespace).ok_or_else(|| misused(&COMMAND))?;
    let span: Span = span.parse().map_err(|why: String| Failure::new(&PARAM, why))?;
    let (expression, count) = counted(rest.trim(), &Completeness::default());
    match session.prompt.may_change(expression) {
        Ok(None) => {}
        Ok(Some(name)) => {
            return Err(Failure::new(&DENIED, format!("`{name}` may change something, and a watch only looks"))
                .unchanged("nothing was done"));
        }
        Err(diagnostic) => return Err(diagnostic.failure),
    }
    let front = session.shared_front();
    let virtual_time = session.virtual_time;
    let typed = format!(":watch {text}");
    let (mut before, mut rounds) = (None::<Table>, 0_u64);
    let answer = session.interruptible(|prompt, cancel| {
        let interrupted = cancel.clone();
        prompt.repeat(&typed, expression, span.0, cancel, &mut |value| {
            rounds += 1;
            let now = show::table(value);
            front.clear();
            match before.as_ref().map(|before| marked(before, &now)) {
                None => front.table(&now),
                Some(None) => front.print(&front.paint(Ink::Dim, &format!("unchanged after {span}"))),
                Some(Some(marked)) => front.table(&marked),
            }
            before = Some(now);
            let more = count.is_none_or(|count| rounds < count);
            if more && virtual_time {
                glance(span.0, &|| interrupted.is_cancelled());
            }
            more
        })
    });
    session.show_end(&answer);
    Ok(Next::Go)
}

/// The expression, and how often it is shown: a number that stands behind an expression that is complete without it.
fn counted<'a>(text: &'a str, completeness: &Completeness) -> (&'a str, Option<u64>) {
    let Some((expression, last)) = text.rsplit_once(char::is_whitespace) else { return (text, None) };
    match last.parse() {
        Ok(count) if !completeness.is_complete(text) && completeness.is_complete(expression) => {
            (expression.trim_end(), Some(count))
        }
        _ => (text, None),
    }
}

/// The table with a mark at each cell that has changed, and at each row that is new; `None` if nothing has.
fn marked(before: &Table, now: &Table) -> Option<Table> {
    if before == now {
        return None;
    }
    let mut marked = now.clone();
    if before.title != now.title {
        marked.title.push_str(" *");
    }
    for row in &mut marked.rows {
        let old = before.rows.iter().find(|old| old.first() == row.first());
        for (index, cell) in row.iter_mut().enumerate() {
            if old.is_none_or(|old| old.get(index) != Some(cell)) {
                cell.push_str(" *");
            }
        }
    }
    let gone = before.rows.iter().filter(|old| !now.rows.iter().any(|row| row.first() == old.first()));
    for name in gone.filter_map(|row| row.first()) {
        marked.note(format!("gone: {name}"));
    }
    Some(marked)
}

/// Lets a person look.
fn glance(span: Duration, interrupted: &dyn Fn() -> bool) {
    let tick = Duration::from_millis(20);
    let mut left = span.min(GLANCE);
    while !left.is_zero() && !interrupted() {
        std::thread::sleep(tick.min(left));
        left = left.saturating_sub(tick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_stands_behind_an_expression_that_is_complete_without_it() {
        let completeness = Completeness::default();
        for (text, expression, count) in [
            ("host(\"a\") 3", "host(\"a\")", Some(3)),
            ("host(\"a\")", "host(\"a\")", None),
            ("1 + 2", "1 + 2", None),
            ("x", "x", None),
        ] {
            assert_eq!(counted(text, &completeness), (expression, count), "{text}");
        }
    }

    #[test]
    fn what_changed_came_or_went_is_marked() {
        let mut before = Table::new("2 pods", &["NAME", "READY"]);
        before.row(["a".into(), "1/1".into()]).row(["b".into(), "1/1".into()]);
        let mut now = Table::new("2 pods", &["NAME", "READY"]);
        now.row(["a".into(), "0/1".into()]).row(["c".into(), "1/1".into()]);
        let marked = marked(&before, &now).unwrap_or_default();
        assert_eq!(marked.rows, [["a", "0/1 *"], ["c *", "1/1 *"]]);
        assert_eq!(marked.notes, ["gone: b"]);
        assert_eq!(super::marked(&now, &now), None);
    }
}
