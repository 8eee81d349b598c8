//! `check` and `describe`: what is known without running.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::{Script, check, describe};

use crate::world::LIBRARY;

fn findings(text: &str) -> Vec<String> {
    let script = Script::from_text("c.rhai", text, None, &LIBRARY).unwrap_or_else(|d| panic!("{d}"));
    check::check(&script, &LIBRARY)
        .iter()
        .map(|d| format!("{}{}", if d.warning { "warning: " } else { "" }, d.failure.message))
        .collect()
}

#[test]
fn a_good_script_has_no_findings() {
    let text = r#"
        param service: string "the service";
        let t = thing(service);
        step "look" { show(t); if t.size() == 1 { not_this("small"); } }
        step "grow" { for part in t.parts() { part.grow(5); } wait 1m until { t.parts().all(|part| part.knows(t)) }; }
        fixed(`${t} grew`);"#;
    assert_eq!(findings(text), Vec::<String>::new());
}

#[test]
fn what_is_wrong_is_found() {
    for (text, says) in [
        ("show(1);", "ends without saying how"),
        ("if true { found(\"a\"); } else { show(1); }", "ends without saying how"),
        ("thin(\"a\"); found(\"x\");", "there is no function `thin`"),
        ("thing(\"a\").siz(); found(\"x\");", "there is no function `siz`"),
        ("thing(\"a\", 2); found(\"x\");", "does not take 2 arguments"),
        ("wait 1m until { return true; }; found(\"x\");", "`return` inside a condition"),
        (
            "let t = thing(\"a\"); step \"s\" { t.grow(1); let n = 2; wait 1m until { t.size() == n }; } found(\"x\");",
            "made after the first change",
        ),
        (
            "let t = thing(\"a\"); step \"s\" { t.grow(1); } found(\"x\");",
            "warning: this step changes something and does not prove it",
        ),
        ("let t = 1; step \"s\" { let t = 2; } found(\"x\");", "warning: `let t` in a step overwrites"),
        ("fn f(t) { t.sise() } found(\"x\");", "there is no function `sise`"),
    ] {
        let found = findings(text);
        assert!(found.iter().any(|f| f.contains(says)), "{text}: {found:?}");
    }
    assert_eq!(findings("if true { found(\"a\"); } else { not_this(\"b\"); }"), Vec::<String>::new());
    assert_eq!(findings("step \"s\" { found(\"a\"); }"), Vec::<String>::new());
}

#[test]
fn a_description_says_what_may_be_changed() {
    let text = "param a: int = 1 \"n\"; let t = thing(\"a\"); step \"first\" { t.size(); } step `the ${a}` { t.grow(2); check(\"x\", true); } fixed(\"x\");";
    let script = Script::from_text("c.rhai", text, None, &LIBRARY).unwrap();
    let description = describe::describe(&script, &LIBRARY);
    assert_eq!(description.steps, ["first", "the ${a}"]);
    assert_eq!(description.approve_line(), "--approve thing");
    assert_eq!(description.effects[&Class::Change].iter().collect::<Vec<_>>(), [&"grow"]);
    assert_eq!(description.permissions.len(), 1);
}
