//! The live prompt, as a person types at it.

use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::lab::ServedLab;
use super::{PATIENCE, QUESTION, Terminal};

/// Raises the limits that refuse in the world `breaker`.
pub(super) const RAISE: &str =
    "for rule in host(\"graph-core\").refusals(over(\"30s\")).rules() { rule.raise_limits(500); }\r";

/// A prompt on a world of the lab.
pub(super) struct Prompt(pub(super) Terminal);

impl Prompt {
    pub(super) fn on(world: &str, args: &[&str]) -> Prompt {
        Prompt::with(world, args, &[])
    }

    pub(super) fn with(world: &str, args: &[&str], environment: &[(&str, &str)]) -> Prompt {
        let args = [&["repl", "--lab", world], args].concat();
        Prompt(Terminal::start(TempDir::new().unwrap(), &args, environment)).ready(&format!("LAB {world}/summit"))
    }

    /// A prompt on a lab that is reached as a cluster is; `name` is the lab's.
    pub(super) fn at(lab: &ServedLab, name: &str) -> Prompt {
        let kubeconfig = lab.kubeconfig.display().to_string();
        let environment = [("KUBECONFIG", kubeconfig.as_str())];
        let terminal = Terminal::start(TempDir::new().unwrap(), &["repl", "-n", "summit"], &environment);
        Prompt(terminal).ready(&format!("LAB lab-{name}/summit"))
    }

    #[track_caller]
    pub(super) fn ready(self, place: &str) -> Prompt {
        self.opens(1);
        self.0.shows(place, 1);
        self
    }

    /// Types a line, waits for the next prompt, and looks for the answer in what came between.
    #[track_caller]
    pub(super) fn says(&mut self, line: &str, answer: &str) {
        let count = |text: &str| if answer.is_empty() { 0 } else { text.matches(answer).count() };
        let (prompts, before) = (self.prompts(), count(&self.0.text()));
        self.0.types(&format!("{line}\r"));
        self.opens(prompts + 1);
        let text = self.0.text();
        assert!(answer.is_empty() || count(&text) > before + count(line), "{line}: no {answer:?} in\n{text}");
    }

    /// Presses keys, and waits for the next prompt.
    #[track_caller]
    pub(super) fn presses(&mut self, keys: &str) {
        let prompts = self.prompts();
        self.0.types(keys);
        self.opens(prompts + 1);
    }

    /// Types what changes something, and agrees to the change when it is asked for.
    #[track_caller]
    pub(super) fn approves(&mut self, keys: &str) {
        let asked = self.0.text().matches(QUESTION).count();
        self.0.types(keys);
        self.0.shows(QUESTION, asked + 1);
        self.presses("y\r");
    }

    /// How many prompts there were: each lets the terminal mark what is pasted.
    pub(super) fn prompts(&self) -> usize {
        let raw = self.0.raw.lock().unwrap();
        raw.windows(8).filter(|bytes| bytes == b"\x1b[?2004h").count()
    }

