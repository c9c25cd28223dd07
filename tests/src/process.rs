use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "SUPERSTEP_CHILD_FOLDER";

/// Test `name` of this same binary, in a process of its own. There
/// [`child_folder`] returns `folder`; in a plain test run it returns nothing, and
/// such a test returns at once.
pub fn child(name: &str, folder: &Path) -> Command {
    let program = std::env::current_exe().expect("the test binary has a path");
    let mut command = Command::new(program);
    command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::null());
    command
}

/// The folder that the parent process gave, in a [`child`].
pub fn child_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The number in the environment variable `name`, else `short`: how many
/// repetitions a test makes.
pub fn scale(name: &str, short: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(short)
}
