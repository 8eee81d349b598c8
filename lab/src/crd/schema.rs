//! OpenAPI schemas as Kubernetes uses them: structure, list and map types, merge keys, constraints.
//!
//! Sources: the OpenAPI v3 documents of kube-apiserver for built-in kinds (with references), and the structural
//! schemas of CustomResourceDefinitions (without). The `x-kubernetes-*` words are described in
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

/// The JSON type that a schema asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Anything: quantities, raw extensions, fields without a type.
    Any,
    /// A map or a struct.
    Object,
    /// A list.
    Array,
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A whole number or a string.
    IntOrString,
}

/// How the items of a list are owned and merged (`x-kubernetes-list-type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListType {
    /// The list is one value.
    Atomic,
    /// Each scalar is an item of its own.
    Set,
    /// Each item is found by the values of these keys.
    Map(Vec<String>),
}

/// One schema. Parts are shared.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The type asked for.
    pub kind: Type,
    /// `format`, for example `int32` or `date-time`.
    pub format: Option<String>,
    /// Named fields.
    pub properties: BTreeMap<String, Arc<Schema>>,
    /// What values under other names look like.
    pub additional: Option<Arc<Schema>>,
    /// What the items of a list look like.
    pub items: Option<Arc<Schema>>,
    /// Fields that must be there.
    pub required: Vec<String>,
    /// `null` is allowed.
    pub nullable: bool,
    /// Fields without a schema are kept (`x-kubernetes-preserve-unknown-fields`).
    pub preserve_unknown: bool,
    /// How a list is owned.
    pub list: ListType,
    /// The map is one value (`x-kubernetes-map-type: atomic`).
    pub atomic_map: bool,
    /// `x-kubernetes-patch-merge-key` of a list whose patch strategy is `merge`; `""` for a list of scalars.
    pub merge_key: Option<String>,
    /// A strategic merge patch replaces all keys that it does not name (`retainKeys`).
    pub retain_keys: bool,
    /// The value of a field that is not given.
    pub default: Option<Value>,
    /// Everything that is only needed to validate.
    pub constraints: Option<Arc<Constraints>>,
}

/// Constraints on values beyond the type.
#[derive(Debug, Default)]
pub struct Constraints {
    /// Allowed values.
    pub one_of_values: Vec<Value>,
    /// A regular expression for strings.
    pub pattern: Option<String>,
    /// Smallest number.
    pub minimum: Option<f64>,
    /// Largest number.
    pub maximum: Option<f64>,
    /// Fewest characters.
    pub min_length: Option<u64>,
    /// Most characters.
    pub max_length: Option<u64>,
    /// Fewest items.
    pub min_items: Option<u64>,
    /// Most items.
    pub max_items: Option<u64>,
    /// Fewest fields.
    pub min_properties: Option<u64>,
    /// Most fields.
    pub max_properties: Option<u64>,
    /// Each must hold.
    pub all_of: Vec<Schema>,
    /// At least one must hold.
    pub any_of: Vec<Schema>,
    /// Exactly one must hold.
    pub one_of: Vec<Schema>,
    /// Must not hold.
    pub not: Option<Box<Schema>>,
    /// `x-kubernetes-validations`: rules of the Common Expression Language with their messages.
    pub rules: Vec<(String, String)>,
}

impl Schema {
    /// A schema that allows anything and knows nothing.
    pub fn anything() -> Schema {
        Schema {
            kind: Type::Any,
            format: None,
            properties: BTreeMap::new(),
            additional: None,
            items: None,
            required: Vec::new(),
            nullable: false,
            preserve_unknown: true,
            list: ListType::Atomic,
            atomic_map: false,
            merge_key: None,
            retain_keys: false,
            default: None,
            constraints: None,
        }
    }

    /// The schema of a named field, or of any field of a map.
    pub fn field(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(self.additional.as_ref())
    }

    /// Whether the values below have no schema, so that ownership is deduced from the values.
    pub fn is_deduced(&self) -> bool {
        match self.kind {
            Type::Any => true,
            Type::Object => self.properties.is_empty() && self.additional.is_none(),
            _ => false,
        }
    }

    /// Whether this schema or one below it has rules of the Common Expression Language.
    pub fn has_rules(&self) -> bool {
        self.constraints.as_ref().is_some_and(|c| !c.rules.is_empty())
            || self.properties.values().any(|s| s.has_rules())
            || self.additional.as_ref().is_some_and(|s| s.has_rules())
            || self.items.as_ref().is_some_and(|s| s.has_rules())
    }
}

