//! A session as a runbook: its inputs become steps, its results variables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use meshbook_runtime::engine::results;
use meshbook_runtime::run::{ChangeState, Made};

use crate::session::Kept;

/// Lines of a result that are kept as a comment.
const LINES: usize = 5;

/// What a person has to look at before the runbook is one.
const REMINDER: &str = "// REMINDER:";

/// An input as it is written down.
struct Item<'a> {
    number: u64,
    /// As it was typed.
    typed: &'a str,
    /// The first line of it, with variables for the results that it speaks of.
    title: String,
    /// As a runbook says it; why it cannot, if it cannot.
    said: Result<String, String>,
    outcome: &'a str,
    place: Place,
    /// Whether it changed something that still stands, and whether all of that is proved.
    changed: Option<bool>,
    proves: bool,
}

/// Where an input goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Into a step.
    Step,
    /// Beside the steps: it has steps, functions or imports of its own.
    Alone,
    /// It ends the runbook.
    End,
}

/// The inputs of a run as a runbook. `results` are the texts of all inputs that had a value, those of `:x` and `:watch` too.
pub(crate) fn runbook(kept: &[Kept], results: &BTreeMap<u64, String>, made: &[Made], run: &str) -> String {
    let items = items(kept, results, made);
    let mut text = format!(
        "//! What was done at the prompt in run {run}.\n//!\n//! Say here what the symptom is, what this does, and what it never does.\n"
    );
    let mut rest = &items[..];
    while let Some(first) = rest.first() {
        let length = together(rest);
        let (group, after) = rest.split_at(length);
        rest = after;
        if first.place != Place::End {
            text.push('\n');
            write_group(&mut text, group);
        }
    }
    if let Some(ending) = items.last().filter(|item| item.place == Place::End) {
        let _ = writeln!(text, "\n{}", ended(ending.typed));
        return text;
    }
    let standing = || made.iter().filter(|made| made.stands());
    let is_proved = standing().next().is_some() && standing().all(|made| made.state == ChangeState::Settled);
    let ending = match is_proved {
        true => "fixed(\"what was changed at the prompt is proved\");",
        false => "not_this(\"the steps of a prompt came to their end\");",
    };
    let _ = writeln!(text, "\n{REMINDER} say how this ends: fixed, found, not_this or cannot_tell.\n{ending}");
    text
}

fn items<'a>(kept: &'a [Kept], results: &'a BTreeMap<u64, String>, made: &[Made]) -> Vec<Item<'a>> {
    let needed = needed(kept, results);
    let last = kept.last().map(|kept| kept.number);
    let typed_now = kept.iter().map(|kept| (kept.number, (kept.text.trim(), Some(kept))));
    // What was only looked at is written down where a later input speaks of it.
    let looked = results.iter().filter(|(number, _)| needed.contains(number));
    let mut all: BTreeMap<u64, (&str, Option<&Kept>)> =
        looked.map(|(number, text)| (*number, (text.trim(), None))).collect();
    all.extend(typed_now);
    let of = |(number, (typed, kept)): (u64, (&'a str, Option<&'a Kept>))| {
        let own: Vec<_> = made.iter().filter(|made| kept.is_some_and(|kept| kept.made(made.number))).collect();
        let standing: Vec<_> = own.iter().filter(|made| made.stands()).collect();
        let said = if !own.is_empty() && standing.is_empty() && !typed.starts_with("let ") {
            Err("it was taken back at the prompt".into())
        } else {
            said(number, typed, results, &needed)
        };
        let place = match kept {
            Some(kept) if kept.ended && Some(number) == last => Place::End,
            _ if !typed.starts_with(':') && results::stands_alone(typed) => Place::Alone,
            _ => Place::Step,
        };
        let said = match (kept, place) {
            (Some(kept), Place::Step | Place::Alone) if kept.ended && said.is_ok() => {
                Err("it would end the runbook here".into())
            }
            _ => said,
        };
        let title = results::renamed(typed, &|name| meant(name, number, results).map(variable));
        Item {
            number,
            typed,
            title: title.lines().next().unwrap_or_default().replace('\\', "").replace('"', "'"),
            said,
            outcome: kept.map_or("", |kept| &kept.outcome),
            place,
            changed: (!standing.is_empty()).then(|| standing.iter().all(|made| made.state == ChangeState::Settled)),
            proves: results::proves(typed),
        }
    };
    all.into_iter().map(of).collect()
}

/// The number of the input that a name of the prompt means where it stands.
fn meant(name: &str, at: u64, results: &BTreeMap<u64, String>) -> Option<u64> {
    match name.strip_prefix('_')? {
        "" => results.range(..at).next_back().map(|(number, _)| *number),
        digits => digits.parse().ok().filter(|number| *number < at && results.contains_key(number)),
    }
}

/// The numbers of the inputs whose results later ones speak of.
fn needed(kept: &[Kept], results: &BTreeMap<u64, String>) -> BTreeSet<u64> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<(u64, &str)> = kept.iter().map(|kept| (kept.number, kept.text.as_str())).collect();
    while let Some((at, text)) = open.pop() {
        for name in results::mentioned(text) {
            if let Some(number) = meant(&name, at, results)
                && needed.insert(number)
            {
                open.push((number, &results[&number]));
            }
        }
    }
    needed
}

