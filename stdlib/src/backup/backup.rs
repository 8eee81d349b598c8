//! `backup([recipient])`: reads everything that people have written of the mesh.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::backup::Backup;
use crate::backup::age::Recipient;
use crate::backup::gather::gather;
use crate::code::BACKUP_KEY;
use crate::descriptor::{self, optional};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "backup",
    params: &[optional(
        "recipient",
        Type::String,
        "\"\"",
        "whom the secrets of the certificate authority are encrypted for: a public key of age, `age1…`; empty leaves them out",
    )],
    returns: "Backup",
    class: Some(Class::Read),
    summary: "Reads everything that people have written of the mesh: all of it, or nothing.",
    doc: "Every kind that the API server serves in networking.istio.io, security.istio.io, telemetry.istio.io, extensions.istio.io and gateway.networking.k8s.io, of all namespaces; the ConfigMaps `istio…` of the root namespace, but for what istiods leave there; the labels by which namespaces take part in the mesh; `cacerts` and `istio-ca-secret` of the root namespace only for a recipient, encrypted (age, X25519). Left out: uid, resourceVersion, generation, creationTimestamp, managedFields, ownerReferences, finalizers, status, what `kubectl apply` remembers, and objects that a controller makes from others. A kind that may not be listed fails it.",
    errors: &[&BACKUP_KEY, &NOT_FOUND, &FORBIDDEN, &BAD_ANSWER],
    permissions: descriptor::BACKUP,
    search: &["disaster recovery", "kubectl get -o yaml", "export", "velero", "save"],
    examples: &[
        Example { world: "healthy", script: r#"backup()"#, expect: Expect::Value("8 objects of 4 kinds") },
        Example { world: "healthy", script: r#"backup("age1")"#, expect: Expect::Fails("meshbook::backup::key") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let recipient = if call.given(0) { call.string(0)? } else { String::new() };
    let recipient = if recipient.is_empty() { None } else { Some(Recipient::of(&recipient)?) };
    let (manifest, contents) = gather(call.run(), recipient.as_ref())?;
    Ok(Dynamic::from(Backup::taken(manifest, contents)))
}
