//! Values of parameters: `NAME=VALUE` arguments, and files of them.

use std::collections::BTreeMap;
use std::path::Path;

use meshbook_runtime::failure::{Failure, PARAM};
use serde_json::Value;

/// The values that a command line gives, as texts. Arguments win over the file.
///
/// # Errors
/// When an argument is not of the form `NAME=VALUE`, or is given twice, or the file cannot be used.
pub fn given(arguments: &[String], file: Option<&Path>) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = file.map(read).transpose()?.unwrap_or_default();
    let mut seen = BTreeMap::new();
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=').filter(|(name, _)| is_name(name)) else {
            return Err(Failure::new(&PARAM, format!("`{argument}` is not a parameter's value"))
                .hint("write NAME=VALUE, without spaces around `=`; `meshbook describe FILE` lists the parameters"));
        };
        if let Some(earlier) = seen.insert(name, value) {
            return Err(Failure::new(&PARAM, format!("parameter `{name}` is given twice: {earlier} and {value}")));
        }
        values.insert(name.to_owned(), value.to_owned());
    }
    Ok(values)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn read(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = |why: String| Failure::new(&PARAM, format!("the parameter file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let document: BTreeMap<String, Value> = match extension.as_str() {
        "toml" => toml::from_str(&text).map_err(|error| wrong(error.to_string()))?,
        "json" => serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?,
        "yaml" | "yml" => serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?,
        _ => return Err(wrong("its name does not say what it is".into()).hint("end it in .toml, .yaml or .json")),
    };
    document
        .into_iter()
        .map(|(name, value)| {
            let text = text_of(&value).map_err(|why| wrong(format!("`{name}` {why}")))?;
            Ok((name, text))
        })
        .collect()
}

fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text_of).collect::<Result<_, _>>()?;
            // A list is written with commas on the command line, and its items have to survive that.
            match items.iter().find(|item| item.contains(',')) {
                Some(item) => Err(format!("has the item `{item}`: items of a list cannot hold a comma")),
                None => Ok(items.join(",")),
            }
        }
        Value::Null => Err("has no value".into()),
        Value::Object(_) => Err("is a table; parameters are single values and lists of them".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn arguments_win_over_the_file_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a.toml", "service = 'graph-core'\nlimit = 50\nzones = ['a', 'b']"),
            ("a.yaml", "service: graph-core\nlimit: 50\nzones: [a, b]"),
            ("a.json", r#"{"service": "graph-core", "limit": 50, "zones": ["a", "b"]}"#),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let values = given(&["limit=7".into(), "note=a=b".into()], Some(&path)).unwrap();
            let values: Vec<_> = values.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            assert_eq!(values, ["limit:7", "note:a=b", "service:graph-core", "zones:a,b"], "{name}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused_with_its_reason() {
        let of = |arguments: &[&str]| {
            given(&arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(), None).unwrap_err().message
        };
        assert_eq!(of(&["service"]), "`service` is not a parameter's value");
        assert_eq!(of(&["=x"]), "`=x` is not a parameter's value");
        assert_eq!(of(&["a=1", "a=2"]), "parameter `a` is given twice: 1 and 2");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        std::fs::write(&path, "zones = ['a,b']").unwrap();
        assert!(given(&[], Some(&path)).unwrap_err().message.contains("cannot hold a comma"));
        assert!(given(&[], Some(&folder.path().join("p.txt"))).unwrap_err().message.contains("p.txt"));
    }
}
