//! What the command line asks for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What `--help` says.
pub const USAGE: &str = "\
usage: review <folder> [--out <folder>] [--pause-ms <number>]

Reviews the Rust files below <folder>. The report, the picture of the graph
and the database of the runs go to the folder that --out names, by default
target/review. --pause-ms makes each look at a file take longer, so that there
is time to kill the program and see it go on.";

/// A command line that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub folder: PathBuf,
    pub out: PathBuf,
    pub pause: Duration,
}

impl Request {
    /// Reads the arguments after the program's name.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut args = args.into_iter();
        let (mut folder, mut out, mut pause) = (None, None, Duration::ZERO);
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--out") => out = Some(args.next().ok_or("`--out` needs a folder")?),
                Some("--pause-ms") => pause = millis(args.next())?,
                Some(flag) if flag.starts_with('-') => return Err(format!("there is no `{flag}`")),
                _ if folder.is_none() => folder = Some(arg),
                _ => return Err("one folder at a time, please".into()),
            }
        }
        let folder = PathBuf::from(folder.ok_or("which folder?")?);
        if !folder.is_dir() {
            let what = if folder.exists() {
                "is not a folder"
            } else {
                "does not exist"
            };
            return Err(format!("`{}` {what}", folder.display()));
        }
        let out = out.map_or_else(|| "target/review".into(), PathBuf::from);
        std::fs::create_dir_all(&out)
            .map_err(|error| format!("cannot write to `{}`: {error}", out.display()))?;
        Ok(Self { folder, out, pause })
    }

    /// Where the report goes.
    pub fn report(&self) -> PathBuf {
        self.out.join("report.md")
    }

    /// Where the picture of the graph goes.
    pub fn picture(&self) -> PathBuf {
        self.out.join("graph.svg")
    }

    /// Where the runs are kept.
    pub fn database(&self) -> PathBuf {
        self.out.join("review.db")
    }
}

fn millis(arg: Option<OsString>) -> Result<Duration, String> {
    let number = arg.and_then(|arg| arg.to_str()?.parse().ok());
    number
        .map(Duration::from_millis)
        .ok_or_else(|| "`--pause-ms` needs a number".into())
}
