//! Which part of the requests that a workload sends failed, by Prometheus.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::Workload;
use crate::errors::{Counted, Errors};
use crate::prometheus::{self, quote};

/// Counts them over a span.
///
/// # Errors
/// What a script may not handle.
pub fn sent(run: &Run, work: &Workload, span: Span) -> Result<Errors, Failure> {
    let query = format!(
        "sum by (response_code) (increase(istio_requests_total{{reporter=\"source\",source_workload_namespace={},source_workload={}}}[{span}]))",
        quote(work.object().namespace.as_deref().unwrap_or_default()),
        quote(&work.object().name)
    );
    let counted = prometheus::ask(run, "requests that it sends", query)?.map(|series| {
        let (mut total, mut errors) = (0.0, 0.0);
        for one in &series {
            let value = one.last().map_or(0.0, |(_, value)| value);
            let code = one.label("response_code");
            total += value;
            errors += if code.starts_with('5') || code == "0" { value } else { 0.0 };
        }
        Counted { total, errors, source: "Prometheus: istio_requests_total" }
    });
    Ok(Errors::sent(work, span, counted))
}
