//! Text on its way to the terminal; the command's own module, as it is compiled there.
//!
//! Beyond "no panic": no control character and no mark that turns the direction of text is left, lines stay lines, and
//! text without any of them stays as it is.

#[path = "../../../../src/terminal/escape.rs"]
#[allow(dead_code, missing_docs, reason = "a private module of the command, of which a part is called here")]
mod command;

fn is_safe(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control()
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    })
}

/// See the module.
pub fn run(text: &str) {
    let line = command::line(text);
    assert!(is_safe(&line), "{line:?}");
    assert_eq!(command::line(&line), line);
    assert!(is_safe(&command::joined(text)));
    assert!(command::lines(text).all(|line| is_safe(&line)));
    assert_eq!(command::lines(text).count(), text.lines().count());
}
