//! Failures: their codes, their places, their hints; comparisons that must not lie; limits.

use std::fmt::Write;

use crate::world::{LIBRARY, run, value};
use meshbook_runtime::engine::Script;

#[test]
fn a_failure_points_at_what_failed_in_any_script() {
    for (text, at) in [
        ("let e = \"日本\"; let p = thing(\"日本\"); p.size();", "size"),
        ("let s = \"😀é\"; /* ü */ step \"título\" {\n\t\tlet p = thing(\"日本\"); p\n\t\t  .size(); }", "size"),
        ("let x = `日本 ${thing(\"é\").size()} fin`;", "size"),
        ("\r\nlet p = thing(\"é\");\r\n\r\nstep `é ${p}` {\r\n   p.size(); }", "size"),
        ("\u{feff}let p = thing(\"é\"); p.size();", "size"),
        ("let r = \"é\"; let p = thing(\"q\"); if r == \"é\" && p < 3 { }", "<"),
        ("let p = thing(\"é\"); nonesuch(p);", "nonesuch"),
        ("wait 1m until { thing(\"é\").size() }", "size"),
        ("let f = |x| x.size(); [thing(\"é\")].map(f);", "size"),
    ] {
        let ran = value(text);
        assert_eq!(ran.points_at(), at, "{text}: {} {}", ran.code(), ran.message());
    }
}

#[test]
fn the_call_chain_is_told() {
    let ran = value("fn inner(t) {\n  t.size()\n}\nfn outer(t) { inner(t) }\nstep \"s\" { outer(thing(\"é\")); }");
    let diagnostic = ran.outcome.diagnostic.unwrap();
    let mut told = String::new();
    for frame in &diagnostic.chain {
        write!(told, "{}@{} ", frame.what, frame.place.line).unwrap();
    }
    assert_eq!(told, "calls `inner`@4 calls `outer`@5 ");
    assert_eq!(diagnostic.place.unwrap().line, 2);
}

#[test]
fn a_noun_is_never_compared_silently() {
    for text in [
        "thing(\"a\") == \"a\"",
        "\"a\" == thing(\"a\")",
        "thing(\"a\") < 3",
        "missing() == 0",
        "missing() != 0",
        "0 < missing()",
        "missing() < 1.0",
        "missing() == missing()",
        "reading(1.0) == \"1\"",
        "\"5\" < 6",
        "\"503\" == 503",
        "() < 1",
        "1 == true",
        "[1] == 1",
        "'a' == 5",
        "5 > \"4\"",
        "[missing()] == [0]",
        "[missing()].contains(0)",
        "0 in [missing()]",
        "if missing() { 1 }",
        "!missing()",
        "missing() && true",
        "over_there < 1",
        "wait 1s until { 5 }",
        "[1].filter(|x| 5)",
        "[1].all(|x| \"\")",
        "[1].some(|x| ())",
        "[1].find(|x| reading(1))",
        "thing(\"a\").parts().all(|p| 5)",
        "let m = #{}; m.nope < 5",
    ] {
        let ran = value(text);
        assert!(ran.outcome.diagnostic.is_some(), "{text} gave {:?}", ran.outcome.value);
    }
    for (text, is) in [
        ("reading(0.5) < 1", true),
        ("reading(2) > 1.5", true),
        ("1 < reading(2.0)", true),
        ("reading(1.0) == 1", true),
        ("reading(1.0) == reading(1.0)", true),
        ("thing(\"a\") == thing(\"a\")", true),
        ("thing(\"a\") != thing(\"b\")", true),
        ("1 < 2.5", true),
        ("() == ()", true),
        ("5 == ()", false),
        ("[1, 2].filter(|x| x > 1) == [2]", true),
        ("[1, 2].all(|x| x > 0)", true),
        ("[1, 2].some(|x| x > 2)", false),
        ("[1, 2].find(|x| x > 1) == 2", true),
        ("\"a\" < \"b\"", true),
    ] {
        let ran = value(text);
        assert_eq!(ran.outcome.value.as_bool(), Ok(is), "{text}: {}", ran.message());
    }
}