    /// Waits for so many prompts, and until the last of them is drawn: the mark comes before it.
    #[track_caller]
    pub(super) fn opens(&self, prompts: usize) {
        let start = Instant::now();
        let is_drawn = |text: String| text.trim_end().ends_with('>');
        while self.prompts() < prompts || !is_drawn(self.0.text()) {
            assert!(start.elapsed() < PATIENCE, "there are not {prompts} prompts:\n{}", self.0.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Leaves a session whose changes are all proved or undone.
    #[track_caller]
    pub(super) fn leaves(&mut self) {
        self.0.types("\u{4}");
        self.0.shows("Left", 1);
        assert_eq!(self.code(), 0, "{}", self.0.text());
    }

    /// Moving the cursor is no colour; `m` ends the sequences that are.
    #[track_caller]
    pub(super) fn is_without_colour(&self) {
        let raw = self.0.raw.lock().unwrap().clone();
        let raw = String::from_utf8_lossy(&raw);
        let coloured = |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
        assert!(!raw.split("\u{1b}[").skip(1).any(coloured), "{raw:?}");
    }

    pub(super) fn code(&mut self) -> u32 {
        self.0.child.wait().unwrap().exit_code()
    }

    /// What a command says of this session's records afterwards.
    pub(super) fn afterwards(&self, args: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_meshbook"))
            .args(args)
            .current_dir(self.0.folder())
            .env("MESHBOOK_HOME", self.0.home())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }
}

#[test]
fn variables_functions_and_results_last_and_errors_point_into_the_input_they_come_from() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.says("let a = 40;", "");
    prompt.says("a + 2", "42");
    prompt.says("_ + _2", "84");
    prompt.says("fn sized(x) { x.size() }", "");
    prompt.says("let again = |x| sized(x);", "");
    prompt.says("again.call(host(\"graph-core\"))", "there is no `size` for (Host)");
    prompt.0.shows("<input 4>:1:17", 1);
    prompt.says("_error.code", "meshbook::script::unknown_name");
    prompt.says("[1, 2].map(|x| x + a)", "42");
    prompt.says("switch a { 40 => \"forty\", _ => \"other\" }", "forty");
    prompt.says("not)", "meshbook::script::syntax");
    prompt.leaves();
    let told = prompt.afterwards(&["runs", "last"]);
    for part in ["input    2> a + 2", "failed   6>", "the prompt was left"] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}

#[test]
fn a_change_is_asked_for_proved_and_undone_and_stands_in_the_record() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.0.types(RAISE);
    prompt.0.shows(QUESTION, 1);
    prompt.0.shows("- spec.trafficPolicy.connectionPool.tcp.maxConnections: 4", 1);
    prompt.presses("y\r");
    prompt.0.shows("[1 undoable, 1 unproved]>", 1);
    prompt.says("fail_here()", "there is no function");
    prompt.says(":changes", "in force, not proved");
    prompt.says("wait 3m until { host(\"graph-core\").refusals(over(\"30s\")).is_none() };", "waited");
    prompt.0.shows("[1 undoable]>", 1);
    prompt.says(":changes", "in force, proved");
    prompt.says(":undo", "as before, the owners of its fields too");
    prompt.says(":undo", "nothing stands");
    prompt.says(":changes", "taken back");
    prompt.leaves();
    let told = prompt.afterwards(&["runs", "last"]);
    for part in [
        "change   DestinationRule summit/graph-core",
        "settled",
        "you asked to undo it",
        "left: the prompt was left (exit 0",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}

#[test]
fn a_failed_input_takes_back_its_own_changes_and_no_others() {
    let mut prompt = Prompt::on("breaker", &[]);
    let annotate = |note: &str| format!("k8s::annotate(\"destinationrule\", \"catalog\", #{{ {note}: \"1\" }});");
    prompt.approves(&format!("{}\r", annotate("first")));
    prompt.0.shows("[1 undoable, 1 unproved]>", 1);
    prompt.0.types(&format!("{} check(\"it helps\", false);\r", annotate("second")));
    prompt.0.shows(QUESTION, 2);
    prompt.presses("y\r");
    prompt.0.shows("as before, the owners of its fields too", 1);
    prompt.0.shows("[1 undoable, 1 unproved]>", 2);
    prompt.says(":changes", "taken back");
    prompt.0.types("\u{4}");
    prompt.0.shows("Leave? [t]ake them back first", 1);
    prompt.presses("s\r");
    prompt.0.shows("[1 undoable, 1 unproved]>", 4);
    prompt.0.types(":quit\r");
    prompt.0.shows("Leave? [t]ake them back first", 2);
    prompt.0.types("t\r");
    prompt.0.shows("as before, the owners of its fields too", 2);
    assert_eq!(prompt.code(), 0, "{}", prompt.0.text());
}

#[test]
fn what_is_left_unproved_is_said_and_refused_changes_are_not_made() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.0.types(RAISE);
    prompt.0.shows(QUESTION, 1);
    prompt.0.types("?\r");
    prompt.0.shows("this input ends, and what it changed", 1);
    prompt.presses("n\r");
    prompt.0.shows("you answered no", 1);
    prompt.says(":changes", "Nothing was changed.");
    prompt.0.types(RAISE);
    prompt.0.shows(QUESTION, 3);
    prompt.presses("y\r");
    prompt.0.shows("[1 undoable, 1 unproved]>", 1);
    prompt.0.types("\u{4}");
    prompt.0.shows("Leave?", 1);
    prompt.0.types("l\r");
    prompt.0.shows("LEFT DIRTY", 1);
    assert_eq!(prompt.code(), 7, "{}", prompt.0.text());
}

#[test]
fn lines_are_an_input_when_the_parser_says_so() {
    let mut prompt = Prompt::on("healthy", &[]);
    prompt.presses("step \"two lines\" {\r1 + 1\r}\r");
    prompt.0.shows("Step 1  two lines", 1);
    let pasted: Vec<String> = (1..=10).map(|n| format!("let v{n} = {n};")).collect();
    prompt.presses(&format!("\u{1b}[200~{}\u{1b}[201~\r", pasted.join("\n")));
    prompt.says("v1 + v10 + 100", "111");
    prompt.says("}", "meshbook::script::syntax");
    prompt.says("\"a string that does not end", "meshbook::script::syntax");
    // Pasted without brackets, as a terminal that does not know them has it.
    let prompts = prompt.prompts();
    prompt.0.types("let w1 = 1;\rlet w2 = w1 + 1;\rlet w3 = w2 + 1;\rw3 + 200\r");
    prompt.opens(prompts + 4);
    prompt.0.shows("\n203", 1);
    prompt.leaves();
}

#[test]
fn the_history_is_private_and_without_secrets_and_is_searched() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut prompt = Prompt::on("healthy", &[]);
    prompt.says("let kept = 40 + 2;", "");
    prompt.says(" let unseen = 1;", "");
    prompt.says("let password = \"hunter2hunter2\";", "");
    let path = prompt.0.home().join("history");
    let history = std::fs::read_to_string(&path).unwrap();
    assert!(
        history.contains("let kept = 40 + 2;") && !history.contains("hunter2") && !history.contains("unseen"),
        "{history}"
    );
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    prompt.0.types("\u{12}40 +");
    prompt.0.shows("let kept = 40 + 2;", 2);
    prompt.presses("\r");
    prompt.says("kept", "42");
    prompt.leaves();
    let record = std::fs::read_dir(prompt.0.home().join("runs")).unwrap().next().unwrap().unwrap().path();
    assert!(!std::fs::read_to_string(record).unwrap().contains("hunter2"));
}

