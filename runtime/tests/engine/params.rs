//! Parameters are read without running anything.

use std::collections::BTreeMap;

use meshbook_runtime::engine::{Script, params};

use crate::world::{How, LIBRARY, run_as};

fn load(text: &str) -> Result<Script, String> {
    Script::from_text("p.rhai", text, None, &LIBRARY).map_err(|d| d.failure.message.clone())
}

#[test]
fn every_form_of_declaration() {
    for (text, shown) in [
        ("param service: string \"the service\";", "param service: string \"the service\""),
        ("param n: int = 500 \"limit\";", "param n: int = 500 \"limit\""),
        ("param n: int = -5 \"m\";", "param n: int = -5 \"m\""),
        ("param b: duration = 1m30s \"bound\";", "param b: duration = 1m30s \"bound\""),
        ("param b: duration = 500ms \"m\";", "param b: duration = 500ms \"m\""),
        ("param q: quantity = 512Mi \"memory\";", "param q: quantity = 512Mi \"memory\""),
        ("param f: float = 0.95 \"s\";", "param f: float = 0.95 \"s\""),
        ("param f: float = 1 \"one\";", "param f: float = 1 \"one\""),
        ("param on: bool = false \"m\";", "param on: bool = false \"m\""),
        ("param s: string = \"m\" \"help\";", "param s: string = \"m\" \"help\""),
        ("param s: string = \"x\" \"m\";", "param s: string = \"x\" \"m\""),
        ("param l: [string] = [\"a\", \"b\"] \"names\";", "param l: [string] = [\"a\", \"b\"] \"names\""),
        ("param l: [duration] \"bounds\";", "param l: [duration] \"bounds\""),
        ("param l: [int] = [1, 2] \"s\";", "param l: [int] = [1, 2] \"s\""),
    ] {
        let script = load(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(script.params[0].to_string(), shown, "{text}");
    }
}

#[test]
fn wrong_declarations_are_errors() {
    for text in [
        "param x: strin \"h\";",
        "param x: string = other(1) \"h\";",
        "param x: int = \"a\" \"h\";",
        "param x: duration = 2x \"h\";",
        "param x: string;",
        "param x string \"h\";",
        "param x: string \"a\"; param x: int \"b\";",
        "param x: duration = 2 \"h\";",
        "param x: int = 2 + 3 \"h\";",
    ] {
        assert!(load(text).is_err(), "{text}");
    }
    assert!(load("param x: strin \"h\";").err().unwrap().contains("`strin`"));
}

#[test]
fn values_are_checked_and_shown_with_their_declaration() {
    let script = load("param service: string \"the service\"; param limit: int = 500 \"limit\"; param soak: duration = 1m \"soak\"; param names: [string] = [] \"names\";").unwrap();
    let given = |pairs: &[(&str, &str)]| {
        params::values(&script.params, &pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect())
    };
    let values = given(&[("service", "graph-core"), ("soak", "2h"), ("names", "a, b")]).unwrap();
    assert_eq!(
        (values["limit"].to_string(), values["soak"].to_string(), values["names"].to_string()),
        ("500".into(), "2h".into(), "[\"a\", \"b\"]".into())
    );
    for (pairs, says) in [
        (vec![], "`service` is required"),
        (vec![("service", "a"), ("limit", "many")], "`many` is not an int"),
        (vec![("servise", "a")], "no parameter `servise`"),
        (vec![("service", "a"), ("soak", "5")], "not a duration"),
    ] {
        let failure = given(&pairs).unwrap_err();
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(failure.hint.unwrap().contains("param "), "{says}");
    }
}

#[test]
fn a_script_sees_its_values() {
    let values: BTreeMap<String, String> = [("soak".to_owned(), "90s".to_owned())].into();
    let how = How { values, needs_ending: false, ..How::default() };
    let ran = run_as(
        "param soak: duration = 1m \"soak\"; param n: int = 2 \"n\"; hold soak while { true }; `${soak} ${n + 1} ${soak > \"1m\"}`",
        how,
    );
    assert_eq!(ran.outcome.value.to_string(), "1m30s 3 true", "{}", ran.message());
    assert_eq!(ran.cluster.elapsed().as_secs(), 90);
}
