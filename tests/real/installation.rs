//! A real installation of two revisions: whole, and its webhooks give a new pod its sidecar; what people have written of it
//! is kept in a file.

use crate::cluster::Cluster;
use crate::control_plane::{CANARY, until_well};

const VALIDATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/installation/validate.rhai");
const VERIFY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/upgrade/canary-verify.rhai");
const BACKUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/disaster-recovery/backup.rhai");

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn the_installation_is_whole_and_kept_in_a_file() {
    let _alone = CANARY.lock();
    let real = Cluster::real();
    until_well(&real, "summit-canary");
    for args in [
        &["run", VALIDATE, "-n", "summit-logs"][..],
        &["run", VALIDATE, "revision=canary", "-n", "summit-canary"],
        &["run", VERIFY, "revision=canary", "-n", "summit-canary"],
    ] {
        let outcome = real.meshbook(args);
        println!("{}", outcome.stdout);
        assert_eq!(outcome.code, 0, "{outcome}");
        assert_eq!(real.newest_record().ending(), "not_this", "{outcome}");
    }
    let kept = real.meshbook(&["run", BACKUP, "name=whole", "-n", "summit-logs", "--approve", "file"]);
    println!("{}", kept.stdout);
    assert_eq!(kept.code, 0, "{kept}");
    let file = std::fs::read_to_string(format!("{}/backups/whole", real.home())).expect("the backup was written");
    for part in ["\"kind\":\"DestinationRule\"", "\"name\":\"graph-core\"", "\"name\":\"istio-canary\""] {
        assert!(file.contains(part), "{part} is not in\n{file}");
    }
    for left_out in ["managedFields", "resourceVersion", "/leader", "ca-crl.pem"] {
        assert!(!file.contains(left_out), "{left_out} is in\n{file}");
    }
}
