//! Rules of the Common Expression Language in schemas (`x-kubernetes-validations`).
//!
//! Besides CEL's standard library a real API server has functions of its own; those that Istio's schemas use are
//! here: `isURL`, `url`, `getScheme`, `substring`; and `duration` of the standard library.
//! <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-url-library>

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use cel::{Context, Env, Program};
use serde_json::Value;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    environment.add_extension(cel::extensions::strings).expect("the extension's names are free");
    Arc::new(environment)
});

/// Programs by their source: schemas repeat the same few rules.
static PROGRAMS: LazyLock<Mutex<HashMap<String, Arc<Program>>>> = LazyLock::new(Mutex::default);

/// Checks a rule against the value it is attached to.
///
/// # Errors
/// The rule could not be evaluated: the text says why, for example that a string is no duration.
pub fn holds(rule: &str, value: &Value) -> Result<bool, String> {
    let program = program(rule)?;
    let mut context = Context::with_env(ENVIRONMENT.clone());
    let functions = context
        .add_function("isURL", |text: Arc<String>| scheme(&text).is_some())
        .and_then(|()| context.add_function("duration", duration))
        .and_then(|()| context.add_function("url", |text: Arc<String>| text))
        .and_then(|()| context.add_function("getScheme", get_scheme));
    functions.map_err(|e| e.to_string())?;
    context.add_variable_from_value("self", convert(value));
    match program.execute(&context) {
        Ok(result) => Ok(result == true.into()),
        Err(_) if rule.contains("duration(self)") => {
            Err("type conversion error from 'string' to 'google.protobuf.Duration'".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn program(rule: &str) -> Result<Arc<Program>, String> {
    let mut programs = PROGRAMS.lock().expect("no holder of the compiled rules panics");
    if let Some(known) = programs.get(rule) {
        return Ok(known.clone());
    }
    let program = Arc::new(ENVIRONMENT.compile(rule).map_err(|e| e.to_string())?);
    programs.insert(rule.to_owned(), program.clone());
    Ok(program)
}

/// `duration` in nanoseconds: the rules only compare durations. The library's own brings every time zone of the world
/// along, which makes each start of the process slower.
fn duration(text: Arc<String>) -> Result<i64, cel::ExecutionError> {
    nanoseconds(&text).ok_or_else(|| cel::ExecutionError::function_error("duration", "it is no duration"))
}

/// A duration as Go writes it, which is what CEL takes: `1h30m`, `-1.5s`, `0`.
/// <https://pkg.go.dev/time#ParseDuration>
fn nanoseconds(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut rest = unsigned;
    let mut sum = 0.0;
    while !rest.is_empty() && rest != "0" {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (figure, behind) = rest.split_at(number);
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let unit = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        sum += figure.parse::<f64>().ok()? * unit;
        rest = behind;
    }
    // `0` needs no unit, but stands alone.
    let sound = !unsigned.is_empty() && (rest.is_empty() || unsigned == "0");
    #[allow(clippy::cast_possible_truncation, reason = "what is out of range is refused")]
    let whole = (sum < 9e18).then_some(sum as i64);
    whole.filter(|_| sound).map(|sum| if text.starts_with('-') { -sum } else { sum })
}

fn get_scheme(cel::extractors::This(text): cel::extractors::This<Arc<String>>) -> String {
    scheme(&text).unwrap_or_default()
}

/// The scheme of an absolute URL or of a path; `None` if the text is no URL.
fn scheme(text: &str) -> Option<String> {
    if text.starts_with('/') {
        return Some(String::new());
    }
    let uri: http::Uri = text.parse().ok()?;
    uri.authority().filter(|a| !a.host().is_empty())?;
    uri.scheme_str().map(str::to_owned)
}

fn convert(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or_default().into(), Into::into),
        Value::String(s) => s.as_str().into(),
        Value::Array(list) => list.iter().map(convert).collect::<Vec<_>>().into(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), convert(v))).collect::<HashMap<_, _>>().into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;
    use crate::crd::{Catalog, Schema};
    use serde_json::json;

    #[test]
    fn every_rule_of_istios_schemas_compiles() {
        fn visit(schema: &Schema, seen: &mut usize) {
            for (rule, _) in schema.constraints.iter().flat_map(|c| &c.rules) {
                program(rule).unwrap();
                *seen += 1;
            }
            let below = schema.properties.values().chain(&schema.additional).chain(&schema.items);
            below.for_each(|s| visit(s, seen));
        }
        let mut seen = 0;
        Catalog::get().types().iter().filter(|k| k.custom).for_each(|k| visit(&k.schema, &mut seen));
        assert!(seen > 100, "only {seen} rules were found");
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, read) in [
            ("1ms", Some(1_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("-2us", Some(-2_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("+3ns", Some(3)),
            ("", None),
            ("-", None),
            ("1", None),
            ("s", None),
            ("1s0", None),
            ("1d", None),
            ("1.2.3s", None),
            ("9999999h", None),
            ("30s later", None),
        ] {
            assert_eq!(nanoseconds(text), read, "{text:?}");
        }
    }

    #[test]
    fn rules_that_the_manual_meets() {
        let duration = "duration(self) >= duration('1ms')";
        assert_eq!(holds(duration, &json!("30s")), Ok(true));
        assert_eq!(holds(duration, &json!("0s")), Ok(false));
        assert!(holds(duration, &json!("soon")).unwrap_err().contains("Duration"));
        assert_eq!(holds("0 < self && self <= 65535", &json!(70000)), Ok(false));
        assert_eq!(holds("0 < self && self <= 65535", &json!(8080)), Ok(true));
        let one = "(has(self.selector) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1";
        assert_eq!(holds(one, &json!({"selector": {}})), Ok(true));
        assert_eq!(holds(one, &json!({"selector": {}, "targetRefs": []})), Ok(false));
        assert_eq!(holds("self.all(key, 0 < int(key) && int(key) <= 65535)", &json!({"80": {}, "0": {}})), Ok(false));
        assert_eq!(
            holds("self.all(l1, self.exists_one(l2, l1.number == l2.number))", &json!([{"number": 1}, {"number": 1}])),
            Ok(false)
        );
        let url = "url(self).getScheme() in [\"http\", \"https\"]";
        assert_eq!(holds(url, &json!("https://issuer.example/keys")), Ok(true));
        assert_eq!(holds(url, &json!("ftp://issuer.example/keys")), Ok(false));
        let socket =
            "self.startsWith(\"unix://\") ? (self.substring(7, 8) == \"/\" || self.substring(7, 8) == \"@\") : true";
        assert_eq!(holds(socket, &json!("unix:///run/x")), Ok(true));
        assert_eq!(holds(socket, &json!("unix://run/x")), Ok(false));
    }
}
