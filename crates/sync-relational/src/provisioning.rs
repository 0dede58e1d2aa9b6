//! What is asked of a database that is to become a replica, and what came of it: alike for all engines.

use sync_metadata::ScopeDescription;
use uuid::Uuid;

/// Which tables a scope gets. `Template` is what an engine knows of a scope in a database of its own kind beyond the description.
#[derive(Clone, Debug, PartialEq)]
pub enum Tables<Template> {
    /// Every table of the user, parents before children.
    All,
    /// These, in this order.
    Listed(Vec<TableChoice>),
    /// Those of another replica's scope; tables that are missing here are created.
    Like(ScopeDescription, Template),
}

/// A table of a new scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableChoice {
    /// The table here: `Customer`, or `[Sales].[Customer]`; in a database without schemas the latter is the table `Sales_Customer`.
    pub table: String,
    /// The name that all replicas share; by default made of `table`.
    pub global_name: Option<String>,
    /// The columns to synchronise, key columns included; by default all.
    pub columns: Option<Vec<String>>,
}

/// What provisioning did.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The scope as it is now.
    pub description: ScopeDescription,
    /// The replica id of this database for the scope.
    pub replica: Uuid,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
    /// The statements that were run.
    pub statements: Vec<String>,
}

/// Tables in an order in which parents come before their children, as far as there are no cycles; otherwise in the order given.
/// `refers(child, parent)` says whether there is a foreign key between two of them.
pub fn parents_first<T>(mut tables: Vec<T>, refers: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let waits = |at: usize| {
            let mut others = (0..tables.len()).filter(|&other| other != at);
            others.any(|other| refers(&tables[at], &tables[other]))
        };
        let next = (0..tables.len()).find(|&at| !waits(at)).unwrap_or(0);
        ordered.push(tables.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tables: &str, keys: &[(char, char)], expected: &str) {
        let ordered = parents_first(tables.chars().collect(), |child, parent| {
            keys.contains(&(*child, *parent))
        });
        assert_eq!(ordered.into_iter().collect::<String>(), expected);
    }

    #[test]
    fn parents_come_before_children() {
        check("", &[], "");
        check("abc", &[], "abc");
        check("abc", &[('a', 'b'), ('b', 'c')], "cba");
        check("abc", &[('a', 'a'), ('a', 'c')], "bca");
        // Where a cycle leaves no table to begin with, it is the first that is left.
        check(
            "dabc",
            &[('a', 'b'), ('b', 'a'), ('c', 'a'), ('d', 'c')],
            "dabc",
        );
        check("abc", &[('a', 'b'), ('b', 'a')], "cab");
    }
}
