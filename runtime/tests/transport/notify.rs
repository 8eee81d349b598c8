//! Telling people.

use axum::body::Body;
use axum::http::Response;
use meshbook_runtime::effect::{Call, Channel, Notice, Reply};
use meshbook_runtime::failure::{Failure, NOT_TOLD};
use meshbook_runtime::transport::{Connection, Transport};
use serde_json::{Value, json};

use crate::double::{Double, Received, closed_port, connect, json_answer, text_answer};

/// An account of each kind, at a server that answers so.
async fn accounts(
    folder: &tempfile::TempDir,
    answer: impl Fn(&Received, usize) -> Response<Body> + Send + Sync + 'static,
) -> (Double, Connection) {
    let server = Double::start(answer).await;
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let key = file("key", "0123456789abcdef0123456789abcdef\n");
    let hook = file("hook", &format!("{}/services/T0/secret\n", server.url()));
    let config = format!(
        "pagerduty.routing_key_file = '{key}'\npagerduty.url = '{}'\nslack.webhook_file = '{hook}'",
        server.url()
    );
    let connection = connect("http://127.0.0.1:1", &config).await;
    (server, connection)
}

async fn tell(connection: &Connection, channel: Channel, message: Value) -> Result<Reply, Failure> {
    connection.call(&Call::Notify(Notice { channel, message })).await
}

#[tokio::test]
async fn an_event_carries_the_key_and_a_message_goes_to_the_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let (server, connection) = accounts(&folder, |received, _| {
        if received.line.contains("enqueue") {
            json_answer(202, &json!({"status": "success", "message": "Event processed", "dedup_key": "k"}))
        } else {
            text_answer(200, "ok")
        }
    })
    .await;
    let event = json!({"event_action": "resolve", "dedup_key": "k"});
    assert_eq!(tell(&connection, Channel::PagerDuty, event).await.unwrap(), Reply::Done);
    assert_eq!(tell(&connection, Channel::Slack, json!({"text": "hello"})).await.unwrap(), Reply::Done);
    let received = server.received();
    assert_eq!(
        (received[0].line.as_str(), received[1].line.as_str()),
        ("POST /v2/enqueue", "POST /services/T0/secret")
    );
    let body: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(body["routing_key"], "0123456789abcdef0123456789abcdef");
    assert_eq!(body["event_action"], "resolve");
    assert_eq!(received[1].body, r#"{"text":"hello"}"#);
    assert_eq!(received[0].headers["content-type"], "application/json");
}

#[tokio::test]
async fn a_service_that_is_busy_is_told_again_and_one_that_refuses_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (server, connection) = accounts(&folder, |_, before| match before {
        0 => text_answer(503, "later"),
        1 => text_answer(429, "slow down"),
        2 => json_answer(202, &json!({"status": "success"})),
        _ => json_answer(400, &json!({"status": "invalid event", "errors": ["Length of 'routing_key' is incorrect"]})),
    })
    .await;
    assert_eq!(tell(&connection, Channel::PagerDuty, json!({})).await.unwrap(), Reply::Done);
    assert_eq!(server.received().len(), 3);
    let failure = tell(&connection, Channel::PagerDuty, json!({})).await.unwrap_err();
    assert!(failure.is(&NOT_TOLD), "{failure}");
    assert!(failure.message.contains("400") && failure.message.contains("'routing_key' is incorrect"), "{failure}");
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn who_cannot_be_told_is_named_and_no_secret_is() {
    let bare = connect("http://127.0.0.1:1", "").await;
    let failure = tell(&bare, Channel::Slack, json!({})).await.unwrap_err();
    assert!(failure.is(&NOT_TOLD) && failure.message.contains("no account is configured"), "{failure}");
    let folder = tempfile::tempdir().unwrap();
    let (_, connection) = accounts(&folder, |_, _| text_answer(200, "ok")).await;
    let hook = folder.path().join("hook");
    std::fs::write(&hook, format!("http://{}/services/T0/secret", closed_port().await)).unwrap();
    let failure = tell(&connection, Channel::Slack, json!({})).await.unwrap_err();
    assert!(
        failure.message.starts_with("Slack did not answer") && failure.message.contains("after 4 tries"),
        "{failure}"
    );
    assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
    std::fs::write(&hook, "not an address").unwrap();
    assert!(tell(&connection, Channel::Slack, json!({})).await.unwrap_err().message.ends_with("holds no address"));
    std::fs::remove_file(&hook).unwrap();
    assert!(tell(&connection, Channel::Slack, json!({})).await.unwrap_err().is(&NOT_TOLD));
}
