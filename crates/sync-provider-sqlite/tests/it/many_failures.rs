//! When very many rows of a table fail, the table stays unlearned as a whole instead of being remembered row by row.

use crate::support::{Db, settle, sync, upload};

#[test]
fn a_table_of_failing_rows() {
    let schema =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE u (id INTEGER PRIMARY KEY, v)";
    let (a, b) = (Db::new(schema), Db::new(schema));
    b.execute("CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.id % 12 <> 0 BEGIN SELECT RAISE(ABORT, 'no'); END");
    a.execute(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) SELECT i, 'x' FROM n; \
         INSERT INTO u SELECT id, v FROM t WHERE id <= 10",
    );
    let report = upload(&a, &b);
    assert_eq!(report.up().0, 1010);
    assert!(report.up().1 > 0, "{report:?}");
    assert_eq!(b.waiting(), 0, "no single row is remembered");
    assert!(
        b.ranges() <= 3,
        "one exception for the whole table, not {} ranges",
        b.ranges()
    );
    assert_eq!(b.number("SELECT count(*) FROM t"), 1000);
    // Other tables go on, and so does the other direction.
    a.execute("UPDATE u SET v = 'y' WHERE id = 1");
    b.execute("INSERT INTO u VALUES (100, 'back')");
    sync(&a, &b);
    assert_eq!(b.query("SELECT v FROM u WHERE id = 1"), ["y"]);
    assert_eq!(a.query("SELECT v FROM u WHERE id = 100"), ["back"]);
    b.execute("DROP TRIGGER no");
    let report = upload(&a, &b);
    assert_eq!(
        report.up(),
        (11_000, 0),
        "rows that are there already do not come again"
    );
    settle(&a, &b);
}
