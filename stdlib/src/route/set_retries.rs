//! `Route.set_retries(#{ attempts, per_try })`: how often a request is tried again.

use std::time::Duration;

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::noun::{Noun, a_type};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use meshbook_runtime::value::Span;
use rhai::{Dynamic, Map};
use serde_json::Value;

use crate::code::{RETRIES, ROUTE};
use crate::descriptor::{self, param};
use crate::kubernetes::read;
use crate::route::policy::{Policy, set};
use crate::route::{Route, lookup};

/// The most retries that anybody means; Envoy's own field has 32 bits.
const MOST: i64 = 100;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "set_retries",
    receiver: Some("Route"),
    params: &[param(
        "retries",
        Type::Map,
        "`attempts`: retries after the first attempt, 0 for none; `per_try`: a duration, what each attempt may take, left as it is if absent",
    )],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Sets how often requests on this route are tried again; answers whether anything had to be changed.",
    doc: "Changes `retries.attempts` and `retries.perTryTimeout` of this one route of its VirtualService; all other fields and routes stay. All attempts together must fit into the route's timeout, else the last of them is cut. What is retried (`retryOn`) stays; where nothing was set, it is Istio's default.",
    errors: &[&ROUTE, &RETRIES, &TYPE, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_ROUTE,
    search: &["retries", "attempts", "perTryTimeout", "VirtualService", "retry storm"],
    examples: &[
        Example {
            world: "latency-retry-storm",
            script: r#"host("graph-core").route().set_retries(#{ attempts: 1 })"#,
            expect: Expect::Changes(&["VirtualService summit/graph-core: spec.http[default].retries.attempts"]),
        },
        Example {
            world: "latency-retry-storm",
            script: r#"host("graph-core").route().set_retries(#{ attempts: 2, per_try: "1s" })"#,
            expect: Expect::Changes(&[
                "VirtualService summit/graph-core: spec.http[default].retries.attempts",
                "VirtualService summit/graph-core: spec.http[default].retries.perTryTimeout",
            ]),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").route().set_retries(#{ attempts: 5, per_try: "2s" })"#,
            expect: Expect::Fails("meshbook::route::retries"),
        },
        Example {
            world: "healthy",
            script: r#"host("catalog").route().set_retries(#{ attempts: 1 })"#,
            expect: Expect::Fails("meshbook::route::none"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").route().set_retries(#{ attempt: 1 })"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

/// What a script asks for.
fn wanted(map: &Map) -> Result<(u32, Option<Duration>), Failure> {
    let refused = |what: String| Failure::new(&TYPE, what).unchanged("nothing was changed");
    if let Some(key) = map.keys().find(|key| !matches!(key.as_str(), "attempts" | "per_try")) {
        return Err(refused(format!("retries have no `{key}`")).hint("write #{ attempts: 1, per_try: \"2s\" }"));
    }
    let attempts = map.get("attempts").ok_or_else(|| refused("retries need `attempts`".into()))?;
    let attempts = attempts
        .as_int()
        .ok()
        .filter(|n| (0..=MOST).contains(n))
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| refused(format!("`attempts` must be a whole number from 0 to {MOST}, not {attempts}")))?;
    let per_try = match map.get("per_try").filter(|value| !value.is_unit()) {
        None => None,
        Some(value) => {
            let text = value.clone().into_immutable_string().ok();
            let span = value.clone().try_cast::<Span>().or_else(|| text.and_then(|text| text.parse().ok()));
            Some(span.ok_or_else(|| refused(format!("`per_try` must be a duration such as \"2s\", not {}", a_type(value))))?.0)
        }
    };
    Ok((attempts, per_try))
}

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (route, (attempts, per_try)) = (call.receiver::<Route>()?, wanted(&call.map(0)?)?);
    let Some(place) = route.place() else {
        return Err(Failure::new(&ROUTE, format!("{}: there is no route to set retries on", route.text()))
            .unchanged("nothing was changed")
            .hint("write a VirtualService for the host first, with a route that is named"));
    };
    let before = read::get(call.run(), &place.object)?;
    let mut after = before.clone();
    let entry = after.pointer_mut(&format!("/spec/http/{}", place.index)).and_then(Value::as_object_mut);
    let Some(entry) = entry.filter(|entry| lookup::label(&Value::Object((*entry).clone()), place.index) == place.label)
    else {
        return Err(Failure::new(&CONFLICT, format!("{} of {} is not where it was", place.label, place.object))
            .unchanged(format!("{} was not changed", place.object))
            .hint("somebody else has changed the routes since they were read: run again"));
    };
    let was = Policy::of(&Value::Object(entry.clone()));
    set(entry, attempts, per_try);
    let policy = Policy::of(&Value::Object(entry.clone()));
    if let Some(misfit) = policy.misfit() {
        return Err(Failure::new(&RETRIES, format!("{} of {}: {misfit}", place.label, place.object))
            .unchanged(format!("{} was not changed", place.object))
            .hint("fewer attempts, or a shorter per_try: a longer timeout would only make callers wait longer"));
    }
    if was == policy {
        call.run().warn(format!("{} of {} has these retries already", place.label, place.object));
        return Ok(Dynamic::from(false));
    }
    let summary = format!("{}: {} instead of {}", place.label, policy.text(), was.text());
    let change = Change::new(place.object.clone(), summary, before, after);
    Ok(Dynamic::from(call.run().change(change)?.is_made()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, Dynamic)]) -> Map {
        fields.iter().map(|(key, value)| ((*key).into(), value.clone())).collect()
    }

    #[test]
    fn what_scripts_write_and_what_they_may_not() {
        let two = Dynamic::from(2_i64);
        assert_eq!(wanted(&map(&[("attempts", two.clone())])).expect("attempts alone"), (2, None));
        let both = map(&[("attempts", two.clone()), ("per_try", Dynamic::from("500ms"))]);
        assert_eq!(wanted(&both).expect("both"), (2, Some(Duration::from_millis(500))));
        for wrong in [
            map(&[]),
            map(&[("attempts", Dynamic::from(-1_i64))]),
            map(&[("attempts", Dynamic::from(1e3_f64))]),
            map(&[("attempts", two.clone()), ("per_try", two.clone())]),
            map(&[("attempts", two), ("perTry", Dynamic::from("1s"))]),
        ] {
            assert!(wanted(&wrong).is_err(), "{wrong:?}");
        }
    }
}