/// Reads schemas; `$ref` is looked up among `components`, each read once.
pub struct Reader<'a> {
    components: Option<&'a serde_json::Map<String, Value>>,
    read: HashMap<String, Arc<Schema>>,
    open: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader for schemas that refer to `components`, if to anything.
    pub fn new(components: Option<&'a serde_json::Map<String, Value>>) -> Self {
        Reader { components, read: HashMap::new(), open: Vec::new() }
    }

    /// The named component. What refers to itself is cut off as "anything".
    pub fn component(&mut self, name: &str) -> Arc<Schema> {
        if let Some(known) = self.read.get(name) {
            return known.clone();
        }
        let Some(source) = self.components.and_then(|c| c.get(name)) else {
            return Arc::new(Schema::anything());
        };
        if self.open.iter().any(|open| open == name) {
            return Arc::new(Schema::anything());
        }
        self.open.push(name.to_owned());
        let schema = Arc::new(self.schema(source));
        self.open.pop();
        self.read.insert(name.to_owned(), schema.clone());
        schema
    }

    fn shared(&mut self, source: &Value) -> Arc<Schema> {
        match (source.as_object().map(|o| o.len()), source["$ref"].as_str()) {
            (Some(1), Some(reference)) => self.component(last(reference)),
            _ => Arc::new(self.schema(source)),
        }
    }

    /// Reads one schema and what is below it.
    pub fn schema(&mut self, source: &Value) -> Schema {
        let mut schema = self.base(source);
        if let Some(properties) = source["properties"].as_object() {
            schema.properties = properties.iter().map(|(name, s)| (name.clone(), self.shared(s))).collect();
        }
        if source["additionalProperties"].is_object() {
            schema.additional = Some(self.shared(&source["additionalProperties"]));
        }
        if source["items"].is_object() {
            schema.items = Some(self.shared(&source["items"]));
        }
        if let Some(required) = source["required"].as_array() {
            schema.required = strings(required);
        }
        if let Some(default) = source.get("default") {
            schema.default = Some(default.clone());
        }
        if self.components.is_some() && schema.kind == Type::Object && schema.is_deduced() {
            // An object without fields in the published components is a raw one, such as `FieldsV1`; in the
            // structural schema of a CRD it is an empty one.
            schema.preserve_unknown = true;
        }
        schema.nullable |= source["nullable"] == true;
        schema.preserve_unknown |= source["x-kubernetes-preserve-unknown-fields"] == true;
        match source["x-kubernetes-list-type"].as_str() {
            Some("set") => schema.list = ListType::Set,
            Some("map") => {
                let keys = source["x-kubernetes-list-map-keys"].as_array().map(|k| strings(k)).unwrap_or_default();
                schema.list = ListType::Map(keys);
            }
            _ => {}
        }
        schema.atomic_map |= source["x-kubernetes-map-type"] == "atomic";
        let strategy = source["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
        if strategy.split(',').any(|s| s == "merge") {
            schema.merge_key = Some(source["x-kubernetes-patch-merge-key"].as_str().unwrap_or_default().to_owned());
        }
        schema.retain_keys |= strategy.split(',').any(|s| s == "retainKeys");
        let constraints = self.constraints(source);
        if constraints.is_some() {
            schema.constraints = constraints;
        }
        schema
    }

    /// The type, from `type`, or from the one reference that is refined here.
    fn base(&mut self, source: &Value) -> Schema {
        if let Some(reference) = source["$ref"].as_str() {
            return (*self.component(last(reference))).clone();
        }
        if let Some(reference) = source["allOf"][0]["$ref"].as_str() {
            return (*self.component(last(reference))).clone();
        }
        let mut schema = Schema::anything();
        schema.format = source["format"].as_str().map(str::to_owned);
        let int_or_string =
            source["x-kubernetes-int-or-string"] == true || schema.format.as_deref() == Some("int-or-string");
        schema.kind = match source["type"].as_str() {
            _ if int_or_string => Type::IntOrString,
            Some("object") => Type::Object,
            Some("array") => Type::Array,
            Some("string") => Type::String,
            Some("integer") => Type::Integer,
            Some("number") => Type::Number,
            Some("boolean") => Type::Boolean,
            _ if source["properties"].is_object() => Type::Object,
            _ => Type::Any,
        };
        schema.preserve_unknown = schema.kind == Type::Any;
        schema
    }

    fn constraints(&mut self, source: &Value) -> Option<Arc<Constraints>> {
        let mut list = |word: &str| -> Vec<Schema> {
            let alternatives = source[word].as_array().map(Vec::as_slice).unwrap_or_default();
            alternatives.iter().filter(|s| s.get("$ref").is_none()).map(|s| self.schema(s)).collect()
        };
        let (all_of, any_of, one_of) = (list("allOf"), list("anyOf"), list("oneOf"));
        let constraints = Constraints {
            one_of_values: source["enum"].as_array().cloned().unwrap_or_default(),
            pattern: source["pattern"].as_str().map(str::to_owned),
            minimum: source["minimum"].as_f64(),
            maximum: source["maximum"].as_f64(),
            min_length: source["minLength"].as_u64(),
            max_length: source["maxLength"].as_u64(),
            min_items: source["minItems"].as_u64(),
            max_items: source["maxItems"].as_u64(),
            min_properties: source["minProperties"].as_u64(),
            max_properties: source["maxProperties"].as_u64(),
            all_of,
            any_of,
            one_of,
            not: source["not"].is_object().then(|| Box::new(self.schema(&source["not"]))),
            rules: source["x-kubernetes-validations"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default()
                .iter()
                .map(|r| (text(&r["rule"]), text(&r["message"])))
                .collect(),
        };
        let words = [
            "enum",
            "pattern",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "x-kubernetes-validations",
        ];
        words.iter().any(|word| source.get(word).is_some()).then(|| Arc::new(constraints))
    }
}

fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn strings(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}
