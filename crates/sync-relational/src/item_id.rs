//! Row ids of keys, in one buffer.

use sync_knowledge::ItemId;
use sync_metadata::{SqlType, TypeFamily, ValueRef, table_id_range, write_row_id};
use sync_provider::{RowSet, TableShape};

/// Writes the row id of a key into `id`, replacing what it held, and says whether the row has an id of its own.
///
/// A key that is too long for a row id cannot be an exception in the knowledge by itself, only with its whole table; so the
/// first id of the table stands for it.
pub(crate) fn write_item_id<'v>(
    id: &mut Vec<u8>,
    shape: &TableShape,
    key: impl Iterator<Item = ValueRef<'v>>,
) -> bool {
    let typed = shape
        .key
        .iter()
        .zip(key)
        .map(|(&column, cell)| (&shape.types[column], cell));
    let has_own = write_row_id(id, &shape.global_name, shorten(typed)).is_ok();
    if !has_own {
        id.clear();
        id.extend_from_slice(table_id_range(&shape.global_name).0.as_bytes());
    }
    has_own
}

/// Whether two rows of a table never share an id.
///
/// An id is the texts of the key columns with hyphens between them. A hyphen within a text makes the ids of two composite keys coincide, and
/// a variant has the same text for values of two types.
pub(crate) fn ids_are_unique(shape: &TableShape) -> bool {
    let mut families = shape.key.iter().map(|&column| shape.types[column].family());
    match shape.key.len() {
        1 => families.all(|family| family != TypeFamily::Variant),
        _ => families.all(|family| matches!(family, TypeFamily::Integer | TypeFamily::Guid)),
    }
}

/// The row id of a key in its packed form; `None` where it is too long to have one.
pub(crate) fn item_id_of_packed(shape: &TableShape, key: &[u8]) -> Option<ItemId> {
    let mut row = RowSet::new(shape.key.len());
    row.push_encoded(key);
    let mut id = Vec::new();
    write_item_id(&mut id, shape, row.row(0).values()).then(|| ItemId::from_bytes(&id))
}

/// Lets type and cell have the same lifetime.
fn shorten<'s, 'a: 's, 'v: 's>(
    typed: impl Iterator<Item = (&'a SqlType, ValueRef<'v>)>,
) -> impl Iterator<Item = (&'s SqlType, ValueRef<'s>)> {
    typed.map(|(sql_type, cell)| -> (&'s SqlType, ValueRef<'s>) { (sql_type, cell) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_keys_have_ids_of_their_own() {
        let check = |types: &[&str], expected| {
            let shape = TableShape {
                global_name: "[t]".into(),
                columns: types.iter().map(|name| (*name).to_owned()).collect(),
                types: types.iter().map(|name| name.parse().unwrap()).collect(),
                key: (0..types.len()).collect(),
            };
            assert_eq!(ids_are_unique(&shape), expected, "{types:?}");
        };
        check(&["int"], true);
        check(&["nvarchar(20)"], true);
        check(&["varbinary(20)"], true);
        check(&["sql_variant"], false);
        check(&["int", "bigint"], true);
        check(&["uniqueidentifier", "int"], true);
        check(&["int", "nvarchar(20)"], false);
        check(&["int", "sql_variant"], false);
        check(&["date", "date"], false);
    }
}
