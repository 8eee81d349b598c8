//! Istio's webhooks, as a noun.

use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use super::ControlPlane;
use super::webhook::Webhook;
use crate::text::{and, count, some};

/// Istio's webhooks.
#[derive(Clone, Debug)]
pub struct Webhooks(Arc<ControlPlane>);

impl Webhooks {
    /// The webhooks of a control plane.
    pub fn new(plane: ControlPlane) -> Self {
        Webhooks(Arc::new(plane))
    }

    /// The control plane that they belong to.
    pub fn plane(&self) -> &ControlPlane {
        &self.0
    }

    fn all(&self) -> &[Webhook] {
        self.0.seen().map_or(&[], |seen| seen.webhooks.as_slice())
    }
}

impl Noun for Webhooks {
    const NAME: &'static str = "Webhooks";
    const DOC: &'static str = "Istio's admission webhooks: which Service each calls, what stands behind it, and whether pods and Istio objects are refused while nothing does.";

    fn text(&self) -> String {
        if let Some(missing) = self.0.missing() {
            return format!("the webhooks cannot be seen: {missing}");
        }
        let mut blocked: Vec<String> =
            self.all().iter().filter(|one| one.blocks_pods()).flat_map(|one| one.namespaces.clone()).collect();
        blocked.sort();
        blocked.dedup();
        let objects = self.all().iter().any(|one| !one.injects() && one.refuses());
        match (blocked.is_empty(), objects) {
            (true, false) => format!(
                "{} of Istio refuse nothing for want of an answer",
                count(self.all().len(), "webhook", "webhooks")
            ),
            (true, true) => "Istio objects are refused: nothing answers their webhook".into(),
            (false, false) => format!("new pods are refused in {}", some(&blocked, 5)),
            (false, true) => format!("new pods are refused in {}, and Istio objects as well", some(&blocked, 5)),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["CONFIGURATION", "CALLS", "READY", "WITHOUT ANSWER", "WEBHOOKS"]);
        let mut seen: Vec<(&str, &Webhook, Vec<String>)> = Vec::new();
        for one in self.all() {
            match seen.iter_mut().find(|(name, first, _)| *name == one.configuration && first.kind == one.kind) {
                Some((_, _, names)) => names.push(one.name.clone()),
                None => seen.push((&one.configuration, one, vec![one.name.clone()])),
            }
        }
        for (name, one, names) in seen {
            let ready = match one.endpoints {
                None => "no such Service".to_owned(),
                Some(ready) if one.shut_off => format!("{ready}, shut off by a NetworkPolicy"),
                Some(ready) => ready.to_string(),
            };
            let what = if one.injects() { "pods" } else { "Istio objects" };
            let fails = self.all().iter().any(|other| other.configuration == *name && other.fails);
            let then = if fails { format!("{what} are refused") } else { format!("{what} pass without it") };
            let short: Vec<_> = names
                .iter()
                .map(|name| name.trim_end_matches(".istio.io").trim_end_matches(".sidecar-injector").to_owned())
                .collect();
            table.row([name.to_owned(), format!("{}/{}", one.service.0, one.service.1), ready, then, and(&short)]);
        }
        if table.rows.is_empty() {
            table.columns.clear();
        }
        table
    }

    fn json(&self) -> Value {
        json!(self.all().iter().map(|one| json!({
            "configuration": one.configuration, "kind": one.kind, "name": one.name, "service": format!("{}/{}", one.service.0, one.service.1),
            "ready": one.endpoints, "fails": one.fails, "namespaces": one.namespaces,
        })).collect::<Vec<_>>())
    }
}
