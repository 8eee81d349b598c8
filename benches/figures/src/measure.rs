//! Commands and what they take: wall time, memory, and the ratio of two that run side by side.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// A command that is run again and again, with an environment of its own.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    exit: i32,
}

/// One run of a program.
#[derive(Clone, Debug)]
pub struct Once {
    /// From the start of the process to its end.
    pub took: Duration,
    /// What it and the programs that it started took of the processors, user and system together.
    pub processor: Duration,
    /// The most memory that it held, in bytes.
    pub memory: u64,
    /// What it wrote to standard output.
    pub output: String,
}

impl Program {
    /// A program with its arguments, run in a folder.
    pub fn new(path: impl Into<PathBuf>, arguments: &[&str], folder: impl Into<PathBuf>) -> Program {
        Program {
            path: path.into(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: Vec::new(),
            folder: folder.into(),
            exit: 0,
        }
    }

    /// The same with a variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Program {
        self.environment.push((name.to_owned(), value.as_ref().to_string_lossy().into_owned()));
        self
    }

    /// The same, which ends with this exit code if it does what it should.
    #[must_use]
    pub fn ends_with(mut self, exit: i32) -> Program {
        self.exit = exit;
        self
    }

    /// Runs it once.
    ///
    /// # Errors
    /// If it does not start, or ends otherwise than it should: then with what it wrote to standard error.
    pub fn once(&self) -> io::Result<Once> {
        // Files, not pipes: whoever reads a pipe takes part in what is measured.
        let (mut output, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(errors.try_clone()?);
        let from = Instant::now();
        let used = command.spawn().and_then(Wait4::wait4);
        let took = from.elapsed();
        let name = format!("{} {}", self.path.display(), self.arguments.join(" "));
        let used = used.map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        if used.status.code() != Some(self.exit) {
            let said = format!("{}{}", read(&mut output)?, read(&mut errors)?);
            return Err(io::Error::other(format!("{name}: {} instead of {}\n{said}", used.status, self.exit)));
        }
        let processor = used.rusage.utime + used.rusage.stime;
        Ok(Once { took, processor, memory: used.rusage.maxrss, output: read(&mut output)? })
    }
}

fn read(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Figures of several runs, in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<f64>);

impl Figures {
    /// The one in the middle. 0 without any.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The least and the greatest.
    pub fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or_default(), sorted.last().copied().unwrap_or_default())
    }

    /// How many there are.
    pub fn rounds(&self) -> usize {
        self.0.len()
    }

    /// Each divided by the other of the same round.
    #[must_use]
    pub fn over(&self, other: &Figures) -> Figures {
        self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Figures {
        Figures(figures.into_iter().collect())
    }
}

/// What programs took that ran side by side.
#[derive(Debug)]
pub struct Measured {
    /// Milliseconds, by program.
    pub time: Vec<Figures>,
    /// Milliseconds of a processor, by program: they depend less on what else the machine does.
    pub processor: Vec<Figures>,
    /// Mebibytes, by program.
    pub memory: Vec<Figures>,
    /// What each wrote in the last round.
    pub output: Vec<String>,
}

impl Measured {
    /// `meshbook 6.1 ms (5.0 of a processor), kubectl 41.0 ms (48.2)`: the medians of two programs.
    pub fn times(&self, [ours, theirs]: [(&str, usize); 2]) -> String {
        let [(name, one), (other, two)] = [ours, theirs];
        format!(
            "{name} {:.1} ms ({:.1} of a processor), {other} {:.1} ms ({:.1})",
            self.time[one].median(),
            self.processor[one].median(),
            self.time[two].median(),
            self.processor[two].median()
        )
    }
}

/// Runs programs in turn, so many rounds. The order changes from round to round, so that none always runs first; a
/// round before the first is not counted.
///
/// # Errors
/// If a program ends otherwise than it should.
pub fn side_by_side(programs: &[&Program], rounds: usize) -> io::Result<Measured> {
    let count = programs.len();
    let mut measured = Measured {
        time: vec![Figures::default(); count],
        processor: vec![Figures::default(); count],
        memory: vec![Figures::default(); count],
        output: vec![String::new(); count],
    };
    for round in 0..=rounds {
        for place in 0..count {
            let index = (place + round) % count;
            let once = programs[index].once()?;
            if round > 0 {
                measured.time[index].0.push(once.took.as_secs_f64() * 1e3);
                measured.processor[index].0.push(once.processor.as_secs_f64() * 1e3);
                #[allow(clippy::cast_precision_loss, reason = "memory fits into 53 bits")]
                measured.memory[index].0.push(once.memory as f64 / f64::from(1 << 20));
            }
            measured.output[index] = once.output;
        }
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let figures = |list: &[f64]| list.iter().copied().collect::<Figures>();
        assert!((figures(&[3.0, 1.0, 2.0]).median() - 2.0).abs() < 1e-9);
        assert!((figures(&[4.0, 1.0, 2.0, 3.0]).median() - 2.5).abs() < 1e-9);
        let ratio = figures(&[10.0, 30.0]).over(&figures(&[1.0, 10.0]));
        assert!((ratio.range().0 - 3.0).abs() < 1e-9 && (ratio.range().1 - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_program_that_ends_otherwise_is_an_error() {
        let program = |exit| Program::new("sh", &["-c", "echo said; echo why >&2; exit 3"], "/").ends_with(exit);
        assert_eq!(program(3).once().unwrap().output, "said\n");
        let error = program(0).once().unwrap_err().to_string();
        assert!(error.contains("why") && error.contains("instead of 0"), "{error}");
    }
}
