//! What people have written of a mesh, kept in a file and restored from it.

pub mod age;
pub mod clean;
pub mod format;
pub mod gather;
pub mod restoration;

use std::sync::Arc;

use meshbook_runtime::effect::{Effect, Reply};
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Document, Table};
use serde_json::{Value, json};

use crate::code::{BACKUP_DAMAGED, BACKUP_FOREIGN};
use crate::text::{count, first_line};
use age::Identity;
use format::{Content, Manifest, Place};

/// What people have written of a mesh.
#[derive(Clone, Debug)]
pub struct Backup(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    manifest: Manifest,
    contents: Vec<Content>,
    /// The objects that can be restored, in the manifest's order: all but what nobody here can decrypt.
    objects: Vec<(Place, Document)>,
}

impl Backup {
    /// One that was taken just now.
    pub fn taken(manifest: Manifest, contents: Vec<Content>) -> Self {
        let clear = manifest.objects.iter().zip(&contents).filter_map(|(place, content)| match content {
            Content::Clear(object) => Some((place.clone(), object.clone())),
            Content::Encrypted(_) => None,
        });
        let objects = clear.collect();
        Backup(Arc::new(Inner { manifest, contents, objects }))
    }

    /// One from a file, whole and of this cluster.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED`; `BACKUP_FOREIGN` unless its cluster is named; `BACKUP_KEY` if the identity does not fit; what
    /// reading can end in.
    pub fn read(run: &Run, name: &str, cluster: &str, identity: &str) -> Result<Self, Failure> {
        let (manifest, contents) = parsed(run, name)?;
        let here = gather::cluster(run)?;
        if manifest.cluster != here && manifest.cluster != cluster {
            let foreign = first_line(&manifest.cluster);
            return Err(Failure::new(
                &BACKUP_FOREIGN,
                format!(
                    "the backup {name} is of another cluster: {foreign}, by its context {}, and this one is {here}",
                    first_line(&manifest.context)
                ),
            )
            .unchanged("nothing was changed")
            .hint(format!("if this cluster shall become like that one, name it: `cluster={foreign}`")));
        }
        if !cluster.is_empty() && manifest.cluster != cluster {
            return Err(Failure::new(
                &BACKUP_FOREIGN,
                format!("the backup {name} is not of cluster {}, but of this one, {here}", first_line(cluster)),
            )
            .unchanged("nothing was changed")
            .hint("leave `cluster` out: it names another cluster, whose place this one takes"));
        }
        let key = if identity.is_empty() { None } else { Some(Identity::in_file(run, identity)?) };
        let mut objects = Vec::new();
        for (place, content) in manifest.objects.iter().zip(&contents) {
            match (content, &key) {
                (Content::Clear(object), _) => objects.push((place.clone(), object.clone())),
                (Content::Encrypted(bytes), Some(key)) => {
                    let object = decrypted(key, bytes, place, name)?;
                    objects.push((place.clone(), Document::of(&object)));
                }
                (Content::Encrypted(_), None) => {}
            }
        }
        Ok(Backup(Arc::new(Inner { manifest, contents, objects })))
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// What can be restored of it, in order.
    pub fn objects(&self) -> &[(Place, Document)] {
        &self.0.objects
    }

    /// As a file holds it.
    pub fn file(&self) -> String {
        format::write(&self.0.manifest, &self.0.contents)
    }

    /// Whether the file of a name holds it, whole.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED`, and what reading a file can end in.
    pub fn is_in(&self, run: &Run, name: &str) -> Result<bool, Failure> {
        let (manifest, contents) = parsed(run, name)?;
        Ok(manifest == self.0.manifest && contents == self.0.contents)
    }

    /// Secrets that nobody here can decrypt.
    fn locked(&self) -> usize {
        self.0.contents.len() - self.0.objects.len()
    }
}

fn parsed(run: &Run, name: &str) -> Result<(Manifest, Vec<Content>), Failure> {
    let Reply::Text(text) = run.read(Effect::read_file(name))? else {
        return Err(Failure::new(&BAD_ANSWER, format!("the file {name} holds no text")));
    };
    format::read(&text).map_err(|why| {
        Failure::new(&BACKUP_DAMAGED, format!("the file {name} {}", first_line(&why)))
            .unchanged("nothing was changed")
            .hint("take another copy of it: of this one nothing is believed")
    })
}

fn decrypted(key: &Identity, bytes: &[u8], place: &Place, name: &str) -> Result<Value, Failure> {
    let text = key.decrypt(bytes, &format!("{} of the backup {name}", place.text()))?;
    let object: Option<Value> = serde_json::from_str(&text).ok();
    let is_it = |object: &Value| {
        let named = Place::of(object, &Content::Encrypted(bytes.to_vec()));
        named == *place && clean::clean(object) == *object
    };
    object.filter(is_it).ok_or_else(|| {
        Failure::new(&BACKUP_DAMAGED, format!("the file {name} has another object encrypted as {}", place.text()))
            .unchanged("nothing was changed")
            .hint("take another copy of it: of this one nothing is believed")
    })
}

impl Noun for Backup {
    const NAME: &'static str = "Backup";
    const DOC: &'static str = "What people have written of a mesh: every object of Istio's own kinds and of the Gateway API, Istio's ConfigMaps, the labels by which namespaces take part; the secrets of the certificate authority only encrypted. Without what servers and controllers add.";

    fn text(&self) -> String {
        let manifest = &self.0.manifest;
        format!(
            "{} of {}",
            count(manifest.objects.len(), "object", "objects"),
            count(manifest.counts.len(), "kind", "kinds")
        )
    }

    fn table(&self) -> Table {
        let manifest = &self.0.manifest;
        let mut table = Table::new(format!("{}, as of {}", self.text(), manifest.taken), &["KIND", "OBJECTS"]);
        let mut kinds: Vec<&str> = Vec::new();
        for place in &manifest.objects {
            if kinds.last() != Some(&place.kind.as_str()) && !kinds.contains(&place.kind.as_str()) {
                kinds.push(&place.kind);
            }
        }
        for kind in kinds {
            table.row([kind.to_owned(), manifest.counts.get(kind).copied().unwrap_or_default().to_string()]);
        }
        table.note(format!("cluster {}, reached as {}", manifest.cluster, manifest.context));
        table.note(format!(
            "Kubernetes {}, Istio {}, meshbook {}",
            manifest.kubernetes,
            if manifest.istio.is_empty() { "none".into() } else { manifest.istio.join(", ") },
            manifest.meshbook
        ));
        table.notes.extend(manifest.left_out.iter().cloned());
        let encrypted = manifest.objects.iter().filter(|place| place.encrypted).count();
        if encrypted > 0 {
            table.note(format!(
                "{} of the certificate authority, encrypted with age",
                count(encrypted, "secret", "secrets")
            ));
        }
        table
    }

    fn json(&self) -> Value {
        json!({ "manifest": self.0.manifest })
    }
}
