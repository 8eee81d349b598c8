//! The list of targets. A target is one file and one entry here.

pub mod cli;
pub mod lab;
pub mod runtime;
pub mod stdlib;

use crate::Target;
use crate::seeds::{Part, Recorded};

const RUNBOOKS: Recorded = all("runbooks", ".rhai");
const SPECS: &str = "tests/specs";
const ENVOY: &str = "lab/testdata/istio/envoy";
const ISTIOD: &str = "lab/testdata/istio/istiod";
const EXCHANGES: &str = "lab/testdata/kubernetes/exchanges";
const PROMETHEUS: &str = "lab/testdata/prometheus";
const ISTIO: &str = "stdlib/testdata/istio-1.31";

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "cli_arguments", run: |bytes| text(bytes, cli::arguments::run), recorded: &[], cases: 600 },
    Target {
        name: "cli_escape",
        run: |bytes| text(bytes, cli::escape::run),
        recorded: &[all("lab/testdata/istio/faults", ".txt")],
        cases: 600,
    },
    Target { name: "runtime_answers", run: runtime::answers::run, recorded: &[], cases: 600 },
    Target {
        name: "runtime_bodies",
        run: |bytes| runtime::answers::run(&[&[7, 1], bytes].concat()),
        recorded: &[part(EXCHANGES, ".http", Part::Body), all(PROMETHEUS, ".json")],
        cases: 600,
    },
    Target { name: "runtime_change", run: |bytes| text(bytes, runtime::change::run), recorded: &[], cases: 600 },
    Target { name: "runtime_config", run: |bytes| text(bytes, runtime::config::run), recorded: &[], cases: 600 },
    Target {
        name: "runtime_kubeconfig",
        run: |bytes| text(bytes, runtime::kubeconfig::run),
        recorded: &[],
        cases: 600,
    },
    Target { name: "runtime_matchers", run: |bytes| text(bytes, runtime::matchers::run), recorded: &[], cases: 600 },
    Target { name: "runtime_pages", run: runtime::pages::run, recorded: &[all(ENVOY, ".logging.txt")], cases: 600 },
    Target { name: "runtime_params", run: |bytes| text(bytes, runtime::params::run), recorded: &[], cases: 300 },
    Target { name: "runtime_record", run: runtime::record::run, recorded: &[], cases: 300 },
    Target {
        name: "runtime_redact",
        run: |bytes| text(bytes, runtime::redact::run),
        recorded: &[part(EXCHANGES, ".http", Part::Body), all("lab/testdata/istio/faults", ".txt")],
        cases: 300,
    },
    Target {
        name: "runtime_script",
        run: |bytes| text(bytes, runtime::script::run),
        recorded: &[RUNBOOKS, all(SPECS, ".rhai")],
        cases: 100,
    },
    Target { name: "runtime_span", run: runtime::span::run, recorded: &[RUNBOOKS], cases: 600 },
    Target { name: "runtime_values", run: |bytes| text(bytes, runtime::values::run), recorded: &[], cases: 600 },
    Target {
        name: "stdlib_access_log",
        run: |bytes| text(bytes, stdlib::access_log::run),
        recorded: &[part(ENVOY, ".access.log.sample", Part::Lines), part(ISTIO, ".txt", Part::Lines)],
        cases: 600,
    },
    Target {
        name: "stdlib_backup",
        run: |bytes| text(bytes, stdlib::backup::run),
        recorded: &[all("stdlib/testdata/backup", ".yaml")],
        cases: 300,
    },
    Target { name: "stdlib_certificates", run: stdlib::certificates::run, recorded: &[], cases: 300 },
    Target {
        name: "stdlib_envoy_pages",
        run: |bytes| text(bytes, stdlib::envoy_pages::run),
        recorded: &[all(ISTIO, ".json"), all(ENVOY, ".memory.json"), all(ENVOY, ".certs.json")],
        cases: 200,
    },
    Target {
        name: "stdlib_istiod",
        run: |bytes| text(bytes, stdlib::istiod::run),
        recorded: &[all(ISTIOD, ""), all(ISTIO, "istiod.syncz.json")],
        cases: 200,
    },
    Target { name: "stdlib_jaeger", run: stdlib::jaeger::run, recorded: &[], cases: 600 },
    Target { name: "stdlib_names", run: |bytes| text(bytes, stdlib::names::run), recorded: &[], cases: 600 },
    Target { name: "stdlib_objects", run: stdlib::objects::run, recorded: &[all(ISTIO, "pod.front.json")], cases: 300 },
    Target {
        name: "stdlib_printed",
        run: |bytes| text(bytes, stdlib::printed::run),
        recorded: &[all("lab/testdata/curl", ".txt")],
        cases: 600,
    },
    Target { name: "stdlib_prometheus", run: stdlib::prometheus::run, recorded: &[], cases: 600 },
    Target {
        name: "stdlib_rules",
        run: |bytes| text(bytes, stdlib::rules::run),
        recorded: &[all(PROMETHEUS, ".json")],
        cases: 300,
    },
    Target { name: "lab_api", run: lab::api::run, recorded: &[part(EXCHANGES, ".http", Part::Request)], cases: 300 },
    Target { name: "lab_exec", run: |bytes| text(bytes, lab::exec::run), recorded: &[], cases: 100 },
    Target { name: "lab_fields", run: |bytes| text(bytes, lab::fields::run), recorded: &[], cases: 300 },
    Target { name: "lab_pages", run: |bytes| text(bytes, lab::pages::run), recorded: &[], cases: 100 },
    Target { name: "lab_promql", run: |bytes| text(bytes, lab::promql::run), recorded: &[], cases: 100 },
    Target {
        name: "lab_world",
        run: |bytes| text(bytes, lab::world::run),
        recorded: &[all("lab/worlds", ".toml")],
        cases: 50,
    },
];

const fn all(folder: &'static str, ends: &'static str) -> Recorded {
    part(folder, ends, Part::Whole)
}

const fn part(folder: &'static str, ends: &'static str, part: Part) -> Recorded {
    Recorded { folder, ends, part }
}

/// Bytes that are no text never reach a parser of texts: whoever reads them looks first.
fn text(bytes: &[u8], run: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        run(text);
    }
}
