//! How SQLite reads a list: by an index, in its order, and never through a whole table.

use rusqlite::Connection;

use super::{effects, heads, history, schema, signals, waits};
use crate::store::{Page, RunFilter, Status};

fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut explained = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines = explained.raw_query().mapped(|row| row.get("detail"));
    lines.collect::<Result<_, _>>().unwrap()
}

fn empty() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    schema::migrate(&mut conn, "in memory".as_ref()).unwrap();
    conn
}

/// The statements, each with what its plan must name.
fn lists() -> Vec<(String, &'static str)> {
    let all = RunFilter::new();
    let failed = RunFilter::new().status(Status::Failed);
    let of_graph = RunFilter::new().graph("Researcher");
    let both = of_graph.clone().status(Status::Failed);
    let first = Page::first(10);
    let second = Page::first(10).after("run".to_owned());
    let mut lists = Vec::new();
    for page in [&first, &second] {
        lists.extend([
            (
                heads::finding(false, &all, page),
                "COVERING INDEX sqlite_autoindex_runs_1",
            ),
            (
                heads::finding(true, &failed, page),
                "COVERING INDEX runs_by_status ",
            ),
            (
                heads::finding(false, &of_graph, page),
                "COVERING INDEX runs_by_graph ",
            ),
            (
                heads::finding(true, &both, page),
                "COVERING INDEX runs_by_graph_and_status",
            ),
            (heads::finding_stuck(page), "INDEX waiting"),
        ]);
    }
    lists.extend([
        (heads::numbered(), "INTEGER PRIMARY KEY"),
        (history::STEPS.to_owned(), "INTEGER PRIMARY KEY"),
        (history::DIGESTS.to_owned(), "INTEGER PRIMARY KEY"),
        (effects::within(), "PRIMARY KEY"),
        // What wakes, in the order in which it does: nothing asks for all of it so far.
        (
            "SELECT id FROM runs WHERE wakes <= ?1 ORDER BY wakes LIMIT ?2".to_owned(),
            "INDEX runs_by_wakes",
        ),
        (waits::within(), "PRIMARY KEY"),
        (signals::BEHIND.to_owned(), "INDEX signals_unreceived"),
        (signals::UNRECEIVED.to_owned(), "INDEX signals_unreceived"),
        (signals::WITH_ID.to_owned(), "COVERING INDEX signals_by_id"),
        (signals::LAST.to_owned(), "PRIMARY KEY"),
    ]);
    lists
}

#[test]
fn every_list_is_read_by_an_index_in_its_order() {
    let conn = empty();
    for (sql, index) in lists() {
        let plan = plan(&conn, &sql);
        assert!(
            plan.iter().any(|line| line.contains(index)),
            "{sql}: {plan:?}"
        );
        let looks_up = |line: &String| !line.contains("SCAN") && !line.contains("TEMP B-TREE");
        assert!(plan.iter().all(looks_up), "{sql}: {plan:?}");
    }
}

/// A commit would rewrite every index on a column that its statement names.
#[test]
fn a_step_touches_no_index_of_a_list() {
    let conn = empty();
    let indexes = "SELECT name FROM pragma_index_list('runs')";
    let mut indexes = conn.prepare(indexes).unwrap();
    let names = indexes
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    let names: Vec<_> = names.map(Result::unwrap).collect();
    let of_status = ["runs_by_status", "runs_by_graph_and_status", "waiting"];
    for index in of_status {
        assert!(names.iter().any(|name| name == index), "{index}: {names:?}");
    }
    let opened = |sql: &str| {
        let mut program = conn.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let opcodes = program
            .raw_query()
            .mapped(|row| row.get::<_, String>("opcode"));
        let opcodes = opcodes.map(Result::unwrap);
        opcodes.filter(|opcode| opcode == "OpenWrite").count()
    };
    assert_eq!(opened(super::commit::ADVANCE), 1, "the table alone");
    assert_eq!(
        opened(heads::SET_STATUS),
        1 + of_status.len(),
        "the table and these"
    );
    assert_eq!(opened(heads::SET_WAKES), 2, "the table and `runs_by_wakes`");
}