#[test]
fn read_only_refuses_until_the_context_is_named_and_colour_is_not_needed() {
    let mut prompt = Prompt::with("breaker", &["--read-only"], &[("NO_COLOR", "1")]);
    prompt.0.shows("LAB breaker/summit [read-only]>", 1);
    prompt.says(RAISE.trim(), "the run is read-only");
    prompt.0.types(":write\r");
    prompt.0.shows("Type breaker to let changes be made there:", 1);
    prompt.presses("other\r");
    prompt.0.shows("the session stays read-only", 1);
    prompt.0.types(":write\r");
    prompt.0.shows("Type breaker to let changes be made there:", 2);
    prompt.presses("breaker\r");
    prompt.0.shows("Changes may be made now", 1);
    prompt.0.types(RAISE);
    prompt.0.shows(QUESTION, 1);
    prompt.presses("n\r");
    prompt.0.shows("you answered no", 1);
    prompt.leaves();
    prompt.is_without_colour();
}

#[test]
fn tab_tells_methods_of_a_chain_and_questions_tell_what_they_do() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.0.types("host(\"graph-core\").refusal\t");
    prompt.0.shows("refusals(", 1);
    prompt.presses("over(\"30s\")).is_n\t\r");
    prompt.0.shows("false", 1);
    prompt.0.types("k8s::get(\"destinationrule\", \"grap");
    // The first key may come before the names: it does not wait for them.
    let start = Instant::now();
    while prompt.0.text().matches("graph-core").count() < 2 {
        assert!(start.elapsed() < PATIENCE, "no names:\n{}", prompt.0.text());
        prompt.0.types("\t");
        std::thread::sleep(Duration::from_millis(50));
    }
    prompt.presses("\").field(\"spec.host\")\r");
    prompt.0.shows("graph-core.summit.svc.cluster.local", 1);
    prompt.0.types(":tim\t");
    prompt.0.shows(":timeline ", 1);
    prompt.presses("\r");
    prompt.0.shows("input    1>", 1);
    prompt.says("host?", "A service of the mesh, by the name that callers use.");
    prompt.says("Rule.raise_limits??", "taken back: its fields are set as they were");
    prompt.says("?", ":search certificate expiry");
    prompt.says(":help", ":undo [N]");
    prompt.says(":hlep", "did you mean `:help`?");
    prompt.leaves();
}

