//! `:watch 5s EXPR [COUNT]`.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use meshbook_runtime::engine::prompt::Completeness;
use meshbook_runtime::failure::{DENIED, Failure, PARAM};
use meshbook_runtime::value::{Span, Table};
use meshbook_stdlib::show;
use meshbook_stdlib::text::count;

use super::{Command, misused};
use crate::front::Seen;
use crate::session::{Next, Session};

/// Where time is virtual a pause takes none, so a person sees nothing; at most so long is waited on the wall.
const GLANCE: Duration = Duration::from_millis(500);

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":watch",
    takes: "DURATION EXPR [COUNT]",
    summary: "shows an expression again and again, and marks what has changed",
    help: "`:watch 5s host(\"graph-core\").refusals(over(\"30s\"))` shows it every 5 s, until Ctrl-C or COUNT times.\nA cell that has changed has a `*`. When it ends, what was seen last stays on the screen. It only looks: an expression that may change something is refused.",
    body,
};

fn body(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let (span, rest) = text.split_once(char::is_whitespace).ok_or_else(|| misused(&COMMAND))?;
    let span: Span = span.parse().map_err(|why: String| Failure::new(&PARAM, why))?;
    let (expression, times) = counted(rest.trim(), &Completeness::default());
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
    let mut place = front.watching();
    let answer = session.interruptible(|prompt, cancel| {
        let interrupted = cancel.clone();
        prompt.repeat(&typed, expression, span.0, cancel, &mut |value| {
            rounds += 1;
            let now = show::table(value);
            let mut seen = compared(before.as_ref(), &now);
            seen.caption = caption(&seen, expression, span, rounds);
            before = Some(now);
            front.clear();
            place.see(seen);
            let more = times.is_none_or(|times| rounds < times);
            if more && virtual_time {
                glance(span.0, &|| interrupted.is_cancelled());
            }
            more
        })
    });
    drop(place);
    session.show_end(&answer);
    Ok(Next::Go)
}

/// What is looked at, and what has changed, in words.
fn caption(seen: &Seen, expression: &str, span: Span, rounds: u64) -> String {
    let what = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    let news = match (rounds, seen.cells.len(), seen.gone.len()) {
        (1, ..) => String::new(),
        _ if seen.is_unchanged() => format!(", unchanged after {span}"),
        (_, cells, gone) => {
            let cells = (cells > 0).then(|| format!(", {} changed *", count(cells, "cell", "cells")));
            let gone = (gone > 0).then(|| format!(", {} gone", count(gone, "row", "rows")));
            [cells, gone].into_iter().flatten().collect()
        }
    };
    format!("{what}: look {rounds}, every {span}{news}")
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

/// What has changed since the last look: nothing at the first.
fn compared(before: Option<&Table>, now: &Table) -> Seen {
    let mut seen = Seen { table: now.clone(), ..Seen::default() };
    let Some(before) = before else { return Seen { otherwise_changed: true, ..seen } };
    seen.title_changed = before.title != now.title;
    seen.otherwise_changed = before.columns != now.columns || before.notes != now.notes;
    // Rows are the same by their first cell; where several have the same, by their order.
    let mut old: HashMap<&str, VecDeque<&Vec<String>>> = HashMap::new();
    for row in &before.rows {
        old.entry(key(row)).or_default().push_back(row);
    }
    for (number, row) in now.rows.iter().enumerate() {
        let was = old.get_mut(key(row)).and_then(VecDeque::pop_front);
        let changed = (0..row.len()).filter(|index| was.is_none_or(|was| was.get(*index) != row.get(*index)));
        seen.cells.extend(changed.map(|column| (number, column)));
    }
    for row in &before.rows {
        if old.get_mut(key(row)).and_then(VecDeque::pop_front).is_some() {
            seen.gone.push(key(row).to_owned());
        }
    }
    seen
}

fn key(row: &[String]) -> &str {
    row.first().map_or("", String::as_str)
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
        let seen = compared(Some(&before), &now);
        assert_eq!(seen.cells.iter().copied().collect::<Vec<_>>(), [(0, 1), (1, 0), (1, 1)]);
        assert_eq!(seen.gone, ["b"]);
        let second = Span(Duration::from_secs(1));
        assert_eq!(caption(&seen, "pods()", second, 2), "pods(): look 2, every 1s, 3 cells changed *, 1 row gone");
        let same = compared(Some(&now), &now);
        assert!(same.is_unchanged() && !compared(None, &now).is_unchanged());
        assert_eq!(caption(&same, "pods()", second, 3), "pods(): look 3, every 1s, unchanged after 1s");
    }

    #[test]
    fn rows_of_the_same_name_are_told_apart_by_their_order() {
        let mut before = Table::new("", &["PROXY", "FIELD", "IS"]);
        before.row(["a".into(), "x".into(), "1".into()]).row(["a".into(), "y".into(), "1".into()]);
        let mut now = before.clone();
        now.rows[1][2] = "2".into();
        assert_eq!(compared(Some(&before), &now).cells.into_iter().collect::<Vec<_>>(), [(1, 2)]);
    }
}
