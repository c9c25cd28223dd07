//! The README shows what is really there.

const README: &str = include_str!("../../README.md");

#[test]
fn the_program_in_the_readme_is_the_quickstart() {
    let (_, program) = include_str!("../quickstart.rs").split_once("\n\n").unwrap();
    let (program, _) = program.split_once("\n#[cfg(test)]").unwrap();
    assert!(
        README.contains(program.trim()),
        "copy quickstart.rs into README.md"
    );
}

#[test]
fn the_errors_in_the_readme_are_those_of_the_compiler() {
    let real = concat!(
        include_str!("../../ui-tests/cases/graph/all_faults_at_once.stderr"),
        "\n",
        include_str!("../../ui-tests/cases/graph/route_variants.stderr"),
    );
    let (_, section) = README.split_once("## What the compiler refuses").unwrap();
    let block = section
        .split("```")
        .nth(1)
        .unwrap()
        .trim_start_matches("text");
    for error in block.trim().split("\n\n") {
        assert!(
            real.contains(error),
            "not in the .stderr files any more:\n{error}"
        );
    }
}
