//! What a world file says about GitOps controllers.

use serde::{Deserialize, Serialize};

use super::span::Span;

/// An object that a GitOps controller owns and writes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitOps {
    /// API group, empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// The object's namespace; the world's if absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
    /// How long after it was changed it is written back.
    #[serde(default = "after")]
    pub after: Span,
    /// The controller's field manager.
    #[serde(default = "manager")]
    pub manager: String,
}

fn after() -> Span {
    Span::millis(10_000)
}
fn manager() -> String {
    "argocd-controller".into()
}
