//! Keys and cells of every kind.

use sync_metadata::Value;

use super::super::engine::{Ability, Engine, Layout};
use super::super::neutral::{CLUSTERED, GUID, ITEM, PAIR, TABLES, WORD, item, text};
use super::super::state::assert_converged;
use super::{Pair, Verdict, between, settle};

/// Keys that both engines tell apart.
fn keys(local: &dyn Engine, remote: &dyn Engine) -> Vec<(usize, Vec<Value>)> {
    let mind_blanks = local.can(Ability::MindBlanks) && remote.can(Ability::MindBlanks);
    let mut rows = Vec::new();
    for id in [i64::MIN, -1, 0, 1, i64::MAX] {
        rows.push((ITEM, item(id, "row")));
        rows.push((PAIR, vec![Value::Integer(id), text("note"), text("b")]));
    }
    for word in [
        "",
        " ",
        "a",
        "A",
        "ä",
        "𝄞",
        "it's",
        "a-b",
        "%_\"[]`",
        "1",
        "1.0",
        "NULL",
        "line\nbreak",
    ] {
        if !mind_blanks && word == " " {
            continue;
        }
        rows.push((WORD, vec![text(word), text("note")]));
        rows.push((CLUSTERED, vec![text(word), Value::Integer(7), text("note")]));
        rows.push((PAIR, vec![Value::Integer(7), text("note"), text(word)]));
    }
    // The ids of these two coincide for the knowledge; they are two rows all the same.
    rows.push((
        CLUSTERED,
        vec![text("a-1"), Value::Integer(2), text("first")],
    ));
    rows.push((
        CLUSTERED,
        vec![text("a"), Value::Integer(-12), text("second")],
    ));
    for guid in [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "01234567-89ab-4def-8123-456789abcdef",
    ] {
        rows.push((GUID, vec![text(guid), text("note")]));
    }
    rows
}

pub(super) fn keys_of_every_kind(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    let rows = keys(local, remote);
    for (table, row) in &rows {
        pair.local.write(*table, row, 1);
    }
    assert_eq!(
        pair.session().run().upload().changes_applied,
        rows.len() as u64
    );
    assert_converged(&pair.states());
    for (index, (table, row)) in rows.iter().enumerate() {
        let key = TABLES[*table].key_of(row);
        let side = if index % 2 == 0 {
            &pair.local
        } else {
            &pair.remote
        };
        if index % 3 == 0 {
            side.delete(*table, &key, 2);
        } else {
            let note = (0..row.len())
                .find(|&column| !TABLES[*table].columns[column].3)
                .unwrap();
            let mut changed = row.clone();
            changed[note] = text("changed");
            side.write(*table, &changed, 2);
        }
    }
    let report = pair.session().run();
    assert_eq!(
        (report.moved(), report.records.len()),
        (rows.len() as u64, 0)
    );
    assert_converged(&pair.states());
    Verdict::Passed
}

pub(super) fn values_of_every_kind(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    let held = |values: &[Value]| -> Vec<Value> {
        let both = |value: &&Value| local.holds(value) && remote.holds(value);
        values.iter().filter(both).cloned().collect()
    };
    let texts = held(&[
        Value::Null,
        text(""),
        text("NULL"),
        text("0x00"),
        text("grüße 𝄞 \u{0}end"),
        text(&"long ".repeat(50_000)),
    ]);
    let reals = held(&[
        Value::Null,
        Value::Real(0.0),
        Value::Real(-0.0),
        Value::Real(f64::MAX),
        Value::Real(f64::MIN_POSITIVE),
        Value::Real(f64::NEG_INFINITY),
        Value::Real(0.1),
    ]);
    let blobs = held(&[
        Value::Null,
        Value::Blob([].into()),
        Value::Blob([0, 255, 0].into()),
        Value::Blob(vec![7; 300_000]),
    ]);
    let numbers = held(&[
        Value::Null,
        Value::Integer(i64::MIN),
        Value::Integer(i64::MAX),
        Value::Integer(0),
        Value::Integer(-1),
    ]);
    let most = texts
        .len()
        .max(reals.len())
        .max(blobs.len())
        .max(numbers.len());
    let row = |id: usize, shift: usize| {
        let pick = |values: &[Value]| values[(id + shift) % values.len()].clone();
        vec![
            Value::Integer(id as i64),
            pick(&texts),
            pick(&reals),
            pick(&blobs),
            pick(&numbers),
        ]
    };
    for id in 0..most {
        pair.local.write(ITEM, &row(id, 0), 1);
    }
    pair.session().run();
    assert_converged(&pair.states());
    for id in 0..most {
        assert_eq!(
            pair.remote.state().row(ITEM, &[Value::Integer(id as i64)]),
            Some(&row(id, 0))
        );
        pair.remote.write(ITEM, &row(id, 1), 2);
    }
    let report = pair.session().run();
    assert_eq!(report.records.len(), 0);
    let [here, there] = pair.states();
    for id in 0..most {
        assert_eq!(
            here.row(ITEM, &[Value::Integer(id as i64)]),
            Some(&row(id, 1))
        );
    }
    assert_converged(&[here, there]);
    Verdict::Passed
}

pub(super) fn columns_in_another_order(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let (here, there) = (
        local.make(Layout::Neutral),
        remote.make(Layout::OthersFirst),
    );
    for (table, row) in keys(local, remote) {
        let side = if table == ITEM { &there } else { &here };
        side.write(table, &row, 1);
    }
    between(here.as_ref(), there.as_ref()).run();
    assert_converged(&[here.state(), there.state()]);
    here.delete(PAIR, &[Value::Integer(-1), text("b")], 2);
    there.delete(CLUSTERED, &[text("ä"), Value::Integer(7)], 2);
    there.write(PAIR, &[Value::Integer(0), text("changed"), text("b")], 2);
    let report = between(here.as_ref(), there.as_ref()).run();
    assert_eq!((report.moved(), report.records.len()), (3, 0));
    settle(&[here.as_ref(), there.as_ref()], &[(0, 1)]);
    Verdict::Passed
}
