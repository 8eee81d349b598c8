//! Istio's root namespace, whose rules hold for the whole mesh.

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::absorb;
use crate::kubernetes::{kinds, read};

/// Where Istio is installed, and its root namespace unless the mesh configuration says otherwise.
pub const ISTIO_SYSTEM: &str = "istio-system";

/// The root namespace, from `rootNamespace` in the ConfigMap `istio`; where that cannot be read, the default.
///
/// # Errors
/// What a script may not handle.
pub fn namespace(run: &Run) -> Result<String, Failure> {
    let config = match read::find(run, &ObjectRef::new(kinds::config_map(), ISTIO_SYSTEM, "istio")) {
        Ok(config) => config,
        Err(failure) => absorb(failure).map(|_| None)?,
    };
    let mesh = config.as_ref().and_then(|c| c.pointer("/data/mesh")).and_then(Value::as_str);
    Ok(mesh.and_then(root_of).unwrap_or(ISTIO_SYSTEM).to_owned())
}

/// `rootNamespace: NAME` at the top level of the mesh configuration, which is YAML.
fn root_of(mesh: &str) -> Option<&str> {
    let value = mesh.lines().find_map(|line| line.strip_prefix("rootNamespace:"))?;
    let value = value.split(" #").next().unwrap_or(value).trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_at_the_top_level_counts() {
        assert_eq!(root_of("accessLogFile: /dev/stdout\nrootNamespace: mesh-root # ours\n"), Some("mesh-root"));
        assert_eq!(root_of("rootNamespace: \"istio-config\""), Some("istio-config"));
        assert_eq!(root_of("defaultConfig:\n  rootNamespace: x\n"), None);
        assert_eq!(root_of("rootNamespace:\n"), None);
    }
}
