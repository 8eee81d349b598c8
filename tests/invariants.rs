//! What must stay true of the structure, whoever adds to it. `docs/architecture.md` lists it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The normal dependencies of a crate, as its Cargo.toml names them.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(manifest)).unwrap();
    let table = text.split("\n[").find(|part| part.starts_with("dependencies]")).unwrap();
    table
        .lines()
        .skip(1)
        .filter_map(|line| line.split(['=', '.', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Every Rust file below a folder that is not a test, with its text as far as its tests.
fn code(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" && name != "fake.rs" {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
            }
        }
    }
    assert!(!found.is_empty(), "no code in {folder}");
    found
}

/// Lines of code that hold one of the words, outside comments and outside the files that may.
fn offences(folder: &str, words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in code(folder) {
        if allowed.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if !line.starts_with("//") && words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    found
}

fn none(offences: Vec<String>, why: &str) {
    assert!(offences.is_empty(), "{why}:\n{}", offences.join("\n"));
}

#[test]
fn the_library_knows_no_network_and_no_terminal() {
    let has = dependencies("stdlib/Cargo.toml");
    for forbidden in [
        "kube",
        "k8s-openapi",
        "reqwest",
        "tokio",
        "hyper",
        "hyper-util",
        "http",
        "miette",
        "comfy-table",
        "indicatif",
        "clap",
        "meshbook-lab",
    ] {
        assert!(!has.contains(forbidden), "stdlib depends on {forbidden}");
    }
    let words = ["std::net", "std::process", "std::fs", "std::env", "println!", "eprintln!"];
    none(offences("stdlib/src", &words, &[]), "stdlib reaches past the road of effects");
}

#[test]
fn the_prompt_knows_no_cluster() {
    let has = dependencies("repl/Cargo.toml");
    for forbidden in ["kube", "k8s-openapi", "reqwest", "hyper", "http", "meshbook-lab", "clap"] {
        assert!(!has.contains(forbidden), "repl depends on {forbidden}");
    }
    none(
        offences("repl/src", &["/api/v1", "/apis/", "println!"], &[]),
        "the prompt reaches past the program around it",
    );
}

#[test]
fn the_lab_is_reached_over_loopback_only() {
    let has = dependencies("lab/Cargo.toml");
    assert!(has.iter().all(|name| !name.starts_with("meshbook")), "lab depends on meshbook: {has:?}");
    for manifest in ["runtime/Cargo.toml", "stdlib/Cargo.toml"] {
        assert!(!dependencies(manifest).contains("meshbook-lab"), "{manifest} depends on the lab");
    }
    assert!(!dependencies("runtime/Cargo.toml").contains("meshbook-stdlib"));
}

#[test]
fn only_the_transport_opens_connections() {
    let words = ["kube::", "reqwest::", "hyper::", "std::net", "tokio::net", "TcpStream"];
    none(offences("runtime/src", &words, &["runtime/src/transport"]), "a connection outside runtime::transport");
    let words = ["kube::", "reqwest::", "hyper::", "std::net", "tokio::net", "TcpStream"];
    for folder in ["src", "rehearsal/src", "repl/src"] {
        none(offences(folder, &words, &[]), "a connection beside the transport");
    }
}

#[test]
fn only_the_road_of_changes_writes_to_a_cluster() {
    let made: Vec<_> = offences(
        "runtime/src",
        &["Call::Patch {", "Call::Apply {", "Call::Create {", "Call::Delete {", "Call::SetLogLevels {"],
        &["runtime/src/change", "runtime/src/transport", "runtime/src/gate", "runtime/src/record"],
    );
    none(made, "a write that does not take the road");
    let writes = ["Call::Patch", "Call::Apply", "Call::Create", "Call::Delete", "Call::SetLogLevels"];
    for folder in ["stdlib/src", "src", "rehearsal/src", "repl/src"] {
        none(offences(folder, &writes, &[]), "a write that does not take the road");
    }
}

#[test]
fn the_runtime_does_not_know_istio() {
    let words = ["istio", "Istio", "envoy", "Envoy", "destinationrule", "DestinationRule"];
    // Where Prometheus and Jaeger usually are: istio-system is one of those namespaces.
    let places = ["runtime/src/transport/source/"];
    none(offences("runtime/src", &words, &places), "the runtime knows the mesh");
}

#[test]
fn nothing_reads_the_time_beside_the_clock() {
    let words =
        ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "thread::sleep", "tokio::time::sleep("];
    none(
        offences("runtime/src", &words, &["runtime/src/transport", "runtime/src/run/wall.rs"]),
        "time is read beside the clock",
    );
    none(offences("stdlib/src", &words, &[]), "time is read beside the clock");
    // The lab answers on real sockets, so latencies and the ends of watches are real; what time it is, is its clock's to say.
    let words = ["SystemTime::now", "Timestamp::now", "Zoned::now", "thread::sleep"];
    none(offences("lab/src", &words, &["lab/src/clock.rs"]), "time is read beside the lab's clock");
}

#[test]
fn nothing_unfinished_is_left() {
    let words = ["todo!(", "unimplemented!(", "FIXME", "XXX"];
    for folder in ["runtime/src", "stdlib/src", "lab/src", "rehearsal/src", "repl/src", "src"] {
        none(offences(folder, &words, &[]), "unfinished");
    }
}

#[test]
fn no_file_is_named_for_nothing() {
    for folder in ["runtime/src", "stdlib/src", "lab/src", "rehearsal/src", "repl/src", "src"] {
        for (path, _) in code(folder) {
            let names: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            for name in ["utils", "util", "helpers", "helper", "common", "misc", "manager"] {
                assert!(
                    !names.iter().any(|part| Path::new(part).file_stem().is_some_and(|stem| stem == name)),
                    "{}",
                    path.display()
                );
            }
        }
    }
}
