//! `ManifestPart.apply()`: makes objects as they were rendered.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::manifest::outstanding::Part;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "apply",
    receiver: Some("ManifestPart"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Makes its objects as they were rendered: creates what is not there, sets what is otherwise; answers whether anything had to be done.",
    doc: "Each object is read anew, and left alone if it is as rendered by now. What was not rendered stays: nothing is deleted. The manifest designates them, so the run's namespace does not matter. Each is a change of its own kind (`--approve deployment,service`). Taken back, what was created is deleted, newest first; a namespace in which something runs, and a CustomResourceDefinition of which there are objects, stay.",
    errors: &[&FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::RESTORE,
    kinds: descriptor::KINDS_OF_ISTIO,
    search: &["istioctl install", "kubectl apply -f", "helm install"],
    examples: &[Example {
        world: "install-half-done",
        script: r#"for part in istio_manifest("1.31.0").outstanding().parts() { if `${part}`.contains("Autoscaler") { part.apply(); } }"#,
        expect: Expect::Changes(&[
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels.app",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"app.kubernetes.io/instance\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"app.kubernetes.io/managed-by\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"app.kubernetes.io/name\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"app.kubernetes.io/part-of\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"app.kubernetes.io/version\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"helm.sh/chart\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"install.operator.istio.io/owning-resource\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"istio.io/rev\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels[\"operator.istio.io/component\"]",
            "HorizontalPodAutoscaler istio-system/istiod: metadata.labels.release",
            "HorizontalPodAutoscaler istio-system/istiod: spec.maxReplicas",
            "HorizontalPodAutoscaler istio-system/istiod: spec.metrics",
            "HorizontalPodAutoscaler istio-system/istiod: spec.minReplicas",
            "HorizontalPodAutoscaler istio-system/istiod: spec.scaleTargetRef.apiVersion",
            "HorizontalPodAutoscaler istio-system/istiod: spec.scaleTargetRef.kind",
            "HorizontalPodAutoscaler istio-system/istiod: spec.scaleTargetRef.name",
        ]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Part>()?.0.make(call.run())?))
}
