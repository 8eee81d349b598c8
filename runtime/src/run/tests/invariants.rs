//! What must stay true of the source itself.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of the runtime and the standard library, with what is only for tests left out.
fn sources() -> Vec<(PathBuf, String)> {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&runtime.join("src"), &mut found);
    collect(&runtime.join("../stdlib/src"), &mut found);
    assert!(found.len() > 20, "the sources were found");
    found
}

fn collect(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            collect(&path, found);
        } else if name.ends_with(".rs") && !["tests.rs", "fake.rs"].contains(&name.as_str()) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            found.push((path, code));
        }
    }
}

/// The files in which one of the words stands, but for those that end with one of `allowed`.
fn strays(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let stray = |(path, code): &(PathBuf, String)| {
        let path = path.to_string_lossy();
        (!allowed.iter().any(|allowed| path.contains(allowed)) && words.iter().any(|word| code.contains(word)))
            .then(|| path.into_owned())
    };
    sources().iter().filter_map(stray).collect()
}

#[test]
fn only_the_road_of_changes_makes_patches() {
    // `effect.rs` declares the call, the transport carries it out, the gate and the redaction look at it.
    let allowed = [
        "runtime/src/effect.rs",
        "runtime/src/transport/",
        "runtime/src/change/send.rs",
        "runtime/src/gate/mod.rs",
        "runtime/src/record/redact.rs",
    ];
    assert_eq!(strays(&["Call::Patch", "Call::SetLogLevels"], &allowed), Vec::<String>::new());
    let allowed = [
        "runtime/src/effect.rs",
        "runtime/src/transport/",
        "runtime/src/change/creation.rs",
        "runtime/src/change/deletion.rs",
        "runtime/src/gate/mod.rs",
        "runtime/src/record/redact.rs",
    ];
    assert_eq!(strays(&["Call::Create", "Call::Delete"], &allowed), Vec::<String>::new());
    let allowed = [
        "runtime/src/effect.rs",
        "runtime/src/transport/",
        "runtime/src/change/apply.rs",
        "runtime/src/gate/mod.rs",
        "runtime/src/record/redact.rs",
    ];
    assert_eq!(strays(&["Call::Apply"], &allowed), Vec::<String>::new());
    let looks_only = ["runtime/src/gate/mod.rs", "runtime/src/record/redact.rs"];
    for (path, code) in
        sources().iter().filter(|(path, _)| looks_only.iter().any(|file| path.to_string_lossy().ends_with(file)))
    {
        let patterns = code.matches("Call::Patch { ..").count() + code.matches("Call::Patch { patch, .. }").count();
        assert_eq!(code.matches("Call::Patch").count(), patterns, "{} makes a patch", path.display());
        let patterns = code.matches("Call::SetLogLevels { .. }").count();
        assert_eq!(code.matches("Call::SetLogLevels").count(), patterns, "{} sets levels", path.display());
    }
}

#[test]
fn only_the_transport_reads_the_time() {
    // `wall.rs` holds the two uses of the machine's clock: measuring what an effect took, and guards against hanging.
    let words = [
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "tokio::time",
        "thread::sleep",
        "UNIX_EPOCH.elapsed",
    ];
    assert_eq!(strays(&words, &["runtime/src/transport/", "runtime/src/run/wall.rs"]), Vec::<String>::new());
}

#[test]
fn only_the_transport_opens_connections() {
    let words = ["kube::", "reqwest::", "hyper::", "hyper_util::", "tokio::net", "std::net"];
    assert_eq!(strays(&words, &["runtime/src/transport/"]), Vec::<String>::new());
}
