//! A runbook that asks before each change.

use super::{QUESTION, Terminal};

/// Two changes in one step, one in the next; the second step proves.
const CHANGES: &str = r#"//! Changes limits.
let pool = |limits| #{ spec: #{ trafficPolicy: #{ connectionPool: limits } } };
step "Two limits" {
    k8s::patch("destinationrule", "catalog", pool.call(#{ tcp: #{ maxConnections: 300 } }));
    k8s::patch("destinationrule", "catalog", pool.call(#{ http: #{ http1MaxPendingRequests: 300 } }));
    check("they are set", true);
}
step "And an annotation" {
    k8s::annotate("destinationrule", "catalog", #{ note: "a\u001b[31mred\u202e" });
    check("it is set", true);
}
fixed("all is set");
"#;

#[test]
fn each_change_is_shown_before_it_is_made_and_help_says_what_the_keys_do() {
    let mut terminal = Terminal::run(CHANGES, &[], &[]);
    terminal.shows(QUESTION, 1);
    for part in [
        "LAB healthy",
        "DestinationRule summit/catalog",
        "- spec.trafficPolicy.connectionPool.tcp.maxConnections: ",
        "maxConnections: 300",
    ] {
        terminal.shows(part, 1);
    }
    assert!(!terminal.text().contains("made"), "nothing is made before the answer:\n{}", terminal.text());
    terminal.types("?\r");
    terminal.shows("take back everything", 1);
    terminal.types("maybe\r");
    terminal.shows("is not one of", 1);
    terminal.types("\r");
    terminal.shows(QUESTION, 4);
    terminal.types("y\r");
    terminal.shows(QUESTION, 5);
    terminal.types("y\r");
    terminal.shows(QUESTION, 6);
    terminal.types("yes\r");
    assert_eq!(terminal.ends(), 0, "{}", terminal.text());
    terminal.shows("✓ Fixed: all is set", 1);
    assert_eq!(
        terminal.text().matches("+ spec.trafficPolicy.connectionPool.tcp.maxConnections: 300").count(),
        1,
        "a difference is shown once"
    );
}

#[test]
fn all_of_this_step_asks_again_in_the_next() {
    let mut terminal = Terminal::run(CHANGES, &[], &[]);
    terminal.shows(QUESTION, 1);
    terminal.types("a\r");
    terminal.shows(QUESTION, 2);
    terminal.shows("+ spec.trafficPolicy.connectionPool.http.http1MaxPendingRequests: 300", 1);
    terminal.types("n\r");
    assert_eq!(terminal.ends(), 3, "{}", terminal.text());
    assert_eq!(terminal.text().matches(QUESTION).count(), 2, "{}", terminal.text());
    terminal.shows("proved, stays", 2);
}

#[test]
fn undo_so_far_takes_back_what_was_proved_too() {
    let mut terminal = Terminal::run(CHANGES, &[], &[]);
    terminal.shows(QUESTION, 1);
    terminal.types("a\r");
    terminal.shows(QUESTION, 2);
    terminal.types("u\r");
    terminal.ends();
    terminal.shows("as before, the owners of its fields too", 2);
    assert!(!terminal.text().contains("stays"), "{}", terminal.text());
}

#[test]
fn the_end_of_the_input_and_control_c_change_nothing() {
    for (keys, code) in [("\u{4}", 3), ("s\r", 3), ("n\r", 3), ("\u{3}", 130)] {
        let mut terminal = Terminal::run(CHANGES, &[], &[]);
        terminal.shows(QUESTION, 1);
        terminal.types(keys);
        assert_eq!(terminal.ends(), code, "{keys:?}:\n{}", terminal.text());
        terminal.shows("changed  nothing", 1);
    }
}

#[test]
fn control_characters_of_an_object_do_not_reach_the_terminal() {
    let mut terminal = Terminal::run(CHANGES, &[], &[("NO_COLOR", "1")]);
    terminal.shows(QUESTION, 1);
    terminal.types("a\r");
    terminal.shows(QUESTION, 2);
    terminal.shows("\\u001b[31mred\\u{202e}", 1);
    terminal.types("y\r");
    assert_eq!(terminal.ends(), 0, "{}", terminal.text());
    let raw = terminal.raw.lock().unwrap().clone();
    let raw = String::from_utf8_lossy(&raw);
    assert!(!raw.contains("\u{1b}[31m") && !raw.contains('\u{202e}'), "{raw:?}");
}

#[test]
fn an_approval_beforehand_asks_nothing_and_no_color_is_obeyed() {
    for (args, environment) in [(&["--no-color"][..], &[][..]), (&[][..], &[("NO_COLOR", "1")][..])] {
        let mut terminal = Terminal::run(CHANGES, &[&["--approve", "destinationrule"][..], args].concat(), environment);
        terminal.ends();
        assert!(!terminal.text().contains(QUESTION), "{}", terminal.text());
        let raw = terminal.raw.lock().unwrap().clone();
        // Moving the cursor for a spinner is no colour; `m` ends the sequences that are.
        let colours = String::from_utf8_lossy(&raw)
            .split("\u{1b}[")
            .skip(1)
            .filter(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
            .count();
        assert_eq!(colours, 0, "{}", String::from_utf8_lossy(&raw));
    }
}
