//! What is asked of a large tree of runbooks.

use std::fs;
use std::io;

use crate::demand::{Bound, Demand};
use crate::measure::side_by_side;
use crate::{Bench, demanded};

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
}
