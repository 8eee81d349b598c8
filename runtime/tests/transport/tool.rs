//! Programs that render objects: found, of the right version, without access to anything, bounded.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use meshbook_runtime::effect::{Call, Rendering, Reply};
use meshbook_runtime::failure::{Failure, TOOL};
use meshbook_runtime::transport::{ConfigFile, Connection, Options, Transport};
use serde_json::json;

/// A connection whose configuration file names a program that is this shell script.
async fn with(script: &str) -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("renderer");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!("[tools]\nrenderer = '{}'\n[context.a.budget]\nanswer_mib = 1", path.display());
    let connection = connection(&config).await;
    (folder, connection)
}

async fn connection(config: &str) -> Connection {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    });
    let config = ConfigFile::parse(config, std::path::Path::new("config.toml")).unwrap();
    let options = Options { kubeconfig_text: Some(kubeconfig.to_string()), config, ..Options::default() };
    Connection::open(options).await.unwrap()
}

async fn render(connection: &Connection, version: &str) -> Result<Reply, Failure> {
    let rendering = Rendering {
        tool: "renderer".into(),
        version: version.into(),
        version_arguments: vec!["version".into()],
        arguments: vec!["render".into(), "--set=a=$(reboot)".into()],
        input: "kind: FromInput".into(),
    };
    connection.call(&Call::Render(rendering)).await
}

const VERSION: &str = r#"[ "$1" != version ] || { echo '{"clientVersion": {"version": "1.31.0"}}'; exit 0; }"#;

fn refused(answer: Result<Reply, Failure>, part: &str) {
    let failure = answer.unwrap_err();
    assert!(failure.is(&TOOL) && failure.message.contains(part), "{part}: {failure}");
    assert_eq!(failure.unchanged.as_deref(), Some("nothing was changed"), "{failure}");
}

#[tokio::test]
async fn its_documents_come_back_with_arguments_and_input_as_they_were_given() {
    let script = format!("{VERSION}\ncat\nprintf '\\n---\\n---\\n{{kind: Second, argument: \"%s\"}}\\n' \"$2\"");
    let (_folder, connection) = with(&script).await;
    let answer = render(&connection, "1.31.0").await.unwrap();
    assert_eq!(
        answer,
        Reply::Json(json!([{"kind": "FromInput"}, {"kind": "Second", "argument": "--set=a=$(reboot)"}]))
    );
}

#[tokio::test]
async fn it_sees_nothing_of_the_environment_but_the_path() {
    let script =
        format!("{VERSION}\nenv | cut -d= -f1 | grep -v -E '^(PATH|PWD|SHLVL|_)$' | sed 's/^/seen: /'; echo 'kind: A'");
    let (_folder, connection) = with(&script).await;
    assert_eq!(render(&connection, "1.31.0").await.unwrap(), Reply::Json(json!([{"kind": "A"}])));
}

#[tokio::test]
async fn another_version_is_refused_before_it_renders() {
    let (folder, connection) = with(&format!("{VERSION}\ntouch \"$(dirname $0)/rendered\"; echo 'kind: A'")).await;
    for version in ["1.31", "1.31.0-rc.1", "1.3", "", "1.30.3"] {
        refused(render(&connection, version).await, "asked for its version, it says");
    }
    assert!(!folder.path().join("rendered").exists());
}

#[tokio::test]
async fn one_that_is_not_there_says_how_to_get_it() {
    let connection = connection("[tools]\nrenderer = '/nowhere/renderer'").await;
    let failure = render(&connection, "1.31.0").await.unwrap_err();
    assert!(failure.is(&TOOL) && failure.message.contains("renderer 1.31.0 is needed"), "{failure}");
    assert!(failure.hint.as_ref().is_some_and(|hint| hint.contains("[tools]") && hint.contains("1.31.0")), "{failure}");
}

#[tokio::test]
async fn what_it_says_about_a_failure_is_told() {
    let (_folder, connection) = with(&format!("{VERSION}\nprintf 'unknown \\033[2Jprofile' >&2; exit 1")).await;
    refused(render(&connection, "1.31.0").await, "renders nothing: unknown [2Jprofile");
}

#[tokio::test]
async fn nothing_and_what_is_no_yaml_are_refused() {
    for (script, part) in [("true", "no object"), ("echo '{a: ['", "not YAML"), ("printf '\\377\\376'", "no text")] {
        let (_folder, connection) = with(&format!("{VERSION}\n{script}")).await;
        refused(render(&connection, "1.31.0").await, part);
    }
}

#[tokio::test]
async fn one_that_writes_without_end_is_ended() {
    let (_folder, connection) = with(&format!("{VERSION}\nexec yes 'kind: A'")).await;
    refused(render(&connection, "1.31.0").await, "more than 1 MiB");
}
