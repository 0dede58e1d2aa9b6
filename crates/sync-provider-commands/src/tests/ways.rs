//! Which commands a row takes where somebody wrote them, and what follows where one of them writes nothing.

use super::*;

fn check(
    tracking: ChangeTrackingModel,
    silent: &[&'static str],
    row: (Local, bool, bool, Version),
    ran: &[&str],
    failed: &[&str],
) {
    let (here, deleted, base, create) = row;
    let kept = match here {
        Local::Nothing => Vec::new(),
        // As it was when it was decided upon.
        _ => vec![reading::changed(1, Value::Null, MARK, HERE)],
    };
    let fake = Fake {
        silent: silent.iter().copied().collect(),
        kept,
        ..Fake::default()
    };
    let found = write(
        store_of(fake, adapter(), tracking),
        deleted,
        &[(here, base, create)],
    );
    let case = format!("{tracking:?} {silent:?} {here:?} deleted {deleted} base {base}");
    assert_eq!(found.0, ran, "{case}");
    assert_eq!(found.1, failed, "{case}");
}

#[test]
fn metadata_are_updated_and_inserted_where_they_are_kept_apart() {
    use ChangeTrackingModel::{Coupled, Decoupled};
    use Local::{Nothing, Row, Tombstone};
    for tracking in [Coupled, Decoupled] {
        let meta = match tracking {
            Coupled => "updatemeta",
            Decoupled => "updatemeta|insertmeta",
        };
        let check = |row, ran: &str| check(tracking, &[], row, &[ran], &[]);
        check((Nothing, false, true, THERE), &format!("insert {meta}"));
        check(
            (Tombstone, false, true, THERE),
            &format!("deletemeta insert {meta}"),
        );
        check((Row, false, true, HERE), &format!("update {meta}"));
        check((Row, false, true, THERE), &format!("update {meta}"));
        check((Row, true, true, HERE), &format!("delete {meta}"));
        check((Row, false, false, THERE), meta);
        check((Tombstone, true, false, THERE), meta);
        // Nothing to be deleted: a deletion is recorded all the same.
        check((Nothing, true, true, THERE), "insertmeta");
    }
}

#[test]
fn a_command_that_writes_nothing_is_looked_into() {
    use ChangeTrackingModel::{Coupled, Decoupled};
    use Local::{LateRow, Nothing, Row, Tombstone};
    let meta = "updatemeta|insertmeta";
    let constraint = "0 its command wrote no row and there is none to be in conflict with: a constraint keeps it out";
    let changed = "0 it was changed here meanwhile";
    let version = "0 its version could not be written";
    let insert = format!("insert {meta}");
    // Inserted nothing, and there is nothing: a constraint.
    check(
        Decoupled,
        &["insert"],
        (Nothing, false, true, THERE),
        &[&insert],
        &[constraint],
    );
    let reinsert = format!("deletemeta {insert}");
    check(
        Decoupled,
        &["insert"],
        (Tombstone, false, true, THERE),
        &[&reinsert],
        &[constraint],
    );
    // Updated nothing although nothing has changed: the row is gone, and is inserted after the metadata that are in its way.
    let update = format!("update {meta}");
    check(
        Decoupled,
        &["update"],
        (Row, false, true, HERE),
        &[&update, &reinsert],
        &[],
    );
    // Deleted nothing although nothing has changed: the deletion is recorded.
    let delete = format!("delete {meta}");
    check(
        Decoupled,
        &["delete"],
        (Row, true, true, HERE),
        &[&delete, meta],
        &[],
    );
    // What is there is not what was decided upon: decided anew.
    check(
        Decoupled,
        &["update"],
        (LateRow, false, true, HERE),
        &[&update],
        &[changed],
    );
    check(
        Decoupled,
        &["delete"],
        (LateRow, true, true, HERE),
        &[&delete],
        &[changed],
    );
    // Neither updated nor inserted.
    let nothing = ["updatemeta", "insertmeta"];
    check(
        Decoupled,
        &nothing,
        (Nothing, false, true, THERE),
        &[&insert],
        &[version],
    );
    check(
        Decoupled,
        &["updatemeta"],
        (Nothing, false, true, THERE),
        &[&insert],
        &[],
    );
    check(
        Coupled,
        &["updatemeta"],
        (Nothing, false, true, THERE),
        &["insert updatemeta"],
        &[version],
    );
}

#[test]
fn a_row_that_came_meanwhile_is_decided_anew() {
    let fake = Fake {
        silent: BTreeSet::from(["insert"]),
        kept: vec![reading::changed(1, Value::Null, MARK + 1, HERE)],
        ..Fake::default()
    };
    let store = store_of(fake, adapter(), ChangeTrackingModel::Decoupled);
    let (_, failed) = write(store, false, &[(Local::Nothing, true, THERE)]);
    assert_eq!(failed, ["0 it was changed here meanwhile"]);
}
