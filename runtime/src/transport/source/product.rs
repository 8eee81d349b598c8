//! The products that are asked, and how each is found in a cluster.

/// What is asked, and how its Service is recognised.
#[derive(Debug)]
pub(in crate::transport) struct Product {
    /// Its name in messages.
    pub(in crate::transport) name: &'static str,
    /// Its table in the configuration file.
    pub(in crate::transport) section: &'static str,
    /// Label selectors that the usual ways to install it put on its Service, in the order of trust.
    pub(in crate::transport) labels: &'static [&'static str],
    /// Names of the Service that serves its API, the likeliest first; none if any name may.
    pub(in crate::transport) services: &'static [&'static str],
    /// Namespaces in which it usually is, the likeliest first.
    pub(in crate::transport) namespaces: &'static [&'static str],
    /// Values of `app.kubernetes.io/component` that the server itself has, and not a companion from the same chart.
    pub(in crate::transport) components: &'static [&'static str],
    /// Names of the Service's port that serves the API, the likeliest first.
    pub(in crate::transport) ports: &'static [&'static str],
    /// Its number where no name is known.
    pub(in crate::transport) port: u16,
}

/// Prometheus: charts and kube-prometheus, Istio's samples, and the operator's governing Service.
pub(in crate::transport) static PROMETHEUS: Product = Product {
    name: "Prometheus",
    section: "prometheus",
    labels: &["app.kubernetes.io/name=prometheus", "app=prometheus", "operated-prometheus=true"],
    services: &[],
    namespaces: &["istio-system", "monitoring", "observability", "prometheus"],
    components: &["server", "prometheus"],
    ports: &["web", "http-web", "http", "http-prometheus", "prometheus"],
    port: 9090,
};

/// Jaeger: Istio's sample (Service `tracing`), Jaeger's chart and its operator (`NAME-query`).
pub(in crate::transport) static JAEGER: Product = Product {
    name: "Jaeger",
    section: "jaeger",
    labels: &["app=jaeger", "app.kubernetes.io/name=jaeger"],
    services: &["tracing", "jaeger-query", "query", "jaeger"],
    namespaces: &["istio-system", "observability", "tracing", "jaeger", "monitoring"],
    components: &["query", "service-query", "all-in-one"],
    ports: &["http-query", "query-http", "query", "http"],
    port: 16686,
};

/// Grafana: Istio's sample, Grafana's chart, kube-prometheus.
pub(in crate::transport) static GRAFANA: Product = Product {
    name: "Grafana",
    section: "grafana",
    labels: &["app.kubernetes.io/name=grafana", "app=grafana"],
    services: &["grafana"],
    namespaces: &["istio-system", "monitoring", "observability", "grafana"],
    components: &["grafana"],
    ports: &["service", "http-web", "http"],
    port: 3000,
};

/// Kiali: Istio's sample, its chart and its operator.
pub(in crate::transport) static KIALI: Product = Product {
    name: "Kiali",
    section: "kiali",
    labels: &["app.kubernetes.io/name=kiali", "app=kiali"],
    services: &["kiali"],
    namespaces: &["istio-system", "kiali", "monitoring", "observability"],
    components: &[],
    ports: &["http", "tcp"],
    port: 20001,
};
