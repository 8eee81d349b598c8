//! Dashboards that a person opens: only whether they are well.

use super::config::ContextConfig;
use super::kubernetes::Query;
use super::port_forward::Forwards;
use super::server::Server;
use super::source::{Answer, GRAFANA, KIALI, Source};
use crate::effect::{Dashboard, Reply};
use crate::failure::{Failure, NOT_FOUND};

/// The dashboards that are configured for one context.
pub(super) struct Dashboards {
    grafana: Option<Source>,
    kiali: Option<Source>,
}

impl Dashboards {
    /// As configured. Nothing is sent before the first question.
    pub(super) fn new(config: &ContextConfig) -> Self {
        Dashboards {
            grafana: config.grafana.clone().map(|config| Source::new(&GRAFANA, config)),
            kiali: config.kiali.clone().map(|config| Source::new(&KIALI, config)),
        }
    }

    /// A page, whatever its status: who asks after its health wants to know.
    pub(super) async fn page(
        &self,
        server: &Server,
        forwards: &Forwards,
        of: Dashboard,
        path: &str,
    ) -> Result<Reply, Failure> {
        let (source, name) = match of {
            Dashboard::Grafana => (&self.grafana, "Grafana"),
            Dashboard::Kiali => (&self.kiali, "Kiali"),
        };
        let Some(source) = source else {
            return Err(Failure::new(&NOT_FOUND, format!("no {name} is configured for this context")));
        };
        let read = |answer: &Answer| {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            Ok(Reply::Http { status: answer.status.as_u16(), body })
        };
        source.ask(server, forwards, path, &Query::of(&[]), read).await
    }
}