#[test]
fn values_are_watched_waited_for_and_shown_row_by_row() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.says(":watch 5s host(\"graph-core\").rules() 3", "unchanged after 5s");
    prompt.says(":watch 5s host(\"graph-core\").rules()[0].raise_limits(5)", "a watch only looks");
    prompt.says("host(\"graph-core\").refusals(over(\"30s\"))", "SOURCE");
    prompt.says(":x", "-- 3 of 3");
    prompt.says(":wait 1m host(\"graph-core\").refusals(over(\"30s\")).is_none()", "meshbook::proof");
    prompt.says(":explain", "Exit 5");
    prompt.leaves();
}

#[test]
fn a_session_becomes_a_runbook_that_does_the_same() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.says("let h = host(\"graph-core\");", "");
    prompt.approves("for rule in h.refusals(over(\"30s\")).rules() { rule.raise_limits(500); }\r");
    prompt.0.shows("1 unproved]>", 1);
    prompt.says("wait 3m until { h.refusals(over(\"30s\")).is_none() };", "waited");
    prompt.says(":save saved.rhai", "3 inputs are in saved.rhai");
    prompt.leaves();
    let saved = prompt.0.path("saved.rhai");
    let again =
        prompt.afterwards(&["run", saved.to_str().unwrap(), "--lab", "breaker", "--approve", "destinationrule"]);
    for part in ["Fixed", "tcp.maxConnections 4 -> 500, http.http1MaxPendingRequests 2 -> 500", "proved, stays"] {
        assert!(again.contains(part), "{part:?} is not in\n{again}");
    }
}

#[test]
fn a_runbook_runs_inside_the_session() {
    let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting/503-circuit-breaker.rhai");
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.approves(&format!(":run {tree} service=graph-core\r"));
    prompt.0.shows("no longer refuse requests", 1);
    prompt.0.shows("[1 undoable]>", 1);
    prompt.says(":undo", "as before, the owners of its fields too");
    prompt.leaves();
}

#[test]
fn control_c_ends_what_is_under_way_and_not_the_session() {
    const HEALTHY: &str = include_str!("../../lab/worlds/healthy.toml");
    let home = TempDir::new().unwrap();
    let world = home.path().join("slow.toml");
    std::fs::write(&world, format!("{HEALTHY}\n[faults]\napi_latency = \"700ms\"\n")).unwrap();
    let lab = ServedLab::start(&world.display().to_string());
    let mut prompt = Prompt::at(&lab, "slow");
    prompt.0.types("step \"look\" { loop { k8s::get(\"destinationrule\", \"catalog\"); } }\r");
    prompt.0.shows("Step 1  look", 1);
    prompt.presses("\u{3}");
    prompt.0.shows("meshbook::stop::interrupted", 1);
    prompt.says("40 + 2", "42");
    prompt.presses("half a li\u{3}");
    prompt.says("41 + 2", "43");
    prompt.leaves();
}

