//! Log levels of real Envoys: `set_log_level` is made, seen, and undone by another process, each logger to its own level;
//! and the runbook that raises them for a while sets each back.

use std::fs;

use serde_json::Value;

use crate::cluster::{Cluster, SUMMIT};

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn log_levels_are_set_and_set_back_on_the_lab_and_on_the_real_mesh() {
    let _alone = SUMMIT.lock();
    for cluster in [Cluster::lab("healthy"), Cluster::real()] {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let script = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("the folder can be written");
            path.to_string_lossy().into_owned()
        };
        let show =
            script("show.rhai", "show(proxies(\"front\").log_levels());\nnot_this(\"levels were only read\");\n");
        let levels = || {
            let read = cluster.meshbook(&["run", &show, "-n", "summit", "-o", "json"]);
            assert_eq!(read.code, 0, "{read}");
            let report: Value = serde_json::from_str(&read.stdout).expect("a report is JSON");
            report["shown"][0]["value"].clone()
        };
        let set = script(
            "set.rhai",
            "step \"Set\" { proxies(\"front\").set_log_level(\"debug\", \"http\"); check(\"it is set\", proxies(\"front\").log_levels().are(\"debug\", \"http\")); }\nfixed(\"it is set\");\n",
        );

        let before = levels();
        assert!(before.is_object() || before.is_array(), "{before}");
        let run = cluster.meshbook(&["run", &set, "-n", "summit", "--approve", "loglevel"]);
        assert_eq!(run.code, 0, "{run}");
        let record = cluster.newest_record();
        assert_ne!(levels(), before, "the level of http is another on the {}", cluster.name());
        let undone = cluster.meshbook(&["undo", &record.run]);
        assert_eq!(undone.code, 0, "{undone}");
        assert_eq!(levels(), before, "each logger is as before on the {}", cluster.name());

        let runbook = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/reference/proxy-log-level.rhai");
        let arguments = ["run", runbook, "workload=front", "duration=1s", "-n", "summit", "--approve", "loglevel"];
        let run = cluster.meshbook(&arguments);
        println!("{run}");
        assert_eq!(run.code, 0, "{run}");
        assert_eq!(levels(), before, "each logger is as before on the {}", cluster.name());
    }
}
