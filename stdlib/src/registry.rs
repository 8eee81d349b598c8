//! The registry: one line for each primitive, noun, and code.
//!
//! A primitive is a file with `pub static PRIMITIVE` beside its body, and one line here, which also makes the file part
//! of the crate.

use meshbook_runtime::noun::NounType;
use meshbook_runtime::primitive::Library;

/// Everything that a runbook can say.
pub static LIBRARY: Library =
    Library { primitives: PRIMITIVES, nouns: NOUNS, codes: CODES, kinds: crate::kubernetes::kinds::known };

macro_rules! primitives {
    ($($name:ident: $file:literal;)*) => {
        $(#[path = $file] pub mod $name;)*
        static PRIMITIVES: &[&meshbook_runtime::primitive::Primitive] = &[$(&$name::PRIMITIVE),*];
    };
}

macro_rules! nouns {
    ($($noun:path;)*) => { static NOUNS: &[NounType] = &[$(NounType::of::<$noun>()),*]; };
}

macro_rules! codes {
    ($($code:ident;)*) => { static CODES: &[&meshbook_runtime::failure::Code] = &[$(&crate::code::$code),*]; };
}

primitives! {
    // Words for every runbook.
    over: "span/over.rs";
    show: "show/show.rs";
    check: "show/check.rs";
    fixed: "endings/fixed.rs";
    found: "endings/found.rs";
    not_this: "endings/not_this.rs";
    cannot_tell: "endings/cannot_tell.rs";
    wrong_parameter: "endings/wrong_parameter.rs";
    // A service and what happens on the way to it.
    host: "host/host.rs";
    host_refusals: "host/refusals.rs";
    host_symptom: "host/symptom.rs";
    host_room: "host/room.rs";
    host_errors: "host/errors.rs";
    host_callers: "host/callers.rs";
    host_proxies: "host/proxies.rs";
    host_rules: "host/rules.rs";
    refusals_is_missing: "refusals/is_missing.rs";
    refusals_why: "refusals/why.rs";
    refusals_is_none: "refusals/is_none.rs";
    refusals_total: "refusals/total.rs";
    refusals_proxies: "refusals/proxies.rs";
    refusals_rules: "refusals/rules.rs";
    errors_is_missing: "errors/is_missing.rs";
    errors_why: "errors/why.rs";
    errors_rate: "errors/rate.rs";
    errors_not_worse_than: "errors/not_worse_than.rs";
    room_is_missing: "room/is_missing.rs";
    room_why: "room/why.rs";
    room_is_exhausted: "room/is_exhausted.rs";
    symptom_is_missing: "symptom/is_missing.rs";
    symptom_why: "symptom/why.rs";
    symptom_runbook: "symptom/runbook.rs";
    // How long requests take, why, and what helps.
    host_latency: "host/latency.rs";
    host_time_spent: "host/time_spent.rs";
    host_throttling: "host/throttling.rs";
    host_ejections: "host/ejections.rs";
    host_timeouts: "host/timeouts.rs";
    host_route: "host/route.rs";
    host_workload: "host/workload.rs";
    host_load: "host/load.rs";
    time_spent_is_missing: "time_spent/is_missing.rs";
    time_spent_why: "time_spent/why.rs";
    time_spent_largest: "time_spent/largest.rs";
    time_spent_dependency: "time_spent/dependency.rs";
    time_spent_rules: "time_spent/rules.rs";
    ejections_are_most: "ejections/are_most.rs";
    timeouts_are_reversed: "timeouts/are_reversed.rs";
    route_retries: "route/retries.rs";
    route_timeout: "route/timeout.rs";
    route_set_retries: "route/set_retries.rs";
    workload_scale: "workload/scale.rs";
    workload_replicas_for: "workload/replicas_for.rs";
    workload_is_ready: "workload/is_ready.rs";
    replicas_at_most: "load/at_most.rs";
    // The memory of sidecars.
    workload_sidecar_memory: "workload/sidecar_memory.rs";
    workload_services: "workload/services.rs";
    workload_errors: "workload/errors.rs";
    memory_is_missing: "memory/is_missing.rs";
    memory_why: "memory/why.rs";
    memory_cause: "memory/cause_of.rs";
    memory_advice: "memory/advice.rs";
    memory_growth: "memory/growth_of.rs";
    memory_limit: "memory/limit_of.rs";
    memory_clusters: "memory/clusters_of.rs";
    memory_has_room: "memory/has_room.rs";
    memory_is_curable: "memory/is_curable.rs";
    memory_limit_configuration: "memory/limit_configuration.rs";
    memory_raise_limit: "memory/raise_limit.rs";
    // Whether both sides agree about mutual TLS.
    host_refused_plaintext: "host/refused_plaintext.rs";
    host_tls_by_caller: "host/tls_by_caller.rs";
    tls_pair_agree: "tls/agree.rs";
    tls_pair_cause: "tls/cause_of.rs";
    tls_pair_advice: "tls/advice.rs";
    tls_pair_caller: "tls/caller.rs";
    tls_pair_destination_rule: "tls/destination_rule.rs";
    tls_pair_is_curable: "tls/is_curable.rs";
    tls_pair_fails: "tls/fails.rs";
    tls_is_counted: "tls/is_counted.rs";
    tls_pair_reaches: "tls/reaches.rs";
    tls_pair_is_missing: "tls/is_missing.rs";
    tls_pair_why: "tls/why.rs";
    // What limits it, and who carries that.
    rule_raise_limits: "rule/raise_limits.rs";
    rule_remove_tls: "rule/remove_tls.rs";
    rule_limits: "rule/limits_of.rs";
    rule_host: "rule/host_of.rs";
    proxy_carries: "proxy/carries.rs";
    proxy_pod: "proxy/pod_of.rs";
    proxy_side: "proxy/side.rs";
    // What runs.
    workload: "workload/workload.rs";
    pod: "workload/pod.rs";
    namespace: "workload/namespace.rs";
    // The control plane.
    control_plane: "control_plane/control_plane.rs";
    control_plane_is_missing: "control_plane/is_missing.rs";
    control_plane_why: "control_plane/why.rs";
    control_plane_traffic: "control_plane/traffic.rs";
    control_plane_proxies: "control_plane/proxies.rs";
    control_plane_webhooks: "control_plane/webhooks_of.rs";
    control_plane_causes: "control_plane/causes_of.rs";
    control_plane_can_correct_selector: "control_plane/can_correct_selector.rs";
    control_plane_correct_selector: "control_plane/correct_selector.rs";
    control_plane_can_admit_proxies: "control_plane/can_admit_proxies.rs";
    control_plane_admit_proxies: "control_plane/admit_proxies.rs";
    connections_are_connected: "control_plane/are_connected.rs";
    connections_is_missing: "control_plane/connections_is_missing.rs";
    connections_why: "control_plane/connections_why.rs";
    webhooks_block_pods: "control_plane/block_pods.rs";
    webhooks_ignore_failures: "control_plane/ignore_failures.rs";
    webhooks_admit_pods: "control_plane/admit_pods.rs";
    causes_is_missing: "causes/is_missing.rs";
    causes_why: "causes/why.rs";
    causes_is_empty: "causes/is_empty.rs";
    causes_first: "causes/first.rs";
    causes_runbook: "causes/runbook.rs";
    triage: "triage/triage.rs";
    versions: "version/versions.rs";
    versions_is_missing: "version/is_missing.rs";
    versions_why: "version/why.rs";
    versions_are_supported: "version/are_supported.rs";
    // The proxies of one workload.
    proxies: "proxies/proxies.rs";
    proxies_is_missing: "proxies/is_missing.rs";
    proxies_why: "proxies/why.rs";
    proxies_log_levels: "log_levels/log_levels_of.rs";
    proxies_set_log_level: "log_levels/set_log_level.rs";
    log_levels_is_missing: "log_levels/is_missing.rs";
    log_levels_why: "log_levels/why.rs";
    log_levels_are: "log_levels/are.rs";
    log_levels_are_as: "log_levels/are_as.rs";
    proxies_overview: "overview/overview_of.rs";
    overview_is_missing: "overview/is_missing.rs";
    overview_why: "overview/why.rs";
    overview_is_well: "overview/is_well.rs";
    overview_cause: "overview/cause_of.rs";
    overview_runbook: "overview/runbook_of.rs";
    proxies_diff: "differences/diff.rs";
    differences_is_missing: "differences/is_missing.rs";
    differences_why: "differences/why.rs";
    differences_is_empty: "differences/is_empty.rs";
    // The configuration of the mesh, by its objects alone.
    analyze: "analysis/analyze.rs";
    messages_is_missing: "analysis/is_missing.rs";
    messages_why: "analysis/why.rs";
    messages_is_empty: "analysis/is_empty.rs";
    messages_cause: "analysis/cause_of.rs";
    messages_runbook: "analysis/runbook_of.rs";
    messages_codes: "analysis/codes_of.rs";
    // What speaks about the requests to a host, and how it is switched on.
    host_sources: "sources/sources_of.rs";
    sources_is_missing: "sources/is_missing.rs";
    sources_why: "sources/why.rs";
    sources_is_enough: "sources/is_enough.rs";
    sources_has: "sources/has.rs";
    sources_advice: "sources/advice.rs";
    workload_export_statistics: "sources/export_statistics.rs";
    workload_write_access_log: "sources/write_access_log.rs";
    // Where one looks.
    dashboards: "dashboards/dashboards.rs";
    dashboards_is_missing: "dashboards/is_missing.rs";
    dashboards_why: "dashboards/why.rs";
    dashboards_has: "dashboards/has.rs";
    dashboards_exists: "dashboards/exists.rs";
    dashboards_all_answer: "dashboards/all_answer.rs";
    // What is installed.
    installation: "installation/installation.rs";
    installation_is_missing: "installation/is_missing.rs";
    installation_why: "installation/why.rs";
    installation_is_whole: "installation/is_whole.rs";
    installation_runbook: "installation/runbook_of.rs";
    // People.
    notify_page: "notify/page.rs";
    notify_resolve: "notify/resolve.rs";
    notify_message: "notify/message.rs";
    // Prometheus.
    prom_query: "prometheus/query.rs";
    metric_is_missing: "metric/is_missing.rs";
    metric_why: "metric/why.rs";
    metric_value: "metric/value.rs";
    // What Prometheus alerts, evaluates, scrapes and remembers; verdicts over it.
    prom_range: "prometheus/range.rs";
    prom_rules: "prometheus/rules.rs";
    prom_alerts: "prometheus/alerts.rs";
    prom_targets: "prometheus/targets.rs";
    prom_matcher: "prometheus/matcher.rs";
    series_label: "series/label_of.rs";
    series_last: "series/last_of.rs";
    series_max: "series/max_of.rs";
    series_points: "series/points_of.rs";
    alert_name: "alert/name.rs";
    alert_is_firing: "alert/is_firing.rs";
    alert_runbook: "alert/runbook_of.rs";
    alerting_rule_name: "alerting_rule/name.rs";
    alerting_rule_state: "alerting_rule/state.rs";
    alert_rules: "alert_rules/alert_rules.rs";
    alert_rules_is_missing: "alert_rules/is_missing.rs";
    alert_rules_why: "alert_rules/why.rs";
    alert_rules_not_loaded: "alert_rules/not_loaded.rs";
    alert_rules_problems: "alert_rules/problems_of.rs";
    alert_rules_how_to_load: "alert_rules/how_to_load.rs";
    target_is_up: "target/is_up.rs";
    target_label: "target/label_of.rs";
    indicator: "indicator/indicator.rs";
    indicator_at_most: "indicator/at_most.rs";
    indicator_at_least: "indicator/at_least.rs";
    indicator_leads_to: "indicator/leads_to.rs";
    indicator_is_beyond: "indicator/is_beyond.rs";
    indicator_is_missing: "indicator/is_missing.rs";
    indicator_why: "indicator/why.rs";
    indicator_what: "indicator/what_of.rs";
    indicator_runbook: "indicator/runbook_of.rs";
    slo: "slo/slo.rs";
    slo_is_missing: "slo/is_missing.rs";
    slo_why: "slo/why.rs";
    slo_missed: "slo/missed_of.rs";
    slo_burning: "slo/burning_of.rs";
    host_name: "host/name_of.rs";
    host_namespace: "host/namespace_of.rs";
    host_fqdn: "host/fqdn_of.rs";
    table: "table/table_of.rs";
    plot: "plot/plot.rs";
    // Jaeger.
    jaeger_services: "trace/services.rs";
    jaeger_slow_traces: "trace/slow_traces.rs";
    trace_id: "trace/id_of.rs";
    trace_duration: "trace/duration_of.rs";
    trace_own_times: "trace/own_times_of.rs";
    own_times_largest: "trace/largest_of.rs";
    // Kubernetes.
    k8s_get: "kubernetes/get.rs";
    k8s_list: "kubernetes/list.rs";
    k8s_patch: "kubernetes/patch.rs";
    k8s_label: "kubernetes/label.rs";
    k8s_annotate: "kubernetes/annotate.rs";
    k8s_scale: "kubernetes/scale.rs";
    // More of Kubernetes: apply, restart, logs, events, permissions, usage.
    k8s_apply: "kubernetes/apply.rs";
    k8s_apply_file: "kubernetes/apply_file.rs";
    k8s_can: "kubernetes/can.rs";
    workload_restart: "workload/restart.rs";
    k8s_events: "event/events.rs";
    object_events: "event/of_object.rs";
    pod_events: "event/of_pod.rs";
    workload_events: "event/of_workload.rs";
    event_reason: "event/reason.rs";
    event_note: "event/note.rs";
    event_count: "event/count_of.rs";
    event_object: "event/object_of.rs";
    event_is_warning: "event/is_warning.rs";
    pod_logs: "log/of_pod.rs";
    workload_logs: "log/of_workload.rs";
    log_line_message: "log/message.rs";
    log_line_time: "log/time_of.rs";
    log_line_pod: "log/pod_of.rs";
    workload_usage: "usage/usage_of.rs";
    usage_is_missing: "usage/is_missing.rs";
    usage_why: "usage/why.rs";
    usage_cpu: "usage/cpu_of.rs";
    usage_memory: "usage/memory_of.rs";
    object_raw: "object/raw.rs";
    object_field: "object/field.rs";
    // What applies to a caller and a host, and why.
    host_effective: "effective/effective_of.rs";
    effective_rules: "effective/rules_of.rs";
    effective_route: "effective/route_of.rs";
    effective_limits: "effective/limits_of.rs";
    effective_sends: "effective/sends.rs";
    effective_accepts: "effective/accepts.rs";
    effective_knows_host: "effective/knows_host.rs";
    effective_candidates: "effective/candidates_of.rs";
    candidate_applies: "candidate/applies.rs";
    candidate_why: "candidate/why.rs";
    candidate_object: "candidate/object_of.rs";
    // What the Envoys of a workload say.
    proxies_clusters: "page/clusters.rs";
    proxies_endpoints: "page/endpoints.rs";
    proxies_listeners: "page/listeners.rs";
    proxies_routes: "page/routes.rs";
    proxies_certificates: "page/certificates.rs";
    proxies_memory: "page/memory.rs";
    proxies_server_info: "page/server_info.rs";
    proxies_stats: "page/stats.rs";
    proxies_config: "page/config.rs";
    page_rows: "page/rows.rs";
    page_silent: "page/silent_of.rs";
    page_is_missing: "page/is_missing.rs";
    page_why: "page/why.rs";
    // What the istiods say, page by page.
    control_plane_sync_state: "control_plane/sync_state.rs";
    control_plane_push_status: "control_plane/push_status.rs";
    control_plane_registry: "control_plane/registry.rs";
    control_plane_ca_root: "control_plane/ca_root.rs";
    // Requests from a workload, and their answers.
    workload_request: "workload/request.rs";
    workload_exec_request: "workload/exec_request.rs";
    answers_are: "request/are.rs";
    answers_count: "request/count_of.rs";
    answers_flagged: "request/flagged.rs";
    answers_have_sidecar: "request/have_sidecar.rs";
    answers_slowest: "request/slowest.rs";
    // Disaster recovery: what people have written of a mesh, kept and restored.
    backup_take: "backup/backup.rs";
    backup_read: "backup/read_backup.rs";
    backup_write: "backup/write.rs";
    backup_is_in: "backup/is_in.rs";
    backup_restoration: "backup/restoration_of.rs";
    restoration_is_empty: "backup/is_empty.rs";
    restoration_parts: "backup/parts.rs";
    restoration_part_restore: "backup/restore.rs";
    restoration_part_is_restored: "backup/is_restored.rs";
    // Installation: what istioctl or Helm renders, applied part by part.
    precheck: "precheck/precheck.rs";
    precheck_is_missing: "precheck/is_missing.rs";
    precheck_why: "precheck/why.rs";
    precheck_is_passed: "precheck/is_passed.rs";
    manifest_of_istio: "manifest/istio_manifest.rs";
    manifest_read: "manifest/read_manifest.rs";
    manifest_outstanding: "manifest/outstanding_of.rs";
    manifest_replaces: "manifest/replaces.rs";
    outstanding_is_empty: "manifest/is_empty.rs";
    outstanding_parts: "manifest/parts.rs";
    outstanding_refused: "manifest/refused.rs";
    manifest_part_apply: "manifest/apply.rs";
    manifest_part_is_applied: "manifest/is_applied.rs";
    // Day 2: certificates, and what proxies carry of a host.
    proxies_identities: "identity/identities_of.rs";
    identities_is_missing: "identity/is_missing.rs";
    identities_why: "identity/why.rs";
    identities_are_valid_for: "identity/are_valid_for.rs";
    identities_replace: "identity/replace.rs";
    host_carried: "carried/carried_of.rs";
    carried_is_missing: "carried/is_missing.rs";
    carried_why: "carried/why.rs";
    carried_since: "carried/since.rs";
    carried_changes_are_everywhere: "carried/are_everywhere.rs";
    carried_walk: "carried/walk_of.rs";
    walk_takes: "carried/takes.rs";
    host_configure: "onboarding/configure.rs";
    host_is_configured: "onboarding/is_configured.rs";
    host_add_missing: "onboarding/add_missing.rs";
    host_is_complete: "onboarding/is_complete.rs";
    host_onboarding: "onboarding/onboarding_of.rs";
    onboarding_lacks: "onboarding/lacks.rs";
    onboarding_seen: "onboarding/seen_of.rs";
    answers_header: "request/header.rs";
    tls_pair_is_mutual: "tls/is_mutual.rs";
    // Traces, and what gathers them.
    namespace_spans: "spans/spans_of.rs";
    spans_arrive: "spans/arrive.rs";
    spans_is_missing: "spans/is_missing.rs";
    spans_why: "spans/why.rs";
    observability: "dashboards/observability.rs";
    // Ingress gateways.
    gateway: "gateway/gateway.rs";
    gateway_lacks: "gateway/lacks.rs";
    gateway_seen: "gateway/seen_of.rs";
    gateway_workload: "gateway/workload_of.rs";
    k8s_create_missing: "kubernetes/create_missing.rs";
    k8s_missing: "kubernetes/missing.rs";
    // Lists.
    list_len: "list/len.rs";
    list_is_empty: "list/is_empty.rs";
    list_all: "list/all.rs";
    list_any: "list/any.rs";
    list_filter: "list/filter.rs";
    list_map: "list/map.rs";
    list_first: "list/first.rs";
    list_contains: "list/contains.rs";
    // Upgrades: revisions of the control plane, who belongs to which, and how it moves.
    revision: "revision/revision.rs";
    revision_is_missing: "revision/is_missing.rs";
    revision_why: "revision/why.rs";
    revision_is_ready: "revision/is_ready.rs";
    revision_injection: "revision/injection_of.rs";
    revision_has_synced: "revision/has_synced.rs";
    revision_dependents: "revision/dependents_of.rs";
    revision_make_default: "revision/make_default.rs";
    revision_is_default: "revision/is_default.rs";
    revision_remove: "revision/remove_from.rs";
    revision_is_removed: "revision/is_removed.rs";
    namespace_injection: "injection/injection_of.rs";
    injection_is_missing: "injection/is_missing.rs";
    injection_why: "injection/why.rs";
    injection_is_by: "injection/is_by.rs";
    injection_is_refused: "injection/is_refused.rs";
    injection_revision: "injection/revision_of.rs";
    dependents_is_missing: "dependents/is_missing.rs";
    dependents_why: "dependents/why.rs";
    dependents_is_empty: "dependents/is_empty.rs";
    namespace_placement: "placement/placement_of.rs";
    placement_rest: "placement/rest.rs";
    placement_without_sidecar: "placement/without_sidecar.rs";
    namespace_create: "workload/create.rs";
    namespace_exists: "workload/exists.rs";
    namespace_label_for: "workload/label_for.rs";
    workload_move_to: "workload/move_to.rs";
    workload_health: "health/health_of.rs";
    health_is_missing: "health/is_missing.rs";
    health_why: "health/why.rs";
    health_not_worse_than: "health/not_worse_than.rs";
    health_workload: "health/workload_of.rs";
    // A second cluster, and where people are led.
    context_read: "context/read.rs";
    confirm: "by_hand/confirm.rs";
    addresses_of: "addresses/addresses.rs";
    lookup: "addresses/lookup.rs";
    addresses_is_missing: "addresses/is_missing.rs";
    addresses_why: "addresses/why.rs";
    addresses_is_empty: "addresses/is_empty.rs";
    addresses_lead_to: "addresses/lead_to.rs";
    serving_of: "serving/serving.rs";
    serving_is_missing: "serving/is_missing.rs";
    serving_why: "serving/why.rs";
    serving_is_whole: "serving/is_whole.rs";
    trust_root_of: "trust_root/trust_root.rs";
    trust_root_is_missing: "trust_root/is_missing.rs";
    trust_root_why: "trust_root/why.rs";
    trust_root_is_shared_with: "trust_root/is_shared_with.rs";
}

nouns! {
    crate::host::Host;
    crate::proxy::Proxy;
    crate::rule::Rule;
    crate::rule::Limits;
    crate::refusals::Refusals;
    crate::errors::Errors;
    crate::room::Room;
    crate::symptom::Symptom;
    crate::control_plane::ControlPlane;
    crate::control_plane::connection::Connections;
    crate::control_plane::webhooks::Webhooks;
    crate::causes::Causes;
    crate::installation::Installation;
    crate::version::Versions;
    crate::tls::TlsPair;
    // The proxies of one workload.
    crate::proxies::Proxies;
    crate::log_levels::LogLevels;
    crate::overview::Overview;
    crate::differences::Differences;
    crate::analysis::Messages;
    crate::sources::Sources;
    crate::dashboards::Dashboards;
    crate::metric::Metric;
    crate::memory::SidecarMemory;
    crate::time_spent::TimeSpent;
    crate::ejections::Ejections;
    crate::timeouts::Timeouts;
    crate::route::Route;
    crate::load::Load;
    crate::load::replicas::Replicas;
    crate::object::Object;
    crate::workload::Workload;
    crate::workload::Pod;
    crate::workload::Namespace;
    crate::event::Event;
    crate::log::LogLine;
    crate::usage::Usage;
    crate::series::Series;
    crate::alert::Alert;
    crate::alerting_rule::AlertingRule;
    crate::alert_rules::AlertRules;
    crate::target::Target;
    crate::indicator::Indicator;
    crate::slo::SloReport;
    crate::table::Table;
    crate::effective::Effective;
    crate::candidate::Candidate;
    crate::page::Page;
    crate::trace::Trace;
    crate::trace::OwnTimes;
    crate::request::Answers;
    // Disaster recovery.
    crate::backup::Backup;
    crate::backup::restoration::Restoration;
    crate::backup::restoration::Part;
    // Installation.
    crate::precheck::Precheck;
    crate::manifest::Manifest;
    crate::manifest::outstanding::Outstanding;
    crate::manifest::outstanding::Part;
    // Day 2.
    crate::identity::Identities;
    crate::carried::Carried;
    crate::carried::changes::CarriedChanges;
    crate::carried::walk::Walk;
    crate::onboarding::Onboarding;
    // Upgrades.
    crate::revision::Revision;
    crate::injection::Injection;
    crate::placement::Placement;
    crate::gateway::Gateway;
    crate::spans::Spans;
    crate::dependents::Dependents;
    crate::health::Health;
    meshbook_runtime::value::Span;
    meshbook_runtime::value::List;
    // A second cluster.
    meshbook_runtime::value::Context;
    crate::addresses::Addresses;
    crate::serving::Serving;
    crate::trust_root::TrustRoot;
}

codes! {
    HOST_UNKNOWN;
    WORKLOAD_UNKNOWN;
    NO_CALLERS;
    LIMIT_RANGE;
    RULE_SHARED;
    NO_RULE;
    FIELD;
    AUTOSCALED;
    EMPTY;
    ROUTE;
    RETRIES;
    REPLICAS;
    CONTROL_PLANE_AMBIGUOUS;
    TELEMETRY;
    MEMORY;
    HOST_PORT;
    ENVOY_FILTER;
    ENVOY_RESOURCE;
    NO_ROLLOUT;
    CONTAINER;
    // Requests from a workload.
    REQUEST;
    // Disaster recovery.
    MANIFEST;
    BACKUP_DAMAGED;
    BACKUP_FOREIGN;
    BACKUP_KEY;
    // Day 2.
    CONFIGURED_ELSEWHERE;
    SUBSET_UNKNOWN;
    // Upgrades.
    NO_INJECTOR;
    REVISION_IN_USE;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use meshbook_runtime::effect::Class;
    use meshbook_runtime::failure;
    use meshbook_runtime::primitive::{Expect, Inverse, Primitive};

    use super::*;

    /// Calls that cannot be taken back by their nature.
    const IRREVERSIBLE: [&str; 5] = ["restart", "delete", "uninstall", "exec", "notify"];

    fn faults(primitive: &Primitive) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |sound: bool, what: &str| {
            if !sound {
                faults.push(format!("{}: {what}", primitive.signature()));
            }
        };
        let sentence = |text: &str| text.ends_with('.') && text.chars().next().is_some_and(char::is_uppercase);
        demand(!primitive.name.is_empty(), "has no name");
        demand(sentence(primitive.summary), "its summary is not a sentence");
        demand(primitive.doc.is_empty() || primitive.doc.ends_with('.'), "its doc does not end as a sentence does");
        demand(!primitive.examples.is_empty(), "has no example");
        demand(!primitive.search.is_empty(), "has no search words");
        demand(primitive.params.iter().all(|param| !param.doc.is_empty()), "a parameter has no doc");
        let optional =
            primitive.params.iter().position(|param| param.default.is_some()).unwrap_or(primitive.params.len());
        demand(
            primitive.params[optional..].iter().all(|param| param.default.is_some()),
            "a parameter that must be given follows one that need not",
        );
        // People are told, and names are looked up, without the cluster.
        let tells =
            (primitive.name.starts_with("notify::") || primitive.name == "lookup") && primitive.permissions.is_empty();
        demand(
            tells || primitive.class.is_none() == primitive.permissions.is_empty(),
            "its permissions do not fit its class",
        );
        match (&primitive.class, &primitive.inverse) {
            (Some(Class::Change), Some(Inverse::PreImage | Inverse::Deletion | Inverse::WithinCall)) => {
                demand(!primitive.errors.is_empty(), "changes something and documents no error")
            }
            (Some(Class::Change), _) => demand(false, "changes something and says not how it is taken back"),
            (Some(Class::Irreversible), Some(Inverse::Irreversible(why))) => {
                demand(
                    IRREVERSIBLE.contains(&primitive.name.rsplit("::").next().unwrap_or_default()),
                    "may not be irreversible",
                );
                demand(!why.is_empty(), "does not say why it cannot be taken back");
            }
            (Some(Class::Irreversible), _) => demand(false, "is irreversible and does not say why"),
            (_, inverse) => demand(inverse.is_none(), "changes nothing and has an inverse"),
        }
        if primitive.class >= Some(Class::Change) {
            demand(
                primitive.examples.iter().any(|e| matches!(e.expect, Expect::Changes(_))),
                "changes something and no example shows what",
            );
        }
        for example in primitive.examples {
            if let Expect::Fails(code) = example.expect {
                demand(
                    primitive.errors.iter().any(|c| c.name == code)
                        || code == failure::TYPE.name
                        || code == failure::NO_DATA.name,
                    &format!("its example fails with {code}, which it does not document"),
                );
            }
        }
        faults
    }

    #[test]
    fn every_descriptor_is_whole() {
        let faults: Vec<_> = LIBRARY.primitives.iter().flat_map(|primitive| faults(primitive)).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn the_rules_for_descriptors_find_what_breaks_them() {
        let bad = Primitive { name: "k8s::patch", class: Some(Class::Change), ..crate::descriptor::PRIMITIVE };
        let found = faults(&bad).join("\n");
        for expected in ["says not how it is taken back", "has no example", "no example shows what", "summary"] {
            assert!(found.contains(expected), "{expected} in {found}");
        }
        let worse =
            Primitive { class: Some(Class::Irreversible), inverse: Some(Inverse::Irreversible("it is gone")), ..bad };
        assert!(faults(&worse).join("\n").contains("may not be irreversible"));
    }

    #[test]
    fn names_are_unique_and_types_are_known() {
        let mut seen = BTreeSet::new();
        let nouns: BTreeSet<_> = LIBRARY.nouns.iter().map(|noun| noun.name).collect();
        assert_eq!(nouns.len(), LIBRARY.nouns.len(), "a noun is listed twice");
        for primitive in LIBRARY.primitives {
            assert!(seen.insert((primitive.receiver, primitive.name)), "{} is listed twice", primitive.signature());
            assert!(
                primitive.receiver.is_none_or(|receiver| nouns.contains(receiver)),
                "{}: unknown receiver",
                primitive.signature()
            );
            let inner = primitive
                .returns
                .strip_prefix("List<")
                .and_then(|rest| rest.strip_suffix('>'))
                .unwrap_or(primitive.returns);
            let plain = ["()", "bool", "int", "float", "string", "map", "array", "any"];
            assert!(plain.contains(&inner) || nouns.contains(inner), "{}: unknown result", primitive.signature());
        }
        for noun in LIBRARY.nouns {
            assert!(noun.doc.ends_with('.'), "{} has no doc", noun.name);
        }
    }

    #[test]
    fn codes_are_unique_and_explained() {
        let mut names = BTreeSet::new();
        for code in LIBRARY.codes.iter().chain(failure::CODES) {
            assert!(names.insert(code.name), "{} is listed twice", code.name);
            assert!(code.name.starts_with("meshbook::") && code.explain.ends_with('.'), "{}", code.name);
        }
        for primitive in LIBRARY.primitives {
            for code in primitive.errors {
                assert!(names.contains(code.name), "{}: {} is in no registry", primitive.signature(), code.name);
            }
        }
    }
}
