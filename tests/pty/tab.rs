//! What is offered under Tab: what is there now, marked when it is stale, and no effect of it.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::crowd::{Crowd, PODS, pod};
use super::{PATIENCE, QUESTION, Terminal};

/// A prompt at a cluster.
fn prompt(kubeconfig: &std::path::Path, place: &str) -> Terminal {
    let environment = [("KUBECONFIG", kubeconfig.to_str().unwrap()), ("NO_COLOR", "1")];
    let terminal = Terminal::start(TempDir::new().unwrap(), &["repl", "-n", "summit"], &environment);
    terminal.shows(place, 1);
    terminal
}

/// Presses Tab again and again until something is shown, as a person does who waits for it.
#[track_caller]
fn tab_until(terminal: &mut Terminal, what: &str) {
    let start = Instant::now();
    while !terminal.text().contains(what) {
        assert!(start.elapsed() < PATIENCE, "{what:?} is not offered:\n{}", terminal.text());
        terminal.types("\t");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The lines of the session's record.
fn record(terminal: &Terminal) -> String {
    let file = std::fs::read_dir(terminal.home().join("runs")).unwrap().next().unwrap().unwrap().path();
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn ten_thousand_pods_are_completed_counted_and_searched() {
    let folder = TempDir::new().unwrap();
    let crowd = Crowd::serve(folder.path(), Duration::from_millis(5)).unwrap();
    let mut terminal = prompt(&crowd.kubeconfig, "LIVE crowd/summit");
    terminal.types("pod(\"");
    // All have this much in common, so that it is typed for the person.
    tab_until(&mut terminal, "pod(\"team-");
    tab_until(&mut terminal, &format!("… {} more: type on", PODS - 100));
    // Only letters of the name, as a person remembers it.
    let wanted = pod(7_777);
    terminal.types("\u{15}pod(\"x07777\t");
    terminal.shows(&format!("pod(\"{wanted}"), 1);
    terminal.types("\u{15}host(\"servce-499\t");
    tab_until(&mut terminal, "host(\"service-499");
    let before = record(&terminal);
    assert!(!before.contains("\"looked\"") && !before.contains("team-"), "completion is no read of the run:\n{before}");
    // The cluster dies: names are still offered, and said to be stale.
    drop(crowd);
    std::thread::sleep(Duration::from_millis(300));
    terminal.types("\u{15}pod(\"team-388-\t\t");
    tab_until(&mut terminal, "  (stale ");
    terminal.types("\u{15}\u{4}");
    terminal.shows("Left", 1);
}

#[test]
fn names_that_may_not_be_seen_are_said_not_to_be_there() {
    let folder = TempDir::new().unwrap();
    let crowd = Crowd::serve(folder.path(), Duration::ZERO).unwrap();
    let mut terminal = prompt(&crowd.kubeconfig, "LIVE crowd/summit");
    terminal.types("workload(\"");
    // What is said stands beside the cursor, and is looked at with each key.
    let start = Instant::now();
    while !terminal.text().contains("the API server serves no such kind") {
        assert!(start.elapsed() < PATIENCE, "nothing is said:\n{}", terminal.text());
        terminal.types("a\u{7f}");
        std::thread::sleep(Duration::from_millis(50));
    }
    terminal.types("\u{15}\u{4}");
    terminal.shows("Left", 1);
}

#[test]
fn kinds_metrics_and_labels_are_offered_and_no_effect_runs() {
    let args = ["repl", "--lab", "breaker"];
    let mut terminal = Terminal::start(TempDir::new().unwrap(), &args, &[("NO_COLOR", "1")]);
    terminal.shows("LAB breaker/summit>", 1);
    for (typed, offered) in [
        ("k8s::get(\"destinationru", "k8s::get(\"destinationrule"),
        ("k8s::get(\"virtualservice\", \"discovery/", "k8s::get(\"virtualservice\", \"discovery/"),
        ("k8s::get(\"dr\", \"summit/grap", "k8s::get(\"dr\", \"summit/graph-core"),
        ("prom::query(\"sum(rate(istio_requests_to", "rate(istio_requests_total"),
        ("prom::query(`istio_requests_total{response_fl", "{response_flags"),
        ("prom::query(`istio_requests_total{destination_service_name=\"grap", "name=\"graph-core"),
        ("host(\"search.disc", "host(\"search.discovery"),
        ("host(\"graph-core\").rules()[0].raise_lim", "raise_limits("),
        ("for rule in host(\"graph-core\").rules() { rule.raise_lim", "{ rule.raise_limits("),
    ] {
        terminal.types(typed);
        tab_until(&mut terminal, offered);
        terminal.types("\u{15}");
    }
    terminal.types("\u{4}");
    terminal.shows("Left; nothing was changed.", 1);
    assert!(!terminal.text().contains(QUESTION));
    let told = record(&terminal);
    assert!(!told.contains("\"looked\"") && !told.contains("\"change"), "an effect ran under Tab:\n{told}");
}

#[test]
fn the_screen_of_the_documentation_is_what_is_seen() {
    let args = ["repl", "--lab", "breaker"];
    let mut terminal = Terminal::start(TempDir::new().unwrap(), &args, &[("NO_COLOR", "1")]);
    terminal.shows("LAB breaker/summit>", 1);
    terminal.types("host(\"");
    tab_until(&mut terminal, "search.discovery");
    // Once more, now that the names are there: how often Tab was pressed until then is no part of the screen.
    terminal.types("\u{15}host(\"\t");
    terminal.types("gco\t");
    terminal.shows("host(\"graph-core", 1);
    terminal.types("\").r\t");
    terminal.shows("Host.rules()", 1);
    terminal.types("ule");
    terminal.shows("graph-core\").rule", 1);
    let shown = terminal.text();
    let lines: Vec<_> = shown.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let at = lines.iter().rposition(|line| *line == "LAB breaker/summit> host(\"").unwrap();
    let screen = lines[at..].join("\n") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prompt.md");
    let text = std::fs::read_to_string(path).unwrap();
    let head = "<!-- screen: tab -->\n```\n";
    let start = text.find(head).unwrap() + head.len();
    let end = start + text[start..].find("```").unwrap();
    if std::env::var_os("MESHBOOK_UPDATE").is_some() {
        std::fs::write(path, format!("{}{screen}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert_eq!(text[start..end], screen, "MESHBOOK_UPDATE=1 writes the screen anew");
    }
    terminal.types("\u{15}\u{4}");
    terminal.shows("Left", 1);
}
