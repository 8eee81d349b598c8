//! Modules stay inside the tree, are read once, and cannot act when they are imported.

use std::path::Path;

use meshbook_runtime::engine::Script;

use crate::world::{How, LIBRARY, run_as};

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join("runbooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn load(folder: &tempfile::TempDir, name: &str) -> Result<Script, String> {
    Script::load(&folder.path().join("runbooks").join(name), None, &LIBRARY).map_err(|d| d.failure.message.clone())
}

fn run(folder: &tempfile::TempDir, text: &str) -> crate::world::Ran {
    run_as(text, How { root: Some(folder.path().join("runbooks")), ..How::default() })
}

#[test]
fn a_module_is_found_from_the_root_and_kept_once() {
    let folder = tree(&[
        ("deep/a.rhai", "import \"lib/b\" as b; found(b::twice(2));"),
        ("lib/b.rhai", "import \"lib/c\" as c; fn twice(n) { `${c::once(n)}` }"),
        ("lib/c.rhai", "fn once(n) { n * 2 }"),
    ]);
    let script = load(&folder, "deep/a.rhai").unwrap();
    let before = script.hash.clone();
    std::fs::write(folder.path().join("runbooks/lib/c.rhai"), "fn once(n) { n * 3 }").unwrap();
    assert_ne!(load(&folder, "deep/a.rhai").unwrap().hash, before, "the hash covers modules of modules");
    let ran = run(&folder, "import \"lib/b\" as b; import \"lib/c\" as c; found(`${b::twice(2)} ${c::once(2)}`);");
    assert!(ran.outcome.ended.message.contains("6 6"), "{}", ran.message());
}

#[test]
fn what_leads_out_of_the_tree_is_refused() {
    let folder = tree(&[("lib/a.rhai", "fn f() { 1 }")]);
    std::fs::write(folder.path().join("outside.rhai"), "fn f() { 1 }").unwrap();
    std::os::unix::fs::symlink(folder.path().join("outside.rhai"), folder.path().join("runbooks/lib/link.rhai"))
        .unwrap();
    for path in ["../outside", "/etc/passwd", "lib/../../outside", "lib/link", "", "lib\\\\a", "./lib/a"] {
        let text = format!("import \"{path}\" as m; found(\"x\");");
        let wrong = Script::from_text("m.rhai", &text, Some(&folder.path().join("runbooks")), &LIBRARY).err();
        let wrong = wrong.unwrap_or_else(|| panic!("{path} was taken"));
        assert_eq!(wrong.failure.code.name, "meshbook::script::import", "{path}");
    }
    let wrong = Script::from_text("m.rhai", "import \"lib/aa\" as m;", Some(&folder.path().join("runbooks")), &LIBRARY)
        .err()
        .unwrap();
    assert!(wrong.failure.hint.unwrap().contains("lib/a"));
}

#[test]
fn a_circle_of_imports_is_told() {
    let folder = tree(&[
        ("main.rhai", "import \"a\" as a; found(\"x\");"),
        ("a.rhai", "import \"b\" as b;"),
        ("b.rhai", "import \"a\" as a;"),
    ]);
    let why = load(&folder, "main.rhai").err().unwrap();
    assert!(why.contains("`a` imports `b` imports `a`"), "{why}");
}

#[test]
fn a_module_does_not_act_when_it_is_imported() {
    let folder = tree(&[("acts.rhai", "thing(\"one\").grow(5);")]);
    let ran = run(&folder, "import \"acts\" as a; found(\"x\");");
    assert_eq!(
        (ran.exit(), ran.code(), ran.cluster.patches.lock().unwrap().len()),
        (2, "meshbook::script::import", 0),
        "{}",
        ran.message()
    );
}

#[test]
fn an_error_in_a_module_is_shown_there_with_the_way_to_it() {
    let folder =
        tree(&[("lib/a.rhai", "fn examine(t) {\n  step \"in a module\" { t.size(); }\n}\nfn each(f) { [1].map(f) }")]);
    let ran = run(&folder, "import \"lib/a\" as a;\na::examine(thing(\"none\")); found(\"x\");");
    let diagnostic = ran.outcome.diagnostic.as_ref().unwrap();
    let place = diagnostic.place.as_ref().unwrap();
    assert_eq!((place.source.as_str(), place.line, ran.points_at()), ("lib/a", 2, "size"));
    assert_eq!((diagnostic.chain[0].place.source.as_str(), diagnostic.chain[0].place.line), ("main.rhai", 2));
    let ran = run(&folder, "import \"lib/a\" as a;\n\na::each(|x| thing(\"none\").size()); found(\"x\");");
    let place = ran.outcome.diagnostic.as_ref().unwrap().place.as_ref().unwrap();
    assert_eq!((place.source.as_str(), place.line), ("main.rhai", 3), "a closure belongs where it was written");
}

#[test]
fn a_script_without_a_tree_imports_nothing() {
    assert!(Script::from_text("m.rhai", "import \"a\" as a;", None::<&Path>, &LIBRARY).is_err());
}

#[test]
fn a_resource_is_read_with_the_script_and_stays_in_the_tree() {
    let folder = tree(&[
        ("main.rhai", "found(text_of(\"a.yaml\"));"),
        ("lib/m.rhai", "fn text() { text_of(\"a.yaml\") }"),
        ("resources/a.yaml", "one"),
    ]);
    let ran = run(&folder, "import \"lib/m\" as m; found(m::text());");
    assert!(ran.outcome.ended.message.contains("one"), "{}", ran.message());
    let before = load(&folder, "main.rhai").unwrap().hash;
    std::fs::write(folder.path().join("runbooks/resources/a.yaml"), "two").unwrap();
    assert_ne!(load(&folder, "main.rhai").unwrap().hash, before, "the hash covers the files that a script names");
    std::fs::write(folder.path().join("outside.yaml"), "x").unwrap();
    std::os::unix::fs::symlink(folder.path().join("outside.yaml"), folder.path().join("runbooks/resources/link.yaml"))
        .unwrap();
    for file in ["none.yaml", "../main.rhai", "/etc/passwd", "link.yaml", ""] {
        let text = format!("found(text_of(\"{file}\"));");
        let wrong = Script::from_text("m.rhai", &text, Some(&folder.path().join("runbooks")), &LIBRARY).err();
        let wrong = wrong.unwrap_or_else(|| panic!("{file} was taken"));
        assert_eq!(wrong.failure.code.name, "meshbook::script::import", "{file}");
    }
    let ran = run(&folder, "let name = \"a.yaml\"; found(text_of(name));");
    assert!(ran.message().contains("was not read with the script"), "{}", ran.message());
}