/// An input as a runbook says it.
fn said(number: u64, typed: &str, results: &BTreeMap<u64, String>, needed: &BTreeSet<u64>) -> Result<String, String> {
    if typed.starts_with(':') {
        return Err("a runbook is run by itself".into());
    }
    for name in results::mentioned(typed) {
        // What a text speaks of stands before it, so this comes to an end.
        let known = |of: u64| said(of, results[&of].trim(), results, needed).is_ok();
        if !meant(&name, number, results).is_some_and(known) {
            return Err(format!("`{name}` is known at the prompt alone"));
        }
    }
    let name_of = |name: &str| meant(name, number, results).map(variable);
    let renamed = results::renamed(typed, &name_of);
    if !needed.contains(&number) {
        return Ok(renamed);
    }
    let name = variable(number);
    results::bound(&renamed, &name).ok_or_else(|| format!("write its result into `{name}`: a later input speaks of it"))
}

fn variable(number: u64) -> String {
    format!("result_{number}")
}

/// How many items are one step: a change with the inputs up to its proof, so that the proof can be looked at before it.
fn together(items: &[Item]) -> usize {
    let first = &items[0];
    let is_open = first.changed == Some(true) && first.place == Place::Step && first.said.is_ok() && !first.proves;
    let proof = || {
        items
            .iter()
            .skip(1)
            .take_while(|item| item.place == Place::Step && item.said.is_ok())
            .position(|item| item.proves)
    };
    if !is_open {
        return 1;
    }
    proof().map_or(1, |index| index + 2)
}

fn write_group(text: &mut String, group: &[Item]) {
    let first = &group[0];
    match (&first.said, first.place) {
        (Err(why), _) => {
            let _ = writeln!(text, "{REMINDER} input {} is left out: {why}.", first.number);
            first.typed.lines().for_each(|line| comment(text, line));
        }
        (Ok(said), Place::Alone) => {
            let _ = writeln!(text, "{}", ended(said));
            outcome(text, "", first.outcome);
        }
        (Ok(_), _) => {
            let _ = writeln!(text, "step \"{}: {}\" {{", first.number, first.title);
            for item in group {
                let said = item.said.as_deref().unwrap_or_default();
                // Lines of a text in back-ticks are its own; whoever indents them changes it.
                let indent = if said.contains('`') && said.contains('\n') { "" } else { "    " };
                ended(said).lines().for_each(|line| {
                    let _ = writeln!(text, "{}", format!("{indent}{line}").trim_end());
                });
                outcome(text, "    ", item.outcome);
            }
            if group.iter().any(|item| item.changed == Some(false)) {
                let _ = writeln!(text, "    {REMINDER} prove this change: `wait 3m until {{ … }};`");
            }
            text.push_str("}\n");
        }
    }
}

fn outcome(text: &mut String, indent: &str, outcome: &str) {
    for line in outcome.lines().take(LINES).filter(|line| !line.trim().is_empty()) {
        text.push_str(indent);
        comment(text, line);
    }
}

fn comment(text: &mut String, line: &str) {
    let _ = writeln!(text, "// {}", line.trim_end());
}

/// A statement that ends.
fn ended(source: &str) -> String {
    let ends = source.ends_with([';', '}']) && !source.trim_start().starts_with("let ") || source.ends_with(';');
    format!("{source}{}", if ends { "" } else { ";" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u64, text: &str) -> Kept {
        Kept { number, text: text.into(), outcome: String::new(), lines: (number * 10, number * 10 + 9), ended: false }
    }

    #[test]
    fn results_become_variables_where_they_come_from() {
        let inputs =
            [kept(1, "host(\"a\")"), kept(2, "_.rules()"), kept(4, "_1.refusals(over(\"30s\"))"), kept(6, "_ + 1")];
        let mut results: BTreeMap<u64, String> = inputs.iter().map(|kept| (kept.number, kept.text.clone())).collect();
        results.insert(5, "_2.len()".into());
        let text = runbook(&inputs, &results, &[], "X");
        let at: Vec<_> = [
            "let result_1 = host(\"a\");",
            "let result_2 = result_1.rules();",
            "    result_1.refusals(over(\"30s\"));",
            "let result_5 = result_2.len();",
            "    result_5 + 1;",
        ]
        .map(|part| text.find(part).unwrap_or_else(|| panic!("{part} is not in\n{text}")))
        .into();
        assert!(at.is_sorted(), "{text}");
        assert!(text.ends_with("not_this(\"the steps of a prompt came to their end\");\n"), "{text}");
    }

    #[test]
    fn what_a_runbook_cannot_say_is_left_out_with_the_reason() {
        let inputs = [kept(1, ":run other a=1"), kept(2, "_error.code"), kept(3, "_1 + 1"), kept(4, "_2.len()")];
        let results = inputs.iter().map(|kept| (kept.number, kept.text.clone())).collect();
        let text = runbook(&inputs, &results, &[], "X");
        for part in [
            "// REMINDER: input 1 is left out: a runbook is run by itself.\n// :run other a=1",
            "// REMINDER: input 2 is left out: `_error` is known at the prompt alone.",
            "// REMINDER: input 3 is left out: `_1` is known at the prompt alone.",
            "// REMINDER: input 4 is left out: `_2` is known at the prompt alone.",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("step \""), "{text}");
    }

    #[test]
    fn an_ending_that_was_typed_last_is_the_ending() {
        let last = Kept { ended: true, ..kept(2, "found(\"overload\", \"the callers ask too much\")") };
        let early = Kept { ended: true, ..kept(1, "not_this(\"well\")") };
        let text = runbook(&[early, last], &BTreeMap::new(), &[], "X");
        assert!(text.contains("input 1 is left out: it would end the runbook here"), "{text}");
        assert!(text.ends_with("\nfound(\"overload\", \"the callers ask too much\");\n"), "{text}");
    }
}
