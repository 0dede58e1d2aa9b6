//! Row ids of keys, in one buffer.

use sync_knowledge::ItemId;
use sync_metadata::{
    KeyEquality, SqlType, TypeFamily, Value, ValueRef, table_id_range, write_row_id,
};
use sync_provider::RowSet;

use crate::table_shape::TableShape;

/// Writes the row id of a key into `id`, replacing what it held, and says whether the row has an id of its own.
///
/// Texts that the database takes for equal give one id: a row that is spelled anew stays the same item on both sides.
///
/// A key that is too long for a row id cannot be an exception in the knowledge by itself, only with its whole table; so the
/// first id of the table stands for it.
pub fn write_item_id<'v>(
    id: &mut Vec<u8>,
    shape: &TableShape,
    key: impl Iterator<Item = ValueRef<'v>>,
) -> bool {
    let types = shape.key.iter().map(|&column| &shape.types[column]);
    let has_own = if shape.has_exact_keys() {
        write_row_id(id, &shape.global_name, shorten(types.zip(key))).is_ok()
    } else {
        let folded = fold_key(shape, key);
        let cells = folded.iter().map(Value::as_ref);
        write_row_id(id, &shape.global_name, types.zip(cells)).is_ok()
    };
    if !has_own {
        id.clear();
        id.extend_from_slice(table_id_range(&shape.global_name).0.as_bytes());
    }
    has_own
}

/// Whether two rows of a table never share an id.
///
/// An id is the texts of the key columns with hyphens between them, so texts make the ids of composite keys coincide; and one column can hold
/// values that have one text and are two keys to a database: text and the bytes it spells, a GUID in upper and in lower case, texts
/// that differ in padding. Only whole numbers have a text that nothing else has.
pub fn ids_are_unique(shape: &TableShape) -> bool {
    let mut families = shape.key.iter().map(|&column| shape.types[column].family());
    families.all(|family| family == TypeFamily::Integer)
}

/// The row id of a key in its packed form; `None` where it is too long to have one.
pub fn item_id_of_packed(shape: &TableShape, key: &[u8]) -> Option<ItemId> {
    let mut row = RowSet::new(shape.key.len());
    row.push_encoded(key);
    let mut id = Vec::new();
    write_item_id(&mut id, shape, row.row(0).values()).then(|| ItemId::from_bytes(&id))
}

/// The cells of a key with their texts folded as the database compares them.
fn fold_key<'v>(shape: &TableShape, key: impl Iterator<Item = ValueRef<'v>>) -> Vec<Value> {
    let fold_one = |(equality, cell): (&KeyEquality, ValueRef<'_>)| match cell {
        ValueRef::Text(text) => Value::Text(equality.fold(text).into_owned()),
        other => other.to_owned(),
    };
    shape.key_equality.iter().zip(key).map(fold_one).collect()
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

    fn shape(types: &[&str], equality: KeyEquality) -> TableShape {
        TableShape {
            global_name: "[t]".into(),
            columns: types.iter().map(|name| (*name).to_owned()).collect(),
            types: types.iter().map(|name| name.parse().unwrap()).collect(),
            key: (0..types.len()).collect(),
            key_equality: vec![equality; types.len()],
        }
    }

    #[test]
    fn which_keys_have_ids_of_their_own() {
        let check = |types: &[&str], expected| {
            let shape = shape(types, KeyEquality::Exact);
            assert_eq!(ids_are_unique(&shape), expected, "{types:?}");
        };
        check(&["int"], true);
        check(&["int", "bigint"], true);
        // 'ab' and x'6162' are two keys with one text, as are a GUID's spellings; a char is padded.
        for text in [
            "nvarchar(20)",
            "varbinary(20)",
            "uniqueidentifier",
            "char(2)",
            "nchar(2)",
            "binary(2)",
        ] {
            check(&[text], false);
        }
        check(&["sql_variant"], false);
        check(&["uniqueidentifier", "int"], false);
        check(&["int", "nvarchar(20)"], false);
        check(&["date", "date"], false);
    }

    #[test]
    fn spellings_of_one_key_have_one_id() {
        let check = |equality, one: &str, other: &str, same| {
            let shape = shape(&["nvarchar(20)", "int"], equality);
            let id = |text| {
                let mut id = Vec::new();
                assert!(write_item_id(
                    &mut id,
                    &shape,
                    [ValueRef::Text(text), ValueRef::Integer(7)].into_iter()
                ));
                ItemId::from_bytes(&id)
            };
            assert_eq!(id(one) == id(other), same, "{equality:?} {one:?} {other:?}");
        };
        check(KeyEquality::Exact, "a", "A", false);
        check(KeyEquality::NoCase, "a", "A", true);
        check(KeyEquality::NoCase, "a", "a ", false);
        check(KeyEquality::RTrim, "a", "a ", true);
    }
}
