//! Sees what a case must not do: panic on any thread, go on for ever, or take
//! memory without bound.

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any case takes.
const LONG: Duration = Duration::from_secs(120);

/// More than any case takes, in kilobytes.
const MEMORY: u64 = 1 << 20;

/// One at a time: panics are those of the whole process.
static WATCHING: Mutex<()> = Mutex::new(());

static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

type Running = Arc<Mutex<Option<(Instant, String)>>>;

pub struct Watch {
    running: Running,
    _alone: MutexGuard<'static, ()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    pub fn begin() -> Self {
        let alone = lock(&WATCHING);
        lock(&PANICS).clear();
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            lock(&PANICS).push(panic.to_string());
            shown(panic);
        }));
        let running = Running::default();
        let seen = Arc::downgrade(&running);
        std::thread::spawn(move || {
            while let Some(running) = seen.upgrade() {
                if let Some((since, case)) = &*lock(&running)
                    && since.elapsed() > LONG
                {
                    // Past what keeps a test's output back, which is lost with the process.
                    let line = format!("this case does not end: {case}\n");
                    let _ = std::io::stderr().write_all(line.as_bytes());
                    std::process::abort();
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self {
            running,
            _alone: alone,
        }
    }

    /// A case begins.
    pub fn case(&self, case: &str) {
        *lock(&self.running) = Some((Instant::now(), case.to_owned()));
    }

    /// What has panicked since, whoever caught it.
    pub fn panics(&self) -> impl Iterator<Item = String> {
        std::mem::take(&mut *lock(&PANICS)).into_iter()
    }

    /// What holds for all cases. The watch is kept until the test has ended: how that fails
    /// is a panic too, and not one of the next test's.
    pub fn end(&self, line: &str) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.map_or("", |peak| peak.trim_end_matches("kB").trim());
        eprintln!("{line}; {peak} kB at most");
        assert!(peak.parse().unwrap_or(0) < MEMORY, "{peak} kB");
    }
}
