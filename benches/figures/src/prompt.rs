//! What a person at the prompt waits for, and what it costs the machine: the first prompt, a key, memory, a watch.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::crowd::{self, Crowd};
use crate::demand::{Bound, Demand};
use crate::measure::Figures;
use crate::{Bench, demanded};

/// Sessions that are opened, one after the other.
const SESSIONS: usize = 5;
/// Keys that are pressed in each.
const KEYS: usize = 100;
/// How long anything may take before there is no figure.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a watch is looked at.
const WATCHED: Duration = Duration::from_secs(15);
/// What the editor writes when it begins to read a line: that pasted text is to be marked.
const READY: &[u8] = b"\x1b[?2004h";

impl Bench {
    /// Against 10,000 pods and 500 services behind an API whose every answer takes 50 ms; and a watch of 500 proxies.
    pub fn prompt(&self) -> io::Result<Vec<Demand>> {
        let cluster = Crowd::serve(self.state.path(), Duration::from_millis(50))?;
        let (mut first, mut keys, mut memory, mut theirs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // What a shell's completion calls at every Tab.
        let complete = ["__complete", "-n", "summit", "get", "pods", "team-123-"];
        let complete = self.today(&self.kubectl, &complete, &cluster.kubeconfig);
        // The first one fills its cache of what the server serves.
        complete.once()?;
        for _ in 0..SESSIONS {
            let once = complete.once()?;
            demanded(once.output.contains("-x0"), || format!("kubectl completes {:?}", once.output))?;
            theirs.push(once.took.as_secs_f64() * 1e3);
            let mut session = self.session(&cluster.kubeconfig)?;
            first.push(session.until(0, READY)?.as_secs_f64() * 1e3);
            session.knows_all()?;
            keys.push(session.keys()?);
            memory.push(session.memory()?);
        }
        let lab = self.lab(&self.folder.join("five-hundred-proxies.toml").to_string_lossy())?;
        let mut session = self.session(&lab.kubeconfig)?;
        session.until(0, READY)?;
        session.types(":watch 5s host(\"graph-core\").refusals(over(\"30s\"))\r")?;
        session.until(0, b"proxies")?;
        let (before, from) = (session.processor()?, Instant::now());
        std::thread::sleep(WATCHED);
        let share = (session.processor()? - before) / from.elapsed().as_secs_f64() * 100.0;
        let demand = |name, of: &str, figures: Figures, unit, most| Demand {
            name,
            of: of.to_owned(),
            figures,
            unit,
            bound: Bound::AtMost(most),
            excuse: None,
        };
        let (keys, theirs): (Figures, Figures) = (keys.into_iter().collect(), theirs.into_iter().collect());
        let sides = format!("a key {:.1} ms, kubectl __complete {:.0} ms", keys.median(), theirs.median());
        Ok(vec![
            demand("first prompt", "each call takes 50 ms", first.into_iter().collect(), "ms", 100.0),
            demand("key to candidate, p99", "10,000 pods, 500 hosts", keys.clone(), "ms", 20.0),
            Demand {
                name: "key, against kubectl",
                of: sides,
                figures: theirs.over(&keys),
                unit: "x",
                bound: Bound::AtLeast(1.0),
                excuse: None,
            },
            demand("prompt, memory", "10,000 pods, 500 hosts", memory.into_iter().collect(), "MiB", 120.0),
            demand("watch of 500 proxies", "every 5 s, of one core", [share].into_iter().collect(), "%", 10.0),
        ])
    }

    fn session(&self, kubeconfig: &Path) -> io::Result<Session> {
        let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).map_err(io::Error::other)?;
        let mut command = CommandBuilder::new(self.built.join("meshbook"));
        command.args(["repl", "-n", "summit"]);
        command.env("MESHBOOK_HOME", self.state.path());
        command.env("KUBECONFIG", kubeconfig);
        command.env("TERM", "xterm-256color");
        command.cwd(&self.folder);
        let begun = Instant::now();
        let child = pair.slave.spawn_command(command).map_err(io::Error::other)?;
        drop(pair.slave);
        let written = Arc::new(Mutex::new(Written { begun, bytes: Vec::new(), at: Vec::new() }));
        let keep = Arc::clone(&written);
        let mut reader = pair.master.try_clone_reader().map_err(io::Error::other)?;
        std::thread::spawn(move || {
            let mut bytes = [0; 1 << 16];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                let Ok(mut written) = keep.lock() else { return };
                let at = written.begun.elapsed();
                written.bytes.extend_from_slice(&bytes[..length]);
                let end = written.bytes.len();
                written.at.push((end, at));
            }
        });
        let writer = pair.master.take_writer().map_err(io::Error::other)?;
        Ok(Session { writer, child, _master: pair.master, written })
    }
}

