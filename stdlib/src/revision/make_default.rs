//! `Revision.make_default()`: moves the default to it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, NO_DATA, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::NO_INJECTOR;
use crate::descriptor;
use crate::revision::{Revision, default};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "make_default",
    receiver: Some("Revision"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Makes the revision the default: whom `istio-injection=enabled` means, and who checks objects that name no revision; answers whether anything had to be changed.",
    doc: "As `istioctl tag set default --revision`: the MutatingWebhookConfiguration `istio-revision-tag-default` is pointed at it, or created; the injector of an installation without revision is put out of action by a selector that nothing fits, after that; `istiod-default-validator` calls it. From then on a restart anywhere in a namespace with `istio-injection=enabled` gets its sidecar from it. The objects belong to the cluster and are designated by what was seen, so the run's namespace does not matter.",
    errors: &[&NO_INJECTOR, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_DEFAULT,
    search: &["istioctl tag set default", "revision tag", "validator"],
    examples: &[
        Example { world: "upgrade-moved", script: r#"revision("1-31").make_default()"#, expect: Expect::Changes(&["MutatingWebhookConfiguration istio-revision-tag-default: metadata.labels.app", "MutatingWebhookConfiguration istio-revision-tag-default: metadata.labels.istio", "MutatingWebhookConfiguration istio-revision-tag-default: metadata.labels[\"istio.io/rev\"]", "MutatingWebhookConfiguration istio-revision-tag-default: metadata.labels[\"istio.io/tag\"]", "MutatingWebhookConfiguration istio-revision-tag-default: metadata.labels[\"operator.istio.io/component\"]", "MutatingWebhookConfiguration istio-revision-tag-default: webhooks", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[namespace.sidecar-injector.istio.io].namespaceSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[namespace.sidecar-injector.istio.io].namespaceSelector.matchLabels[\"istio.io/deactivated\"]", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[namespace.sidecar-injector.istio.io].objectSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[namespace.sidecar-injector.istio.io].objectSelector.matchLabels[\"istio.io/deactivated\"]", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[object.sidecar-injector.istio.io].namespaceSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[object.sidecar-injector.istio.io].namespaceSelector.matchLabels[\"istio.io/deactivated\"]", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[object.sidecar-injector.istio.io].objectSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[object.sidecar-injector.istio.io].objectSelector.matchLabels[\"istio.io/deactivated\"]", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.namespace.sidecar-injector.istio.io].namespaceSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.namespace.sidecar-injector.istio.io].namespaceSelector.matchLabels[\"istio.io/deactivated\"]", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.namespace.sidecar-injector.istio.io].objectSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.namespace.sidecar-injector.istio.io].objectSelector.matchLabels[\"istio.io/deactivated\"]", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.object.sidecar-injector.istio.io].namespaceSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.object.sidecar-injector.istio.io].namespaceSelector.matchLabels[\"istio.io/deactivated\"]", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.object.sidecar-injector.istio.io].objectSelector.matchExpressions", "MutatingWebhookConfiguration istio-sidecar-injector: webhooks[rev.object.sidecar-injector.istio.io].objectSelector.matchLabels[\"istio.io/deactivated\"]", "ValidatingWebhookConfiguration istiod-default-validator: webhooks[validation.istio.io].clientConfig.service.name"]) },
        Example { world: "upgrade-canary", script: r#"revision("default").make_default()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(default::make(call.run(), &call.receiver::<Revision>()?)?))
}
