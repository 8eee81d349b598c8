//! `notify::`: telling people, at the account that the configuration file names for the context.

use meshbook_runtime::effect::{Channel, Notice};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

/// Longest summary of an event: PagerDuty cuts a longer one.
const SUMMARY: usize = 1024;
/// Longest text of a message: Slack refuses a longer one.
const TEXT: usize = 40_000;

/// Sends a message, and shows that it was sent, or why not.
///
/// # Errors
/// `NOT_TOLD`; or what a script may not handle.
fn send(run: &Run, channel: Channel, message: Value, summary: &str) -> Result<(), Failure> {
    let line = match run.tell(Notice { channel, message }, summary)? {
        None => format!("told {channel}: {summary}"),
        Some(why) => format!("not told to {channel}, since {why}: {summary}"),
    };
    run.show(Table::line(&line), json!(line));
    Ok(())
}

/// By what events of the same trouble are known to be one: the runbook, and where it runs.
fn key(run: &Run, given: &str) -> String {
    if !given.is_empty() {
        return given.to_owned();
    }
    format!("meshbook {} {} {}", run.context(), run.namespace(), run.settings().script)
}

/// So much of a text as fits.
fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let kept = text[..end].char_indices().next_back().map_or(0, |(last, _)| last);
    format!("{}…", &text[..kept])
}

/// An event that opens an incident: `PD-CEF` in `payload`.
fn trigger(run: &Run, summary: &str, severity: &str, key: &str) -> Value {
    json!({
        "event_action": "trigger",
        "dedup_key": cut(key, 255),
        "client": "meshbook",
        "payload": {
            "summary": cut(summary, SUMMARY),
            "source": format!("{} namespace {}", run.context(), run.namespace()),
            "severity": severity,
            "component": run.settings().script,
            "custom_details": {"run": run.id()},
        },
    })
}

/// An event that ends an incident.
fn resolved(key: &str) -> Value {
    json!({"event_action": "resolve", "dedup_key": cut(key, 255)})
}

/// A message whose characters mean nothing but themselves.
fn text(text: &str) -> Value {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({"text": cut(&plain, TEXT)})
}

/// Opens an incident at PagerDuty, or tells more about one that is open. Answers its key.
///
/// # Errors
/// `NOT_TOLD`; or what a script may not handle.
pub fn page(run: &Run, summary: &str, severity: &str, given: &str) -> Result<String, Failure> {
    let key = key(run, given);
    send(run, Channel::PagerDuty, trigger(run, summary, severity, &key), summary)?;
    Ok(key)
}

/// Ends an incident at PagerDuty.
///
/// # Errors
/// `NOT_TOLD`; or what a script may not handle.
pub fn resolve(run: &Run, given: &str) -> Result<(), Failure> {
    let key = key(run, given);
    send(run, Channel::PagerDuty, resolved(&key), &format!("resolved: {key}"))
}

/// Tells the channel of a webhook.
///
/// # Errors
/// `NOT_TOLD`; or what a script may not handle.
pub fn message(run: &Run, said: &str) -> Result<(), Failure> {
    send(run, Channel::Slack, text(said), said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_cannot_address_anybody() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("größer", 4), "grö…");
        assert_eq!(text("<!channel> a & b")["text"], "&lt;!channel&gt; a &amp; b");
        assert_eq!(resolved(&"k".repeat(300))["dedup_key"].as_str().map(|key| key.chars().count()), Some(255));
    }
}