/// What a session has written, and when.
struct Written {
    begun: Instant,
    bytes: Vec<u8>,
    /// So many bytes were there at that time after the start.
    at: Vec<(usize, Duration)>,
}

/// A prompt at a terminal of its own. It ends when dropped.
struct Session {
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    written: Arc<Mutex<Written>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // If it has ended already, that is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Session {
    fn types(&mut self, keys: &str) -> io::Result<()> {
        self.writer.write_all(keys.as_bytes())?;
        self.writer.flush()
    }

    /// How much it has written.
    fn length(&self) -> usize {
        self.written.lock().map_or(0, |written| written.bytes.len())
    }

    /// When, after its start, it had written something behind a place.
    fn until(&self, from: usize, what: &[u8]) -> io::Result<Duration> {
        let begun = Instant::now();
        loop {
            if let Ok(written) = self.written.lock()
                && let Some(place) = written.bytes[from..].windows(what.len()).position(|bytes| bytes == what)
            {
                let end = from + place + what.len();
                let at = written.at.iter().find(|(length, _)| *length >= end);
                return at.map(|(_, at)| *at).ok_or_else(|| io::Error::other("bytes without a time"));
            }
            demanded(begun.elapsed() < PATIENCE, || {
                let said = self.written.lock().map(|written| String::from_utf8_lossy(&written.bytes).into_owned());
                format!("the prompt does not show {:?} but {said:?}", String::from_utf8_lossy(what))
            })?;
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Waits until the names of all pods and services are known.
    fn knows_all(&mut self) -> io::Result<()> {
        for (typed, count) in [("pod(\"", crowd::PODS), ("host(\"", crowd::SERVICES)] {
            let (from, more) = (self.length(), format!("… {} more", count - 100));
            let begun = Instant::now();
            while self.written.lock().is_ok_and(|w| !String::from_utf8_lossy(&w.bytes[from..]).contains(&more)) {
                demanded(begun.elapsed() < PATIENCE, || format!("not all of {count} names are known"))?;
                self.types(&format!("\x15{typed}\t"))?;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Ok(())
    }

    /// The time from Tab to the first candidate that all but one of a hundred keys stay within, in milliseconds.
    fn keys(&mut self) -> io::Result<f64> {
        let mut took = Vec::new();
        for key in 0..KEYS {
            let (typed, offered) = match key % 2 {
                0 => (format!("pod(\"team-{:03}-", key * 5 % 500), "-x0"),
                _ => (format!("host(\"service-{}", key % 5), "service-"),
            };
            self.types(&format!("\x15{typed}"))?;
            // Whoever types takes longer than this between two keys.
            std::thread::sleep(Duration::from_millis(30));
            let from = self.length();
            let pressed = self.written.lock().map_err(|_| io::Error::other("the reader failed"))?.begun.elapsed();
            self.types("\t")?;
            took.push((self.until(from, offered.as_bytes())?.saturating_sub(pressed)).as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        Ok(took[KEYS - 2])
    }

    fn status(&self, file: &str) -> io::Result<String> {
        let id = self.child.process_id().ok_or_else(|| io::Error::other("the prompt has ended"))?;
        std::fs::read_to_string(format!("/proc/{id}/{file}"))
    }

    /// The most memory that it held, in mebibytes (`VmHWM`).
    fn memory(&self) -> io::Result<f64> {
        let status = self.status("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size: Option<f64> = line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse().ok());
        size.map(|size| size / 1024.0)
            .ok_or_else(|| io::Error::other("the system does not say how much memory it held"))
    }

    /// Seconds of a processor that it took so far: fields 14 and 15 of `/proc/PID/stat`, in hundredths.
    fn processor(&self) -> io::Result<f64> {
        let stat = self.status("stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|text| text.parse().ok()).collect();
        demanded(ticks.len() == 2, || format!("the system does not say what it took: {stat}"))?;
        Ok((ticks[0] + ticks[1]) / 100.0)
    }
}
