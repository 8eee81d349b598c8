//! Whether a gateway can serve a public name: its route, and the services behind it.

pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::{and, count};

/// One service, as it can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `graph-core.summit`.
    pub service: String,
    /// Ready pods and wanted ones, of all workloads of its pods.
    pub pods: (u64, u64),
    /// Ready endpoints, of its EndpointSlices.
    pub endpoints: usize,
    /// Healthy endpoints that the pod of the gateway has that has the fewest.
    pub at_gateway: usize,
    /// What is wrong with it, if anything is.
    pub wrong: Option<String>,
}

/// What is known of a gateway and the services behind a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How many pods of the gateway answered.
    pub gateways: usize,
    /// What is wrong with the gateway, if anything is: no pod, pods that do not answer, no route.
    pub wrong: Vec<String>,
    /// The services.
    pub rows: Vec<Row>,
}

/// Whether a gateway can serve a public name.
#[derive(Clone, Debug)]
pub struct Serving(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    gateway: String,
    seen: Result<Seen, Missing>,
}

impl Serving {
    fn new(name: String, gateway: String, seen: Result<Seen, Missing>) -> Self {
        Serving(Arc::new(Inner { name, gateway, seen }))
    }

    /// What is wrong.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn wrong(&self) -> Result<Vec<String>, Failure> {
        let seen = self.0.seen.as_ref().map_err(|missing| missing.failure(&format!("what serves {}", self.0.name)))?;
        Ok(faults(seen))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }
}

/// What is wrong, the gateway first.
fn faults(seen: &Seen) -> Vec<String> {
    let services = seen.rows.iter().filter_map(|row| Some(format!("{} {}", row.service, row.wrong.as_deref()?)));
    seen.wrong.iter().cloned().chain(services).collect()
}

impl Noun for Serving {
    const NAME: &'static str = "Serving";
    const DOC: &'static str = "Whether a gateway can serve a public name: a route for it, and healthy endpoints of the services behind it, as every pod of the gateway sees them. May be missing.";

    fn text(&self) -> String {
        let Inner { name, gateway, seen } = &*self.0;
        let seen = match seen {
            Err(missing) => return format!("it is not known whether {name} can be served: {missing}"),
            Ok(seen) => seen,
        };
        let services: Vec<_> = seen.rows.iter().map(|row| row.service.clone()).collect();
        match faults(seen).as_slice() {
            [] => format!("{gateway} can serve {name} from {}", and(&services)),
            [one] => format!("{name} cannot be served: {one}"),
            [one, rest @ ..] => format!("{name} cannot be served: {one} (and {} more)", rest.len()),
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table = Table::new(self.text(), &["SERVICE", "PODS READY", "ENDPOINTS READY", "AT THE GATEWAY", ""]);
        for row in &seen.rows {
            let (ready, wanted) = row.pods;
            table.row([
                row.service.clone(),
                format!("{ready} of {wanted}"),
                row.endpoints.to_string(),
                row.at_gateway.to_string(),
                row.wrong.clone().unwrap_or_else(|| "ok".into()),
            ]);
        }
        table.notes.push(format!("asked {} of {}", count(seen.gateways, "pod", "pods"), self.0.gateway));
        table.notes.extend(seen.wrong.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        let Inner { name, gateway, seen } = &*self.0;
        match seen {
            Err(missing) => json!({ "name": name, "gateway": gateway, "missing": missing.to_string() }),
            Ok(seen) => {
                let rows: Vec<_> = seen.rows.iter().map(|row| json!({ "service": row.service, "pods_ready": row.pods.0, "pods_wanted": row.pods.1, "endpoints_ready": row.endpoints, "endpoints_at_gateway": row.at_gateway, "wrong": row.wrong })).collect();
                json!({ "name": name, "gateway": gateway, "gateway_pods": seen.gateways, "wrong": seen.wrong, "services": rows })
            }
        }
    }
}
