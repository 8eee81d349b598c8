//! The resource types that the lab serves: built-in kinds of Kubernetes 1.37, the kinds of Istio's CRDs, and those of the
//! Gateway API that istiod looks after.
//!
//! - [`schema`]: what a kind's objects look like, read from published OpenAPI data.
//! - [`builtin`]: the table of built-in kinds.
//! - [`validate`]: pruning, defaulting and validation by schema, with the API server's error texts.
//! - [`rules`]: the validation rules in schemas, in the Common Expression Language.

pub mod builtin;
pub mod rules;
pub mod schema;
pub mod validate;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

pub use schema::{ListType, Schema, Type};

/// A part of an object, or an action on it, with an address of its own: `deployments/scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// Its name in URLs.
    pub name: String,
    /// API group of what it answers, empty if the resource's own.
    pub group: String,
    /// Version of what it answers, empty if the resource's own.
    pub version: String,
    /// Kind of what it answers.
    pub kind: String,
    /// The verbs it takes.
    pub verbs: Vec<String>,
}

/// A column that a CRD adds to tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading, for example `Host`.
    pub name: String,
    /// The type, for example `string` or `date`.
    pub kind: String,
    /// What the CRD says about it.
    pub description: String,
    /// Where the value is, for example `.spec.host`.
    pub path: String,
    /// 0 is always shown, above only by `-o wide`.
    pub priority: i64,
}

/// One resource type in all the versions it is served in.
#[derive(Clone, Debug)]
pub struct ResourceType {
    /// API group, `""` for core.
    pub group: String,
    /// The preferred version; objects are stored in it.
    pub version: String,
    /// Every served version, the preferred one first.
    pub versions: Vec<String>,
    /// Kind, for example `DestinationRule`.
    pub kind: String,
    /// Plural name, as in URLs.
    pub plural: String,
    /// Singular name, as kubectl takes it.
    pub singular: String,
    /// Short names that kubectl takes.
    pub short_names: Vec<String>,
    /// Sets of kinds that kubectl takes by one name, for example `all`.
    pub categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// The verbs it takes.
    pub verbs: Vec<String>,
    /// Parts with addresses of their own.
    pub subresources: Vec<Subresource>,
    /// Columns from the CRD; those of built-in kinds are printed by code.
    pub columns: Vec<Column>,
    /// What objects look like.
    pub schema: Arc<Schema>,
    /// Whether the kind comes from a CRD.
    pub custom: bool,
    /// Whether objects carry `metadata.generation`.
    pub generation: bool,
    /// The schema's name in OpenAPI documents, without the version of a custom kind.
    pub component: String,
}

