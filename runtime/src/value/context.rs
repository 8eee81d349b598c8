//! The name of a second cluster that a runbook reads.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name of a context that is taken.
const LONGEST: usize = 253;

/// A context of the kubeconfig (on the lab: a world), by its name. It says which cluster, and gives no way to it: that is
/// pinned when the run starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context(Arc<str>);

impl Context {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl FromStr for Context {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sound = !text.trim().is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
        if sound { Ok(Context(text.into())) } else { Err("it is not the name of a context".into()) }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_has_a_name_that_can_be_printed() {
        assert_eq!(
            "gke_shop_europe-west1_b".parse().map(|context: Context| context.to_string()),
            Ok("gke_shop_europe-west1_b".into())
        );
        for bad in ["", " ", "a\u{1b}[2Jb", "a\nb", "a\0b"] {
            assert!(bad.parse::<Context>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(LONGEST + 1).parse::<Context>().is_err());
    }
}
