//! Processes with mounts of their own: a disk of a few KiB, the files of a pod's service account.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Desk;

/// The command that gives what follows it mounts of its own; `None` where this machine allows none.
fn unshare() -> Option<&'static [&'static str]> {
    static FOUND: OnceLock<Option<&[&str]>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let works = |words: &[&str]| {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let ways: [&[&str]; 2] = [&["unshare", "--mount"], &["unshare", "--mount", "--map-root-user"]];
        let way = ways.into_iter().find(|words| works(words));
        let user = Command::new("id").arg("-u").output().map(|output| output.stdout).unwrap_or_default();
        assert!(
            way.is_some() || user != b"0\n" || cfg!(not(target_os = "linux")),
            "root may have mounts of its own, but `unshare --mount` failed: this test must not be passed over here"
        );
        if way.is_none() {
            eprintln!("passed over: this user may have no mounts of its own (`unshare --mount --map-root-user`)");
        }
        way
    })
}

/// A call of meshbook from this desk, after `setup` (sh) has made mounts that only it sees. `then` (sh) comes after
/// it. `None` where this machine allows no such mounts.
pub fn call(desk: &Desk, setup: &str, args: &[&str], then: &str) -> Option<Command> {
    let plain = desk.command(args);
    let (program, rest) = unshare()?.split_first()?;
    // Without anything after it, meshbook takes the shell's place, so that signals reach it.
    let run =
        if then.is_empty() { "exec \"$@\"".to_owned() } else { format!("set +e\n\"$@\"\ncode=$?\n{then}\nexit $code") };
    let mut command = Command::new(program);
    command.args(rest).args(["sh", "-ec", &format!("{setup}\n{run}"), "sh"]);
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(desk.path()).stdin(Stdio::null());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(command)
}
