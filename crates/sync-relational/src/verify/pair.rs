//! Which table and columns of one side are which of the other's.

use sync_decision::TableShape;
use sync_metadata::SqlType;
use sync_provider::ProviderError;

/// A table at both sides, with the columns that both have.
#[derive(Debug)]
pub(super) struct Pair<'s> {
    /// A's shape; its types count.
    pub(super) shape: &'s TableShape,
    /// Indexes of the table.
    pub(super) tables: [usize; 2],
    /// Positions of the common columns in the cells of each side, in one order.
    pub(super) columns: [Vec<usize>; 2],
    pub(super) types: Vec<&'s SqlType>,
    /// Where each of A's key columns stands in B's key.
    pub(super) key_in_b: Vec<usize>,
}

/// The tables of both sides, in A's order.
pub(super) fn pair_tables<'s>(
    scope: &str,
    names: &[String; 2],
    a: &'s [TableShape],
    b: &[TableShape],
) -> Result<Vec<Pair<'s>>, ProviderError> {
    let lacking = |shape: &TableShape, side: &str| {
        ProviderError::refused(
            format!("table {}", shape.global_name),
            format!("scope {scope} does not hold it in {side}"),
            "provision both sides with the same tables",
        )
    };
    let find = |shapes: &[TableShape], name: &str| {
        shapes
            .iter()
            .position(|shape| shape.global_name.eq_ignore_ascii_case(name))
    };
    if let Some(stranger) = b.iter().find(|shape| find(a, &shape.global_name).is_none()) {
        return Err(lacking(stranger, &names[0]));
    }
    let pairs = a.iter().enumerate().map(|(table, shape)| {
        let other = find(b, &shape.global_name).ok_or_else(|| lacking(shape, &names[1]))?;
        pair(names, shape, &b[other], [table, other])
    });
    pairs.collect()
}

fn pair<'s>(
    names: &[String; 2],
    a: &'s TableShape,
    b: &TableShape,
    tables: [usize; 2],
) -> Result<Pair<'s>, ProviderError> {
    let [name_a, name_b] = names;
    let place = |columns: &[String], name: &String| {
        columns
            .iter()
            .position(|other| other.eq_ignore_ascii_case(name))
    };
    let (keys_a, keys_b) = (a.key_columns(), b.key_columns());
    let key_in_b: Option<Vec<usize>> = keys_a.iter().map(|name| place(&keys_b, name)).collect();
    let Some(key_in_b) = key_in_b.filter(|places| places.len() == keys_b.len()) else {
        return Err(ProviderError::refused(
            format!("table {}", a.global_name),
            format!(
                "its primary key is ({}) in {name_a} and ({}) in {name_b}",
                keys_a.join(", "),
                keys_b.join(", ")
            ),
            "give both tables the same primary key",
        ));
    };
    let equality = a.key_equality.iter().zip(&key_in_b).zip(&keys_a);
    for ((&here, &there), column) in equality {
        let there = b.key_equality[there];
        if here != there {
            return Err(ProviderError::refused(
                format!("column {column} of table {}", a.global_name),
                format!(
                    "it is part of the primary key and compares as {} in {name_a} and as {} in {name_b}",
                    here.name(),
                    there.name()
                ),
                "declare it with the same collation on both sides",
            ));
        }
    }
    let common: Vec<(usize, usize)> = (a.columns.iter().enumerate())
        .filter_map(|(here, name)| Some((here, place(&b.columns, name)?)))
        .collect();
    let (here, there): (Vec<usize>, Vec<usize>) = common.into_iter().unzip();
    Ok(Pair {
        shape: a,
        tables,
        types: here.iter().map(|&at| &a.types[at]).collect(),
        columns: [here, there],
        key_in_b,
    })
}
