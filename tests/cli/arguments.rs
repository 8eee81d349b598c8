//! What can be written on the command line, and what cannot.

use super::{BREAKER, Desk};

#[test]
fn help_names_every_subcommand_every_stream_and_every_exit_code() {
    let help = Desk::new().call(&["--help"]).exits(0).stdout;
    for name in ["run", "plan", "undo", "runs", "list", "describe", "check", "lab", "explain"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(name)), "{name}: {help}");
    }
    for part in ["standard output", "standard error", "MESHBOOK_HOME", "LEFT DIRTY", "  124 ", "130 "] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[test]
fn every_option_is_in_the_help_of_run() {
    let help = Desk::new().call(&["run", "--help"]).exits(0).stdout;
    let options = "-n --context --kubeconfig --lab --params --approve --deadline -o --no-color --verbose --log";
    for option in options.split(' ') {
        assert!(help.contains(option), "{option}: {help}");
    }
}

#[test]
fn what_is_not_an_option_or_a_subcommand_gets_the_nearest_and_exit_2() {
    let desk = Desk::new();
    desk.call(&["rum", "x"]).exits(2).says("run");
    desk.call(&["run", BREAKER, "--aprove", "x"]).exits(2).says("--approve");
    desk.call(&["run", BREAKER, "--approve", "a b"]).exits(2).says("is not an approval");
    desk.call(&["run", BREAKER, "--approve", "destinationrule=0"]).exits(2).says("count");
    desk.call(&["run", BREAKER, "--deadline", "5"]).exits(2).says("is not a duration");
    desk.call(&["run", BREAKER, "--lab", "breaker", "--context", "x"]).exits(2).says("cannot be used with");
    desk.call(&["lab"]).exits(2).says("--world");
    desk.call(&["lab", "--world", "healthy", "--speed", "0"]).exits(2).says("between");
    desk.call(&[]).exits(2);
    assert!(desk.records().is_empty());
}

#[test]
fn a_shell_completes_the_command_line() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let called = desk.call(&["completions", shell]).exits(0);
        assert!(called.stdout.contains("describe"), "{shell}: {called}");
    }
    let script = desk.file("completions.bash", &desk.call(&["completions", "bash"]).stdout);
    // As bash asks for it under Tab.
    let ask = format!(
        "set -eu; source {script}; COMP_WORDS=(meshbook run --appr); COMP_CWORD=2; _meshbook meshbook --appr run; echo ${{COMPREPLY[*]}}"
    );
    let answered = std::process::Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&answered.stdout).trim(), "--approve", "{answered:?}");
}
