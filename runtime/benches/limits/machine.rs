//! Where the figures come from.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

use crate::timing::median;
use crate::{Outcome, table};

/// Prints processor, system and what a sync of the disk under `folder` costs:
/// figures at `FULL` are mostly that.
pub fn print(folder: &Path) -> Outcome {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |name| {
            name.trim_matches([' ', '\t', ':'])
        });
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let sha = if cpus.contains("sha_ni") {
        "with"
    } else {
        "without"
    };
    println!(
        "{} x {cpu} ({sha} SHA instructions), {} {}; fdatasync of 4 KiB more: {}, of 4 KiB overwritten: {}\n",
        available_parallelism()?,
        std::env::consts::OS,
        system.trim(),
        table::time(sync(folder, true)?),
        table::time(sync(folder, false)?),
    );
    Ok(())
}

/// The median of writing a page and syncing it, at the end of a file or in it.
fn sync(folder: &Path, grow: bool) -> Outcome<std::time::Duration> {
    use std::io::{Seek, SeekFrom};
    let path = folder.join(format!("sync-{}", std::process::id()));
    let mut file = File::create(&path)?;
    file.write_all(&[1; 4096])?;
    file.sync_all()?;
    let mut samples = Vec::new();
    for _ in 0..51 {
        if !grow {
            file.seek(SeekFrom::Start(0))?;
        }
        let started = Instant::now();
        file.write_all(&[2; 4096])?;
        file.sync_data()?;
        samples.push(started.elapsed());
    }
    fs::remove_file(path)?;
    Ok(median(samples))
}
