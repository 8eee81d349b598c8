//! Server-side apply: the server merges what our field manager wants into what others have set.
//!
//! A field that another manager owns with another value is a conflict, and refused: it is never taken by force. One that
//! our own field manager has set by another kind of request (a patch, or the creation of the object) is not another's,
//! though the server tells the two apart by their `operation`: such fields, and only such, are taken over.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::send;
use crate::effect::{Call, ObjectRef};
use crate::failure::{CONFLICT, Failure};
use crate::run::Caller;

/// `conflict with "kubectl" using apps/v1: .spec.replicas`, or `conflicts with "kubectl":` and a list of fields
/// (`k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go`). The name is written as by Go's `%q`.
static CONFLICTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"conflicts? with "((?:[^"\\]|\\.)*)""#).expect("the pattern is a constant that the tests compile")
});

/// A message this long may have been cut, and name not all managers.
const LONGEST: usize = 4000;

/// Lets the server try it (`dryRun=All`). Answers the object as it would be, and whether it has to be forced.
pub(super) fn trial(
    caller: &Caller,
    object: &ObjectRef,
    configuration: &Value,
    field_manager: &str,
) -> Result<(Value, bool), Failure> {
    let ask = |force| {
        let call = Call::Apply { object: object.clone(), configuration: configuration.clone(), force, dry_run: true };
        send::document(caller.unless_stopped(caller.transport.call(&call))??, object)
    };
    match ask(false) {
        Err(failure) if failure.is(&CONFLICT) && is_with_ourselves(&failure.message, field_manager) => {
            Ok((ask(true)?, true))
        }
        answer => Ok((answer?, false)),
    }
}

/// Sends it, once.
pub(super) fn send(caller: &Caller, object: &ObjectRef, configuration: &Value, force: bool) -> Result<Value, Failure> {
    let call = Call::Apply { object: object.clone(), configuration: configuration.clone(), force, dry_run: false };
    send::document(caller.firmly(&call)?, object)
}

/// Whether every manager that a refusal names is ours.
fn is_with_ourselves(message: &str, field_manager: &str) -> bool {
    let mut named = CONFLICTS.captures_iter(message).peekable();
    message.chars().count() < LONGEST && named.peek().is_some() && named.all(|name| &name[1] == field_manager)
}

#[cfg(test)]
mod tests {
    use super::is_with_ourselves;

    #[test]
    fn only_a_conflict_with_nobody_else_is_ours() {
        let ours = r#"Apply failed with 1 conflict: conflict with "meshbook" using v1: .data.a"#;
        let several = r#"Apply failed with 2 conflicts: conflicts with "kubectl" using v1: - .data.a conflicts with "meshbook" using v1: - .data.b"#;
        assert!(is_with_ourselves(ours, "meshbook"));
        assert!(!is_with_ourselves(several, "meshbook"));
        assert!(!is_with_ourselves(&ours.replace("meshbook", r#"a\"meshbook"#), "meshbook"));
        assert!(!is_with_ourselves("the object has been modified", "meshbook"), "a stale version is no such conflict");
        assert!(!is_with_ourselves(&format!("{ours}{}", "x".repeat(5000)), "meshbook"), "it may have been cut");
    }
}
