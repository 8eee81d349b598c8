//! `meshbook list` is the table of contents of a tree of runbooks.

use std::fs;

use super::Desk;

const RUNBOOK: &str = "//! Look at NAME.\n\nnot_this(\"nothing\");\n";

#[test]
fn chapters_stand_in_the_order_of_the_tree_and_what_none_names_comes_last() {
    let desk = Desk::new();
    for name in ["day/late", "day/early", "night/owl", "stray"] {
        let path = desk.path().join(format!("runbooks/{name}.rhai"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, RUNBOOK.replace("NAME", name)).unwrap();
    }
    let sorted = desk.call(&["list"]).exits(0).stdout;
    assert_eq!(
        sorted,
        "RUNBOOK    WHAT IT IS FOR\nday/early  Look at day/early.\nday/late   Look at day/late.\nnight/owl  Look at night/owl.\nstray      Look at stray.\n"
    );
    let contents = "[[chapter]]\ntitle = \"At night\"\nfolder = \"night\"\n[[chapter]]\ntitle = \"By day\"\nfolder = \"day\"\nrunbooks = [\"late\"]\n";
    fs::write(desk.path().join("runbooks/contents.toml"), contents).unwrap();
    let by_chapter = desk.call(&["list"]).exits(0).stdout;
    assert_eq!(
        by_chapter,
        "RUNBOOK      WHAT IT IS FOR\nAt night\n  night/owl  Look at night/owl.\nBy day\n  day/late   Look at day/late.\n  day/early  Look at day/early.\nstray        Look at stray.\n"
    );
    let document = desk.call(&["list", "-o", "json"]).exits(0).json();
    assert_eq!((&document[0]["chapter"], &document[0]["name"]), (&"At night".into(), &"night/owl".into()));
    fs::write(desk.path().join("runbooks/contents.toml"), "chapters = 1").unwrap();
    let broken = desk.call(&["list"]).exits(2);
    assert!(broken.stderr.contains("runbooks/contents.toml is no table of contents"), "{broken}");
}