#[test]
fn a_closure_may_mention_the_root_of_its_own_chain() {
    for text in [
        "let t = thing(\"a\"); t.parts().all(|part| part.knows(t))",
        "let t = thing(\"a\"); step \"s\" { wait 1m until { t.parts().all(|part| part.knows(t)) }; } true",
        "let best = (); for t in [thing(\"a\"), thing(\"b\")] { best = t; } best.parts().len_is_not_asked ?? true",
    ]
    .iter()
    .take(2)
    {
        let ran = value(text);
        assert!(ran.outcome.diagnostic.is_none(), "{text}: {}", ran.message());
    }
    let ran = value("let best = (); for t in [thing(\"a\"), thing(\"b\")] { best = t; } `${best}`");
    assert_eq!(ran.outcome.value.to_string(), "thing b");
}

#[test]
fn a_script_catches_what_it_may_handle_and_nothing_else() {
    let ran = run(
        "try { thing(\"none\").size(); } catch (failure) { show(failure.code); show(failure.message); } found(\"x\");",
    );
    assert_eq!(ran.shown(), ["meshbook::cluster::not_found", "Thing summit/none does not exist"]);
    for text in [
        "try { denied(); } catch { show(\"caught\"); }",
        "try { [1].filter(|x| denied()); } catch { show(\"caught\"); } show(\"after\");",
        "fn f() { denied() } try { f(); } catch { show(\"caught\"); }",
        "thing(\"a\").parts().all(|p| denied()); show(\"after\");",
    ] {
        let ran = run(&format!("{text} found(\"x\");"));
        assert_eq!((ran.exit(), ran.code(), ran.shown().len()), (3, "meshbook::gate::denied", 0), "{text}");
        assert_eq!(ran.points_at(), "denied", "{text}");
    }
}

#[test]
fn arguments_are_checked_against_the_declaration() {
    let ran = value("thing(5)");
    assert_eq!((ran.code(), ran.message()), ("meshbook::script::type", "`name` must be a string, not an int"));
    assert!(ran.outcome.diagnostic.unwrap().failure.hint.unwrap().contains("thing(name: string)"));
    assert!(value("thing(\"a\").knows(reading(1))").message().contains("must be a Thing, not a Reading"));
    assert!(value("thing()").message().contains("thing"));
}

#[test]
fn unknown_names_have_a_hint() {
    for (text, hint) in [
        ("thin(\"a\")", "thing(name: string)"),
        ("thing(\"a\").siz()", "Thing.size()"),
        ("reading(1.0).size()", "Thing.size()"),
    ] {
        let ran = value(text);
        assert_eq!(ran.code(), "meshbook::script::unknown_name", "{text}");
        assert!(
            ran.outcome.diagnostic.as_ref().unwrap().failure.hint.as_ref().is_some_and(|h| h.contains(hint)),
            "{text}: {:?}",
            ran.outcome.diagnostic
        );
    }
}

#[test]
fn limits_end_what_would_not_end() {
    for text in [
        "loop { }",
        "fn f() { f() } f()",
        "let s = \"x\"; loop { s += s; }",
        "let s = \"\"; s.pad(2000000000, ' ');",
        "let a = []; loop { a.push(1); }",
        "let m = #{}; let i = 0; loop { m[`${i}`] = 1; i += 1; }",
    ] {
        let ran = run(&format!("{text}; found(\"x\");"));
        assert_eq!((ran.code(), ran.exit()), ("meshbook::script::limit", 2), "{text}: {}", ran.message());
    }
}

#[test]
fn nothing_ambient_is_within_reach() {
    for text in ["timestamp()", "sleep(1)", "sleep(0.5)", "exit(1)", "open_file(\"/etc/passwd\")"] {
        assert!(value(text).outcome.diagnostic.is_some(), "{text}");
    }
    assert!(Script::from_text("x", "eval(\"1\")", None, &LIBRARY).is_err());
    assert!(value("Fn(\"ev\" + \"al\").call(\"1\")").outcome.diagnostic.is_some());
}

#[test]
fn a_fault_in_a_primitive_does_not_end_the_process() {
    let ran = run("let t = thing(\"one\"); step \"s\" { t.grow(3); broken(); } found(\"x\");");
    assert_eq!((ran.exit(), ran.code(), ran.cluster.spec()["size"].as_i64()), (5, "meshbook::internal", Some(1)));
}

#[test]
fn syntax_errors_have_their_place() {
    let wrong = Script::from_text("x.rhai", "let a = \"é\";\nlet e = ;\n", None, &LIBRARY).err().unwrap();
    assert_eq!(
        (wrong.failure.code.name, wrong.place.as_ref().map(|p| (p.line, p.column))),
        ("meshbook::script::syntax", Some((2, 9)))
    );
}
