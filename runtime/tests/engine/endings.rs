//! How a run ends.

use crate::world::run;

#[test]
fn endings_end_the_run_wherever_they_stand() {
    for (text, word, exit) in [
        ("not_this(\"a\");", "not_this", 0),
        ("step \"s\" { found(\"a\"); } show(\"after\");", "found", 1),
        ("fn f() { found(\"a\") } try { f(); } catch { show(\"caught\"); } show(\"after\");", "found", 1),
        ("[1].for_each(|| not_this(\"a\")); show(\"after\");", "not_this", 0),
        ("thing(\"a\").parts().all(|p| found(\"a\")); show(\"after\");", "found", 1),
        ("check(\"x\", true); fixed(\"nothing to do\");", "fixed", 0),
    ] {
        let ran = run(text);
        assert_eq!(
            (ran.outcome.ended.ending.as_str(), ran.exit(), ran.shown().len()),
            (word, exit, 0),
            "{text}: {}",
            ran.message()
        );
        assert!(ran.outcome.diagnostic.is_none(), "{text}");
    }
}

#[test]
fn a_run_without_an_ending_is_an_error() {
    let ran = run("show(\"x\");");
    assert_eq!(ran.exit(), 2);
    assert_eq!(ran.outcome.ended.code.as_deref(), Some("meshbook::ending"));
}

#[test]
fn fixed_needs_a_proof() {
    let ran = run("fixed(\"nobody knows\");");
    assert_eq!((ran.exit(), ran.outcome.ended.code.as_deref()), (2, Some("meshbook::ending")));
}

#[test]
fn an_ending_with_open_changes_takes_them_back_first() {
    let ran = run("let t = thing(\"one\"); t.grow(4); found(\"a problem\");");
    assert_eq!((ran.exit(), ran.cluster.spec()["size"].as_i64()), (1, Some(1)));
}
