//! What a person sees at the prompt: what fits, what is drawn, what is paged, what is watched.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vt100::Parser;

use super::prompt::{Prompt, stable};
use super::{PATIENCE, Terminal};

const NARROW: NonZeroU16 = NonZeroU16::new(80).unwrap();
const WIDE: NonZeroU16 = NonZeroU16::new(200).unwrap();
const TALL: NonZeroU16 = NonZeroU16::new(60).unwrap();
const LOW: NonZeroU16 = NonZeroU16::new(20).unwrap();

/// A value whose rows are wide, and differ from look to look.
const REFUSALS: &str = "host(\"graph-core\").refusals(over(\"30s\"))";

/// Many rows.
const MANY: &str = "let rows = []; for i in 1..=100 { rows.push([`row ${i}`]); } table(\"many rows\", rows, [\"ROW\"])";

fn on(world: &str, rows: NonZeroU16, columns: NonZeroU16, environment: &[(&str, &str)]) -> Prompt {
    let terminal = Terminal::sized(TempDir::new().unwrap(), &["repl", "--lab", world], environment, rows, columns);
    Prompt(terminal).ready(&format!("LAB {world}/summit"))
}

/// Compares a screen with the one that is kept; `MESHBOOK_UPDATE` writes it anew.
#[track_caller]
fn looks_like(name: &str, screen: &str) {
    let path = format!("{}/tests/pty/screens/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let screen = stable(screen);
    if std::env::var_os("MESHBOOK_UPDATE").is_some() {
        std::fs::write(path, screen).unwrap();
    } else {
        assert_eq!(screen, std::fs::read_to_string(&path).unwrap_or_default(), "MESHBOOK_UPDATE=1 writes {path} anew");
    }
}

/// Waits until something is so.
#[track_caller]
fn waits(prompt: &Prompt, what: &str, is_so: impl Fn(&Prompt) -> bool) {
    let start = Instant::now();
    while !is_so(prompt) {
        assert!(start.elapsed() < PATIENCE, "never: {what}\n{}", prompt.0.text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn alternate(prompt: &Prompt) -> bool {
    let screen: std::sync::MutexGuard<'_, Parser> = prompt.0.screen.lock().unwrap();
    screen.screen().alternate_screen()
}

#[test]
fn wide_tables_fit_fold_columns_and_say_which() {
    let mut prompt = on("breaker", TALL, NARROW, &[("NO_COLOR", "1")]);
    prompt.says(REFUSALS, "no room for SET BY, SOURCE: :x shows every column");
    prompt.says(":x", "SOURCE   Prometheus: istio_requests_total, flag UO");
    looks_like("80-columns", &prompt.0.text());
    prompt.leaves();
    prompt.is_without_colour();
    let mut prompt = on("breaker", TALL, WIDE, &[("NO_COLOR", "1")]);
    prompt.says(REFUSALS, "SOURCE");
    assert!(!prompt.0.text().contains("no room for"), "{}", prompt.0.text());
    looks_like("200-columns", &prompt.0.text());
    prompt.leaves();
}

#[test]
fn wide_characters_keep_the_columns_straight() {
    let mut prompt = on("healthy", TALL, NARROW, &[]);
    prompt.says(
        "table(\"幅\", [[\"日本語サービス\", \"x\"], [\"🚀\", \"y\"], [\"front\", \"z\"]], [\"NAME\", \"MARK\"])",
        "MARK",
    );
    let screen = prompt.0.screen.lock().unwrap();
    let column = |mark: &str| {
        (0..TALL.get()).find_map(|row| {
            (0..NARROW.get()).find(|column| {
                let cell = |column| screen.screen().cell(row, column).map_or("", |cell| cell.contents());
                cell(*column) == mark && cell(*column + 1).is_empty() && cell(column.saturating_sub(1)) != "\""
            })
        })
    };
    assert_eq!(["x", "y", "z"].map(column), [Some(16); 3], "{}", screen.screen().contents());
}

#[test]
fn a_line_that_is_typed_survives_a_resize_and_what_follows_fits_it() {
    let mut prompt = on("breaker", TALL, WIDE, &[]);
    prompt.0.types("let typed = \"the first half of a line that was begun on a wide terminal and then\"");
    prompt.0.shows("wide terminal and then", 1);
    prompt.0.resizes(TALL, NARROW);
    // The line is drawn anew, whole, before another key is pressed.
    prompt.0.shows("wide terminal and then", 1);
    prompt.presses("; typed.len()\r");
    prompt.0.shows("\n67", 1);
    prompt.says(REFUSALS, "no room for SET BY, SOURCE");
    prompt.leaves();
}

#[test]
fn a_watch_is_drawn_in_its_place_marks_what_changed_and_follows_a_resize() {
    let mut prompt = on("breaker", TALL, WIDE, &[("NO_COLOR", "1")]);
    let watch = format!(":watch 5s {REFUSALS}\r");
    prompt.0.types(&watch);
    waits(&prompt, "it takes the screen over", alternate);
    prompt.0.shows("SOURCE", 1);
    prompt.0.shows("changed *", 1);
    assert_eq!(prompt.0.text().matches("SOURCE").count(), 1, "{}", prompt.0.text());
    prompt.0.resizes(TALL, NARROW);
    prompt.0.shows("no room for SET BY, SOURCE", 1);
    assert_eq!(prompt.0.text().matches("SET BY").count(), 1, "it is drawn over:\n{}", prompt.0.text());
    prompt.presses("\u{3}");
    assert!(!alternate(&prompt));
    // What was seen last stays, and what stood before it too.
    prompt.0.shows("no room for SET BY, SOURCE", 1);
    prompt.0.shows("Each change is shown and asked for.", 1);
    prompt.says("40 + 2", "42");
    prompt.says(":watch 5s no_such_thing 2", "no_such_thing");
    assert!(!alternate(&prompt), "a failure ends it too");
    prompt.leaves();
    prompt.is_without_colour();
}

#[test]
fn a_watch_that_is_higher_than_the_terminal_says_what_is_not_seen() {
    let mut prompt = on("breaker", LOW, NARROW, &[("NO_COLOR", "1")]);
    prompt.says(
        "fn many(last) { let rows = []; for i in 0..60 { rows.push([`row ${i}`]); } rows.push([last]); table(\"many\", rows, [\"N\"]) }",
        "",
    );
    prompt.0.types(":watch 5s many(1)\r");
    prompt.0.shows("more lines", 1);
    assert!(!prompt.0.text().contains("changed *"), "{}", prompt.0.text());
    prompt.presses("\u{3}");
    prompt.0.types(":watch 5s many(prom::query(\"sum(istio_requests_total)\").value())\r");
    prompt.0.shows("more lines, some of them changed *", 1);
    prompt.presses("\u{3}");
    prompt.leaves();
}

#[test]
fn what_is_higher_than_the_terminal_is_paged_and_never_lost() {
    let pager = "cat > paged.txt; head -n 2 paged.txt; printf 'key> '; read key < /dev/tty";
    let mut prompt = on("healthy", LOW, NARROW, &[("MESHBOOK_PAGER", pager), ("PAGER", "false")]);
    let paged = |prompt: &Prompt| std::fs::read_to_string(prompt.0.path("paged.txt")).unwrap_or_default();
    prompt.0.types(&format!("{MANY}\r"));
    prompt.0.shows("key> ", 1);
    assert!(paged(&prompt).contains("row 100\n"), "{}", paged(&prompt));
    prompt.presses("q\r");
    prompt.says("40 + 2", "42");
    prompt.0.types("_1\r");
    prompt.0.shows("key> ", 2);
    prompt.presses("\u{3}");
    prompt.says("41 + 2", "43");
    prompt.says("table(\"few\", [[1]], [\"N\"])", "few");
    prompt.leaves();
    assert!(!prompt.0.text().contains("Interrupted"), "{}", prompt.0.text());
}

#[test]
fn without_a_pager_that_works_everything_is_still_there() {
    let mut prompt = on("healthy", LOW, NARROW, &[("PAGER", "exit 3")]);
    prompt.says(MANY, "the pager `exit 3` failed");
    prompt.0.shows("row 100", 1);
    prompt.leaves();
    let mut prompt = on("healthy", LOW, NARROW, &[("PAGER", "")]);
    prompt.says(MANY, "row 100");
    prompt.leaves();
    // Nothing is set, and there is no path on which less could be found.
    let mut prompt = on("healthy", LOW, NARROW, &[]);
    prompt.says(MANY, "more lines: show(_) prints all");
    prompt.says("show(_)", "row 100");
    prompt.leaves();
}

#[test]
fn series_are_drawn_and_a_gap_is_no_zero() {
    let mut prompt = on("healthy", TALL, NARROW, &[("NO_COLOR", "1")]);
    let query = "prom::range(\"sum by (reporter) (rate(istio_requests_total[1m]))\", over(\"10m\"), over(\"10s\"))";
    prompt.says(&format!("let series = {query};"), "");
    prompt.says("plot(\"requests a second\", series);", "└·");
    prompt.says("table(\"the same\", series)", "OVER TIME");
    looks_like("plot", &prompt.0.text());
    prompt.leaves();
    prompt.is_without_colour();
}
