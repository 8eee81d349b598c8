//! What is asked of a fleet: a thousand runbooks, and five hundred proxies.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use serde_json::Value;

use crate::demand::{Bound, Demand};
use crate::measure::side_by_side;
use crate::{Bench, demanded, json};

/// So many runbooks are checked.
const RUNBOOKS: usize = 1000;

impl Bench {
    /// The checks of a thousand runbooks: the project's own, again and again.
    pub fn check(&self) -> io::Result<Vec<Demand>> {
        let tree = tempfile::Builder::new().prefix("runbooks").tempdir_in(self.state.path())?;
        let mut texts = Vec::new();
        for folder in ["troubleshooting", "reference"] {
            for entry in fs::read_dir(self.folder.join("../runbooks").join(folder))? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name.ends_with(".rhai") && !name.ends_with(".test.rhai") {
                    texts.push(fs::read_to_string(&path)?);
                }
            }
        }
        for (number, text) in texts.iter().cycle().take(RUNBOOKS).enumerate() {
            fs::write(tree.path().join(format!("runbook-{number}.rhai")), text)?;
        }
        let ours = self.meshbook(&["check", &tree.path().to_string_lossy()], self.state.path());
        let measured = side_by_side(&[&ours], 5)?;
        let checked = measured.output[0].lines().filter(|line| line.starts_with("ok ")).count();
        demanded(checked == RUNBOOKS, || format!("{checked} of {RUNBOOKS} runbooks are right"))?;
        Ok(vec![Demand {
            name: "1,000 runbooks checked",
            of: format!("{:.0} MiB", measured.memory[0].median()),
            figures: measured.time[0].clone(),
            unit: "ms",
            bound: Bound::AtMost(1000.0),
            excuse: None,
        }])
    }

    /// What is wrong among 200 workloads with 500 proxies; and what each of three istiods says of them.
    pub fn triage(&self) -> io::Result<Vec<Demand>> {
        let lab = self.lab(&self.folder.join("five-hundred-proxies.toml").to_string_lossy())?;
        let runbook = self.folder.join("../runbooks/troubleshooting/triage.rhai");
        let ours = self.meshbook(&["run", &runbook.to_string_lossy(), "-o", "json"], &lab.kubeconfig).ends_with(1);
        let theirs = self.today(&self.folder.join("triage.bash"), &["summit"], &lab.kubeconfig);
        let measured = side_by_side(&[&ours, &theirs], 2)?;
        let report = json(&measured.output[0])?;
        let causes = causes(&report);
        let expected = BTreeSet::from(["full-circuit-breaker graph-core.summit.svc.cluster.local".to_owned()]);
        let said: BTreeSet<String> = measured.output[1].lines().map(str::to_owned).collect();
        demanded(causes == expected && said == expected, || {
            format!("one breaker is full, but meshbook says {causes:?}, and the script {said:?}: {report:#}")
        })?;
        let sync = self.meshbook(&["run", "sync.rhai", "-o", "json"], &lab.kubeconfig);
        let synced = side_by_side(&[&sync], 5)?;
        let said = json(&synced.output[0])?;
        let seen = &said["shown"][0]["value"];
        demanded(seen["proxies"] == 500 && seen["connected"] == 500, || {
            format!("500 proxies are connected, but meshbook says {seen}")
        })?;
        let of = measured.times([("meshbook", 0), ("kubectl, jq and xargs", 1)]);
        Ok(vec![
            Demand {
                name: "triage, 500 proxies",
                of: of.clone(),
                figures: measured.time[0].clone(),
                unit: "ms",
                bound: Bound::AtMost(3000.0),
                excuse: None,
            },
            Demand {
                name: "triage, against bash",
                of,
                figures: measured.time[1].over(&measured.time[0]),
                unit: "x",
                bound: Bound::AtLeast(1.0),
                excuse: None,
            },
            Demand {
                name: "triage, memory",
                of: format!("kubectl, jq and xargs {:.1} MiB", measured.memory[1].median()),
                figures: measured.memory[0].clone(),
                unit: "MiB",
                bound: Bound::AtMost(150.0),
                excuse: None,
            },
            Demand {
                name: "sync of 500 proxies",
                of: format!("{:.0} MiB", synced.memory[0].median()),
                figures: synced.time[0].clone(),
                unit: "ms",
                bound: Bound::AtMost(1000.0),
                excuse: None,
            },
        ])
    }
}

/// The causes of a report, as `triage.bash` prints them.
fn causes(report: &Value) -> BTreeSet<String> {
    let causes = report["shown"][0]["value"]["causes"].as_array().into_iter().flatten();
    let service = |cause: &Value| {
        let arguments = cause["arguments"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let service = arguments.filter_map(|argument| argument.strip_prefix("service=")).next();
        service.map(|name| format!("{name}.svc.cluster.local")).unwrap_or_default()
    };
    causes
        .map(|cause| format!("{} {}", cause["cause"].as_str().unwrap_or_default().replace(' ', "-"), service(cause)))
        .collect()
}
