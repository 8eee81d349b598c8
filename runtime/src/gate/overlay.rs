//! What a plan's reads see: the cluster as it would be after the changes planned so far.

use std::collections::BTreeMap;

use serde_json::Value;

use super::selector;
use crate::effect::{Call, Effect, ObjectRef, Reply, ResourceKind};
use crate::failure::{Failure, PLAN_ENDS};
use crate::run::held::Held;

/// Planned objects by their place.
#[derive(Default)]
pub(crate) struct Overlay {
    objects: Held<BTreeMap<ObjectRef, Planned>>,
    /// What each planned change found, oldest first: the object, and what was planned for it before.
    order: Held<Vec<(ObjectRef, Option<Value>)>>,
}

struct Planned {
    /// As the cluster has it; null if it does not exist.
    real: Value,
    /// As it would be.
    planned: Value,
}

impl Overlay {
    /// Whether a change is planned: from here on the mesh itself cannot answer.
    pub(crate) fn has_planned(&self) -> bool {
        !self.objects.lock().is_empty()
    }

    /// The object as the cluster has it, if a change to it is planned.
    pub(crate) fn real(&self, object: &ObjectRef) -> Option<Value> {
        self.objects.lock().get(object).map(|planned| planned.real.clone())
    }

    /// Adds what would come of a change.
    pub(crate) fn plan(&self, object: &ObjectRef, real: Value, planned: Value) {
        let mut objects = self.objects.lock();
        let earlier = match objects.get_mut(object) {
            Some(earlier) => Some(std::mem::replace(&mut earlier.planned, planned)),
            None => {
                objects.insert(object.clone(), Planned { real, planned });
                None
            }
        };
        self.order.lock().push((object.clone(), earlier));
    }

    /// How many changes are planned.
    pub(crate) fn len(&self) -> usize {
        self.order.lock().len()
    }

    /// Forgets all but the first so many: what would be taken back at the end of a block is not there after it.
    pub(crate) fn truncate(&self, changes: usize) {
        let (mut objects, mut order) = (self.objects.lock(), self.order.lock());
        while order.len() > changes {
            match order.pop() {
                Some((object, Some(earlier))) => {
                    if let Some(planned) = objects.get_mut(&object) {
                        planned.planned = earlier;
                    }
                }
                Some((object, None)) => drop(objects.remove(&object)),
                None => {}
            }
        }
    }

    /// Only objects of Kubernetes can be read after a planned change: what else is read depends on it being made.
    pub(crate) fn admit(&self, effect: &Effect) -> Result<(), Failure> {
        let asks_the_mesh = matches!(
            effect.call,
            Call::Pod(_)
                | Call::Query { .. }
                | Call::QueryRange { .. }
                | Call::PrometheusPage { .. }
                | Call::JaegerPage { .. }
                | Call::DashboardPage { .. }
                | Call::Logs { .. }
                | Call::Exec { .. }
                | Call::TryCreate { .. }
                | Call::TryPatch { .. }
                | Call::Sleep { .. }
        );
        if !asks_the_mesh || !self.has_planned() {
            return Ok(());
        }
        Err(Failure::new(
            &PLAN_ENDS,
            format!(
                "the plan ends before \"{}\" on {}: its answer depends on the changes planned so far",
                effect.summary, effect.target
            ),
        )
        .hint("what follows is decided when the runbook runs"))
    }

    /// An object that is not there, but would be after the planned changes.
    pub(crate) fn created(&self, call: &Call) -> Option<Reply> {
        let Call::Get { object } = call else { return None };
        let objects = self.objects.lock();
        let planned = objects.get(object).filter(|planned| planned.real.is_null())?;
        Some(Reply::Json(planned.planned.clone()))
    }

    /// An answer as it would be after the planned changes.
    pub(crate) fn over(&self, call: &Call, reply: Reply) -> Reply {
        let objects = self.objects.lock();
        match (call, reply) {
            (Call::Get { object }, Reply::Json(value)) => {
                Reply::Json(objects.get(object).map_or(value, |planned| planned.planned.clone()))
            }
            (Call::LogLevels(of), Reply::Json(value)) => {
                Reply::Json(objects.get(&of.object()).map_or(value, |planned| planned.planned.clone()))
            }
            (Call::List { kind, namespace, labels, fields }, Reply::Json(Value::Array(items))) => {
                let concerned: Vec<_> =
                    objects.iter().filter(|(object, _)| is_listed(object, kind, namespace.as_deref())).collect();
                if concerned.is_empty() {
                    return Reply::Json(Value::Array(items));
                }
                let mut items: Vec<Value> = items
                    .into_iter()
                    .filter(|item| !concerned.iter().any(|(object, _)| is_object(item, object)))
                    .collect();
                for (_, planned) in concerned.into_iter().filter(|(_, planned)| !planned.planned.is_null()) {
                    let selected = labels.as_deref().is_none_or(|labels| selector::labels(labels, &planned.planned))
                        && fields.as_deref().is_none_or(|fields| selector::fields(fields, &planned.planned));
                    if selected {
                        items.push(planned.planned.clone());
                    }
                }
                items.sort_by_key(place);
                Reply::Json(Value::Array(items))
            }
            (_, reply) => reply,
        }
    }
}

fn is_listed(object: &ObjectRef, kind: &ResourceKind, namespace: Option<&str>) -> bool {
    let same_kind =
        object.kind.group == kind.group && object.kind.plural == kind.plural && object.subresource.is_none();
    same_kind && namespace.is_none_or(|namespace| object.namespace.as_deref() == Some(namespace))
}

fn is_object(item: &Value, object: &ObjectRef) -> bool {
    item["metadata"]["name"] == object.name.as_str()
        && item["metadata"]["namespace"].as_str() == object.namespace.as_deref()
}

/// Lists come in this order from the API server.
fn place(item: &Value) -> (String, String) {
    let text = |key: &str| item["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}