impl ResourceType {
    /// `plural.group`, or `plural` of the core group: how messages name a resource.
    pub fn qualified_plural(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Kind.group`, or `Kind` of the core group: how messages name a kind.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// `group/version`, or `version` of the core group.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// The subresource of that name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// Whether objects are kept, or the resource only answers to `create`, as reviews do.
    pub fn is_stored(&self) -> bool {
        self.verbs.iter().any(|v| v == "get")
    }
}

/// Every resource type of the lab.
pub struct Catalog {
    types: Vec<Arc<ResourceType>>,
    by_plural: HashMap<(String, String), usize>,
    by_kind: HashMap<(String, String), usize>,
    definitions: Vec<Value>,
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::read);
static ISTIO: &str = include_str!("istio.json");
static GATEWAY_API: &str = include_str!("gateway-api.json");
static KUBERNETES: &str = include_str!("kubernetes.json");
static COMPONENTS: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(KUBERNETES).expect("the embedded schemas are JSON"));
static CUSTOM: LazyLock<Value> = LazyLock::new(|| {
    let mut all = json!({"schemas": [], "definitions": []});
    for text in [ISTIO, GATEWAY_API] {
        let mut part: Value = serde_json::from_str(text).expect("the embedded definitions are JSON");
        let before = all["schemas"].as_array().map_or(0, Vec::len) as u64;
        let versions = part["definitions"].as_array_mut().into_iter().flatten();
        for version in versions.filter_map(|one| one["spec"]["versions"].as_array_mut()).flatten() {
            version["schema"] = json!(before + version["schema"].as_u64().unwrap_or_default());
        }
        for list in ["schemas", "definitions"] {
            let more = part[list].as_array_mut().map(std::mem::take).unwrap_or_default();
            all[list].as_array_mut().into_iter().for_each(|known| known.extend(more.iter().cloned()));
        }
    }
    all
});

impl Catalog {
    /// The catalogue; read once for each process.
    pub fn get() -> &'static Catalog {
        &CATALOG
    }

    /// Every type, in the order in which discovery lists them.
    pub fn types(&self) -> &[Arc<ResourceType>] {
        &self.types
    }

    /// The type of that group and plural name.
    pub fn by_plural(&self, group: &str, plural: &str) -> Option<&Arc<ResourceType>> {
        self.by_plural.get(&(group.to_owned(), plural.to_owned())).map(|i| &self.types[*i])
    }

    /// The type of an object's `apiVersion` and `kind`.
    pub fn by_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<ResourceType>> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.by_kind.get(&(group.to_owned(), kind.to_owned())).map(|i| &self.types[*i])
    }

    /// Groups with their versions, the core group first; within a group the preferred version first.
    pub fn groups(&self) -> Vec<(String, Vec<String>)> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for kind in &self.types {
            let at = groups.iter().position(|(group, _)| *group == kind.group).unwrap_or_else(|| {
                groups.push((kind.group.clone(), Vec::new()));
                groups.len() - 1
            });
            for version in &kind.versions {
                if !groups[at].1.contains(version) {
                    groups[at].1.push(version.clone());
                }
            }
        }
        for (_, versions) in &mut groups {
            versions.sort_by_key(|version| priority(version));
        }
        groups
    }

    /// The CustomResourceDefinition objects behind the custom kinds.
    pub fn definitions(&self) -> &[Value] {
        &self.definitions
    }

    /// Schema data of built-in kinds by component name, as published.
    pub fn components(&self) -> &'static Map<String, Value> {
        &COMPONENTS
    }

    /// Schema data of a custom kind, as published.
    pub fn custom_schema(&self, group: &str, kind: &str) -> Option<&'static Value> {
        let definition = CUSTOM["definitions"]
            .as_array()?
            .iter()
            .find(|d| d["spec"]["group"] == group && d["spec"]["names"]["kind"] == kind)?;
        CUSTOM["schemas"].get(definition["spec"]["versions"][0]["schema"].as_u64()? as usize)
    }

    fn read() -> Catalog {
        let mut reader = schema::Reader::new(Some(&COMPONENTS));
        let mut types = builtin::types(&mut reader);
        let metadata = reader.component("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
        let definitions = CUSTOM["definitions"].as_array().map(Vec::as_slice).unwrap_or_default();
        types.extend(definitions.iter().map(|d| custom_type(d, &metadata)));
        let types: Vec<Arc<ResourceType>> = types.into_iter().map(Arc::new).collect();
        let by_plural = types.iter().enumerate().map(|(i, t)| ((t.group.clone(), t.plural.clone()), i)).collect();
        let by_kind = types.iter().enumerate().map(|(i, t)| ((t.group.clone(), t.kind.clone()), i)).collect();
        let definitions = definitions.iter().map(definition_object).collect();
        Catalog { types, by_plural, by_kind, definitions }
    }
}

/// The order of Kubernetes' version names: stable before beta before alpha.
fn priority(version: &str) -> (u8, std::cmp::Reverse<u32>, std::cmp::Reverse<u32>) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let (major, stage) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    let class = if stage.is_empty() {
        0
    } else if stage.starts_with("beta") {
        1
    } else {
        2
    };
    let minor = stage.trim_start_matches(|c: char| !c.is_ascii_digit());
    let number = |digits: &str| std::cmp::Reverse(digits.parse().unwrap_or(0));
    (class, number(major), number(minor))
}

fn custom_type(definition: &Value, metadata: &Arc<Schema>) -> ResourceType {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().map(text).collect() };
    let served = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut versions: Vec<String> = served.iter().filter(|v| v["served"] == true).map(|v| text(&v["name"])).collect();
    versions.sort_by_key(|version| priority(version));
    let number = served[0]["schema"].as_u64().unwrap_or_default() as usize;
    let mut schema = schema::Reader::new(None).schema(&CUSTOM["schemas"][number]);
    let string = Arc::new(schema::Schema { kind: Type::String, preserve_unknown: false, ..Schema::anything() });
    schema.properties.insert("apiVersion".into(), string.clone());
    schema.properties.insert("kind".into(), string);
    schema.properties.insert("metadata".into(), metadata.clone());
    let kind = text(&names["kind"]);
    let columns = served[0]["additionalPrinterColumns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let group = text(&spec["group"]);
    let mut reversed: Vec<&str> = group.split('.').collect();
    reversed.reverse();
    // The name of Istio's schemas in OpenAPI: reversed group, version, kind; the version is put in when it is served.
    let component = reversed.join(".");
    ResourceType {
        version: versions[0].clone(),
        versions,
        plural: text(&names["plural"]),
        singular: text(&names["singular"]),
        short_names: list(&names["shortNames"]),
        categories: list(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        verbs: ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
            .map(str::to_owned)
            .to_vec(),
        subresources: vec![Subresource {
            name: "status".into(),
            group: group.clone(),
            version: String::new(),
            kind: kind.clone(),
            verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
        }],
        columns: columns
            .iter()
            .map(|c| Column {
                name: text(&c["name"]),
                kind: text(&c["type"]),
                description: text(&c["description"]),
                path: text(&c["jsonPath"]),
                priority: c["priority"].as_i64().unwrap_or(0),
            })
            .collect(),
        schema: Arc::new(schema),
        custom: true,
        generation: true,
        component,
        group,
        kind,
    }
}

/// The definition as an object of the API, with its schemas in place and the conditions of one that is served.
fn definition_object(definition: &Value) -> Value {
    let mut spec = definition["spec"].clone();
    let names = spec["names"].clone();
    spec["conversion"] = json!({"strategy": "None"});
    let mut stored = Vec::new();
    for version in spec["versions"].as_array_mut().into_iter().flatten() {
        let number = version["schema"].as_u64().unwrap_or_default() as usize;
        version["schema"] = json!({"openAPIV3Schema": CUSTOM["schemas"][number]});
        if version["storage"] == true {
            stored.push(version["name"].clone());
        }
    }
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": definition["metadata"],
        "spec": spec,
        "status": {
            "acceptedNames": names,
            "conditions": [
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
            "storedVersions": stored,
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;

    #[test]
    fn istio_kinds_are_served_in_every_version_with_the_stable_one_first() {
        let kind = Catalog::get().by_plural("networking.istio.io", "destinationrules").unwrap();
        assert_eq!(kind.versions, ["v1", "v1beta1", "v1alpha3"]);
        assert_eq!(kind.short_names, ["dr"]);
        assert_eq!(kind.columns[0].path, ".spec.host");
        let telemetry = Catalog::get().by_plural("telemetry.istio.io", "telemetries").unwrap();
        assert_eq!(telemetry.version, "v1");
    }

    #[test]
    fn lists_of_built_in_kinds_know_their_keys() {
        let pods = Catalog::get().by_plural("", "pods").unwrap();
        let containers = &pods.schema.properties["spec"].properties["containers"];
        assert_eq!(containers.list, ListType::Map(vec!["name".into()]));
        assert_eq!(containers.merge_key.as_deref(), Some("name"));
        let ports = &containers.items.as_ref().unwrap().properties["ports"];
        assert_eq!(ports.list, ListType::Map(vec!["containerPort".into(), "protocol".into()]));
    }

    #[test]
    fn every_stored_built_in_kind_has_a_schema() {
        for kind in Catalog::get().types().iter().filter(|k| k.is_stored()) {
            assert!(kind.schema.properties.contains_key("metadata"), "{} has no schema", kind.qualified_kind());
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_cut_off() {
        let definitions = Catalog::get().by_plural("apiextensions.k8s.io", "customresourcedefinitions").unwrap();
        assert!(definitions.schema.properties["spec"].properties.contains_key("versions"));
    }
}