#[test]
fn a_cluster_that_does_not_answer_is_said_in_a_line() {
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("config");
    // Nothing listens on the port of discarded bytes.
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: far\nclusters: [{name: far, cluster: {server: 'https://127.0.0.1:9'}}]\nusers: [{name: me, user: {token: x}}]\ncontexts: [{name: far, context: {cluster: far, user: me, namespace: summit}}]\n";
    std::fs::write(&kubeconfig, text).unwrap();
    let kubeconfig = kubeconfig.display().to_string();
    let terminal = Terminal::start(folder, &["repl"], &[("KUBECONFIG", &kubeconfig)]);
    let mut prompt = Prompt(terminal).ready("LIVE far/summit");
    prompt.says("1 + 1", "2");
    // It is said at a prompt, so an empty line is typed until then.
    while !prompt.0.text().contains("The cluster does not answer:") {
        prompt.presses("\r");
    }
    prompt.leaves();
}

/// The sessions whose screens stand in `docs/prompt.md`: their names, and what is typed. An answer to a question stands
/// alone on its line.
const SCREENS: &[(&str, &[&str])] = &[
    ("first", &["host(\"graph-core\").rules()", "_.len()"]),
    (
        "change",
        &[
            "for rule in host(\"graph-core\").refusals(over(\"30s\")).rules() { rule.raise_limits(500); }",
            "y",
            ":changes",
            "wait 3m until { host(\"graph-core\").refusals(over(\"30s\")).is_none() };",
            ":undo",
        ],
    ),
    (
        "wide",
        &[
            "host(\"graph-core\").refusals(over(\"30s\"))",
            "plot(\"requests a second\", prom::range(\"sum(rate(istio_requests_total[1m]))\", over(\"8m\"), over(\"10s\")));",
        ],
    ),
    ("questions", &["over?", ":search certificate expiry", "host(\"graph-core\").refusal()"]),
    ("commands", &[":help"]),
];

#[test]
fn the_screens_of_the_documentation_are_what_is_seen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prompt.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut written = text.clone();
    for (name, lines) in SCREENS {
        let mut prompt = Prompt::with("breaker", &[], &[("NO_COLOR", "1")]);
        for line in *lines {
            if line.contains("raise_limits") {
                prompt.0.types(&format!("{line}\r"));
                prompt.0.shows(QUESTION, 1);
            } else {
                prompt.presses(&format!("{line}\r"));
            }
        }
        screen(&mut written, name, &stable(&prompt.0.text()));
    }
    super::book::screens(&mut written);
    super::replay::screens(&mut written);
    if std::env::var_os("MESHBOOK_UPDATE").is_some() {
        std::fs::write(path, &written).unwrap();
    } else {
        let differs = written.lines().zip(text.lines()).position(|(seen, told)| seen != told);
        let from = differs.unwrap_or_default().saturating_sub(3);
        let part = |all: &str| all.lines().skip(from).take(12).collect::<Vec<_>>().join("\n");
        assert!(
            written == text,
            "MESHBOOK_UPDATE=1 writes the screens anew. Seen:\n{}\nTold:\n{}",
            part(&written),
            part(&text)
        );
    }
}

/// Puts a screen where the documentation shows it.
pub(super) fn screen(written: &mut String, name: &str, screen: &str) {
    let head = format!("<!-- screen: {name} -->\n```\n");
    let start = written.find(&head).unwrap() + head.len();
    let end = start + written[start..].find("```").unwrap();
    written.replace_range(start..end, screen);
}

/// A screen without what differs from run to run: ids and times. The last prompt is empty, and left out.
pub(super) fn stable(screen: &str) -> String {
    let mut stable = screen.to_owned();
    for (pattern, instead) in [
        (r"01[0-9A-Z]{24}", "01M85BQ0JJ9Y4YSH23NM08MSSD"),
        (r"in \d+(\.\d)?m?s \(", "in 12ms ("),
        (r"waited [\d.]+m?s", "waited 12s"),
        (r"line \d+, \w+ after", "line 123, 42s after"),
    ] {
        stable = regex::Regex::new(pattern).unwrap().replace_all(&stable, instead).into_owned();
    }
    let lines: Vec<_> = stable.lines().map(str::trim_end).collect();
    let filled = lines.iter().rposition(|line| !line.is_empty()).unwrap_or_default();
    lines[..filled].join("\n") + "\n"
}
