//! `meshbook explain`: what a code means, at length.

use meshbook_runtime::failure::{Code, Failure, UNKNOWN_NAME, nearest};
use serde_json::{Value, json};

use crate::Session;
use crate::arguments::{Explain, Format};
use crate::document;
use crate::terminal::closing::meaning;
use crate::terminal::look::Look;
use crate::trouble::Trouble;

/// Explains a code, or lists all.
pub fn explain(arguments: &Explain, session: &Session) -> Result<u8, Trouble> {
    let codes = session.codes();
    let Some(wanted) = &arguments.code else {
        if session.format == Format::Table {
            let rows: Vec<_> = codes
                .iter()
                .map(|code| {
                    vec![code.name.to_owned(), code.exit.code().to_string(), first_sentence(code.explain).to_owned()]
                })
                .collect();
            document::lines(crate::terminal::grid::lines(
                &["CODE", "EXIT", "MEANING"],
                &rows,
                session.screen.look(),
                0,
            ));
        } else {
            document::write(session.format, &codes.iter().map(|code| value(code)).collect::<Vec<_>>());
        }
        return Ok(0);
    };
    let code = find(wanted, &codes)?;
    if session.format == Format::Table {
        document::lines(lines(code, session.screen.look()));
    } else {
        document::write(session.format, &value(code));
    }
    Ok(0)
}

/// What a code means, at length.
pub fn lines(code: &Code, look: Look) -> Vec<String> {
    let handled = if code.catchable { "A script may handle it." } else { "A script cannot handle it." };
    let exit = format!("Exit {}: {}. {handled}", code.exit.code(), meaning(code.exit.code()));
    let mut lines = vec![look.bold(code.name), String::new()];
    lines.extend(code.explain.lines().map(str::to_owned));
    lines.extend([String::new(), exit]);
    lines
}

fn value(code: &Code) -> Value {
    json!({ "code": code.name, "exit_code": code.exit.code(), "catchable": code.catchable, "explanation": code.explain })
}

fn first_sentence(text: &str) -> &str {
    // A dot inside of a path or a version ends nothing.
    let ends = |(place, c): &(usize, char)| {
        matches!(c, '.' | ':') && text[place + 1..].chars().next().is_none_or(char::is_whitespace)
    };
    text.char_indices().find(ends).map_or(text, |(place, _)| &text[..place])
}

/// A code by its name or the end of it.
///
/// # Errors
/// When there is none, or several; with the nearest name.
pub fn find<'a>(wanted: &str, codes: &[&'a Code]) -> Result<&'a Code, Failure> {
    let short = |code: &'a Code| code.name.strip_prefix("meshbook::").unwrap_or(code.name);
    let exact = codes.iter().copied().find(|code| code.name == wanted || short(code) == wanted);
    let by_end: Vec<_> = codes.iter().copied().filter(|code| code.name.ends_with(&format!("::{wanted}"))).collect();
    match (exact, by_end.as_slice()) {
        (Some(code), _) | (None, &[code]) => Ok(code),
        (None, several) => {
            let hint = if several.is_empty() {
                let names = codes
                    .iter()
                    .flat_map(|code| [code.name, short(code), code.name.rsplit("::").next().unwrap_or(code.name)]);
                nearest(wanted, names).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default()
            } else {
                let names: Vec<_> = several.iter().map(|code| code.name).collect();
                format!("there are {}; ", names.join(" and "))
            };
            Err(Failure::new(&UNKNOWN_NAME, format!("there is no code `{wanted}`"))
                .hint(format!("{hint}`meshbook explain` lists all codes")))
        }
    }
}

#[cfg(test)]
mod tests {
    use meshbook_runtime::failure::CODES;

    use super::*;

    #[test]
    fn a_code_is_found_by_its_name_or_its_end() {
        for wanted in ["meshbook::gate::denied", "gate::denied", "denied"] {
            assert_eq!(find(wanted, CODES).map(|code| code.name).ok(), Some("meshbook::gate::denied"), "{wanted}");
        }
        let hint = find("deneid", CODES).err().and_then(|failure| failure.hint).unwrap_or_default();
        assert!(hint.contains("did you mean `denied`?"), "{hint}");
    }
}
