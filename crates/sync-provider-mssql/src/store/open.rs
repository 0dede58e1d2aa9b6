//! References left open: what a deferred constraint does elsewhere, for an engine that checks foreign keys statement by statement.
//!
//! Tables that refer to each other in a circle have no order in which every parent comes first. So the references between them that can be
//! NULL are written as NULL while the parent is missing, and rows that are to be deleted let go of theirs; what they say is kept aside, in a
//! temporary table per table, and written before the commit. A row whose parent is missing even then is an offender: the commit is undone, and
//! the direction starts again holding it back, as after a deferred constraint that is broken.

use sync_metadata::{ObjectName, quote};
use sync_provider::Effect;
use sync_relational::{Link, in_circles};

use crate::catalog::ForeignKey;
use crate::opened::OpenedTable;
use crate::read;
use crate::server_error::no_fault_of_a_row;
use crate::sql::{join, object, text};
use crate::store::sql::{Column, TableNames, Taker, code};
use crate::store::writing::UNPACK_PLAN;

/// The references of a table that may be left open, and those to it: decided once, from the foreign keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Circle {
    references: Vec<OpenReference>,
    /// Foreign keys of its circles to this table.
    referrers: Vec<Referrer>,
}

/// A foreign key to a table, of its own or of another one.
#[derive(Clone, Debug)]
struct Referrer {
    key: Taker,
    within: bool,
}

/// A foreign key within a circle.
#[derive(Clone, Debug)]
struct OpenReference {
    parent: ObjectName,
    /// Position in the row, and the parent's column.
    columns: Vec<(usize, String)>,
    /// Those of the columns that are NULL while the reference is open; none where it cannot be.
    emptied: Vec<usize>,
    /// The parent's table, and the positions of its columns.
    parent_columns: (usize, Vec<usize>),
}

impl Circle {
    /// The circles of each table of a scope. A database whose triggers take what a session writes for changes made here has none: filling a
    /// reference would be one.
    pub(super) fn of(
        tables: &[(&OpenedTable, &[Column], &[usize])],
        foreign_keys: &[ForeignKey],
    ) -> Vec<Circle> {
        let index = |id: i32| {
            tables
                .iter()
                .position(|(table, ..)| table.info.object_id == id)
        };
        let keys: Vec<(&ForeignKey, (usize, usize))> = foreign_keys
            .iter()
            .filter_map(|key| Some((key, (index(key.child)?, index(key.parent)?))))
            .collect();
        let edges: Vec<(usize, usize)> = keys.iter().map(|(_, edge)| *edge).collect();
        let mut circles = vec![Circle::default(); tables.len()];
        let circular = keys.into_iter().zip(in_circles(&edges));
        for ((key, (child, parent)), _) in circular.filter(|(_, circular)| *circular) {
            let (table, columns, own_key) = tables[child];
            let (parent_table, parent_columns, _) = tables[parent];
            let position = |columns: &[Column], name: &String| {
                columns.iter().position(|column| column.name == *name)
            };
            let pairs: Option<Vec<(usize, String)>> = key
                .columns
                .iter()
                .map(|(own, other)| Some((position(columns, own)?, other.clone())))
                .collect();
            let referred = key.columns.iter();
            let referred: Option<Vec<usize>> = referred
                .map(|(_, name)| position(parent_columns, name))
                .collect();
            let (Some(pairs), Some(referred)) = (pairs, referred) else {
                continue;
            };
            let can_be_null = |at: &usize| {
                let info = table.info.column(&columns[*at].name);
                table.own_columns && !own_key.contains(at) && info.is_some_and(|info| info.nullable)
            };
            let at = pairs.iter().map(|(at, _)| *at);
            circles[child].references.push(OpenReference {
                parent: parent_table.info.name.clone(),
                emptied: at.filter(can_be_null).collect(),
                columns: pairs,
                parent_columns: (parent, referred),
            });
        }
        for key in foreign_keys {
            let (Some(child), Some(parent)) = (index(key.child), index(key.parent)) else {
                continue;
            };
            // Only a table that can let go of its references has any use for that.
            if !circles[parent].is_empty() && leads_back(&edges, parent, child) {
                circles[parent].referrers.push(Referrer {
                    key: Taker {
                        child: key.child_name.clone(),
                        columns: key.columns.clone(),
                    },
                    within: child == parent,
                });
            }
        }
        circles
    }

    /// Whether there is anything to leave open.
    pub(super) fn is_empty(&self) -> bool {
        self.open().next().is_none()
    }

    /// The references that may be left open.
    fn open(&self) -> impl Iterator<Item = &OpenReference> {
        let references = self.references.iter();
        references.filter(|reference| !reference.emptied.is_empty())
    }

    /// The references as links of the table `child`.
    pub(super) fn links(&self, child: usize) -> impl Iterator<Item = Link> {
        let references = self.references.iter().enumerate();
        references.map(move |(number, reference)| Link {
            child,
            number,
            parent: reference.parent_columns.0,
            from: reference.columns.iter().map(|(at, _)| *at).collect(),
            to: reference.parent_columns.1.clone(),
        })
    }

    /// A table that refers to itself by a column, and to which another one does, for snapshots.
    #[cfg(test)]
    pub(super) fn sample(
        parent: &ObjectName,
        table: usize,
        column: usize,
        child: &ObjectName,
    ) -> Circle {
        Circle {
            references: vec![OpenReference {
                parent: parent.clone(),
                columns: vec![(column, "Id".into())],
                emptied: vec![column],
                parent_columns: (table, vec![0]),
            }],
            referrers: [(parent, true), (child, false)]
                .map(|(child, within)| Referrer {
                    key: Taker {
                        child: child.clone(),
                        columns: vec![("Boss".into(), "Id".into())],
                    },
                    within,
                })
                .to_vec(),
        }
    }

    /// Positions of the columns that are kept aside, each once.
    fn kept(&self, key: &[usize]) -> Vec<usize> {
        let mut kept: Vec<usize> = (self.open())
            .flat_map(|reference| reference.columns.iter().map(|(at, _)| *at))
            .chain(key.iter().copied())
            .collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    }

    fn emptied(&self) -> Vec<usize> {
        let mut emptied: Vec<usize> = (self.open())
            .flat_map(|reference| reference.emptied.clone())
            .collect();
        emptied.sort_unstable();
        emptied.dedup();
        emptied
    }
}

fn leads_back(edges: &[(usize, usize)], child: usize, parent: usize) -> bool {
    let with = [edges, &[(parent, child)]].concat();
    in_circles(&with).last() == Some(&true)
}

impl OpenReference {
    /// Whether the parent of a row is missing, whose cells are those of `alias`.
    fn is_missing(&self, alias: &str) -> String {
        let set = join(&self.columns, " AND ", |(at, _)| {
            format!("{alias}.c{at} IS NOT NULL")
        });
        let same = join(&self.columns, " AND ", |(at, name)| {
            format!("parent.{} = {alias}.c{at}", quote(name))
        });
        format!(
            "({set} AND NOT EXISTS (SELECT 1 FROM {} parent WHERE {same}))",
            object(&self.parent)
        )
    }
}

impl TableNames {
    fn opened(&self) -> String {
        format!("#sync_open_{}", self.index)
    }

    /// The temporary table for references that are open; `n` is the row's number while its slice is written.
    pub(super) fn create_open(&self) -> String {
        if self.circle.is_empty() {
            return String::new();
        }
        let columns = join(self.circle.kept(&self.key), ", ", |at| {
            self.staged_column(at)
        });
        format!("CREATE TABLE {} (n int NULL, {columns});", self.opened())
    }

    /// `opened.c0 = alias.[a] AND …`
    fn is_opened(&self, alias: &str) -> String {
        join(&self.key, " AND ", |&at| {
            format!("opened.c{at} = {alias}.{}", quote(&self.columns[at].name))
        })
    }

    /// Before a slice is written: its rows whose parents are missing give up the reference, and so do rows that are to be deleted while others
    /// of the circle refer to them. `@P1` is the plan.
    pub(super) fn leave_open(&self, deleted: bool) -> String {
        let (opened, staged) = (self.opened(), self.staged());
        let kept = self.circle.kept(&self.key);
        let names = join(&kept, ", ", |at| format!("c{at}"));
        if deleted {
            let any = join(self.circle.emptied(), " OR ", |at| {
                format!("base.{} IS NOT NULL", quote(&self.columns[at].name))
            });
            let referred = join(&self.circle.referrers, " OR ", |referrer| {
                let refers = join(&referrer.key.columns, " AND ", |(child, parent)| {
                    format!("child.{} = base.{}", quote(child), quote(parent))
                });
                // Rows of the table that go with the same statement need not let go of each other.
                let stays = if referrer.within {
                    format!(
                        " AND NOT EXISTS (SELECT 1 FROM {staged} staged WHERE {})",
                        self.is_staged("child")
                    )
                } else {
                    String::new()
                };
                format!(
                    "EXISTS (SELECT 1 FROM {} child WHERE {refers}{stays})",
                    object(&referrer.key.child)
                )
            });
            let referred = if referred.is_empty() {
                "1 = 0".to_owned()
            } else {
                referred
            };
            let cells = join(&kept, ", ", |&at| {
                format!("base.{}", quote(&self.columns[at].name))
            });
            let set = join(self.circle.emptied(), ", ", |at| {
                format!("{} = NULL", quote(&self.columns[at].name))
            });
            let base = object(&self.base);
            return format!(
                "{UNPACK_PLAN}; {}; SAVE TRANSACTION sync_open;\nBEGIN TRY\n\
                 INSERT INTO {opened} (n, {names}) SELECT staged.n, {cells} FROM {staged} staged JOIN #sync_planned planned ON planned.n = staged.n \
                 JOIN {base} base ON {found} WHERE planned.base = {delete} AND ({any}) AND ({referred});\n\
                 UPDATE base SET {set} FROM {base} base JOIN {opened} opened ON {same} WHERE opened.n IS NOT NULL;\n\
                 UPDATE {opened} SET n = NULL\n\
                 END TRY\nBEGIN CATCH\nIF {cannot_go_on} THROW;\nROLLBACK TRANSACTION sync_open\nEND CATCH;\n",
                self.writing(),
                cannot_go_on = no_fault_of_a_row(&[]),
                found = self.is_staged("base"),
                delete = code(Effect::Delete),
                same = self.is_opened("base"),
            );
        }
        let cells = join(&kept, ", ", |at| format!("staged.c{at}"));
        let missing = |alias: &'static str| {
            move |reference: &OpenReference| {
                let missing = reference.is_missing(alias);
                let (parent, within) = &reference.parent_columns;
                if *parent != self.index {
                    return missing;
                }
                let same = join(
                    within.iter().zip(&reference.columns),
                    " AND ",
                    |(to, (at, _))| format!("other.c{to} = {alias}.c{at}"),
                );
                // A new row's parent may be inserted by the same statement.
                format!(
                    "({missing} AND NOT (planned.base = {insert} AND EXISTS (SELECT 1 FROM {} other JOIN #sync_planned beside ON beside.n = other.n \
                     WHERE beside.base = {insert} AND {same})))",
                    self.staged(),
                    insert = code(Effect::Insert)
                )
            }
        };
        let any = join(self.circle.open(), " OR ", missing("staged"));
        let empty = join(self.circle.open(), "", |reference| {
            let set = join(&reference.emptied, ", ", |at| format!("c{at} = NULL"));
            format!(
                "UPDATE staged SET {set} FROM {staged} staged JOIN {opened} opened ON opened.n = staged.n WHERE {};\n",
                reference.is_missing("opened")
            )
        });
        format!(
            "{UNPACK_PLAN};\nINSERT INTO {opened} (n, {names}) SELECT staged.n, {cells} FROM {staged} staged \
             JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base IN ({}, {}) AND ({any});\n{empty}",
            code(Effect::Insert),
            code(Effect::Update)
        )
    }

    /// After a slice is written: rows that were refused left nothing open.
    pub(super) fn note_opened(&self) -> Option<String> {
        let opened = self.opened();
        (!self.circle.is_empty()).then(|| {
            format!(
                "DELETE FROM {opened} WHERE n IN (SELECT n FROM #sync_failed); UPDATE {opened} SET n = NULL WHERE n IS NOT NULL"
            )
        })
    }

    /// Which of the rows that were refused miss a parent of the circle, and by which reference.
    pub(super) fn missing_parents(&self) -> String {
        let references = self.circle.references.iter().enumerate();
        join(references, " UNION ALL ", |(number, reference)| {
            format!(
                "SELECT staged.n, {number} FROM #sync_failed failed JOIN {} staged ON staged.n = failed.n WHERE {}",
                self.staged(),
                reference.is_missing("staged")
            )
        })
    }

    fn open_keys(&self, reason: &str, which: &str) -> String {
        let keys = join(&self.key, ", ", |&at| {
            read::select(&format!("opened.c{at}"), &self.columns[at].read_as)
        });
        format!(
            "SELECT {}, {reason}, {keys} FROM {} opened JOIN {} base ON {}{which}",
            self.index,
            self.opened(),
            object(&self.base),
            self.is_opened("base")
        )
    }

    /// The rows whose parents are missing still.
    fn dangling(&self) -> String {
        join(self.circle.open(), ";\n", |reference| {
            let reason = format!("its parent in table {} is missing", reference.parent);
            let which = format!(" WHERE {}", reference.is_missing("opened"));
            self.open_keys(&text(&reason), &which)
        })
    }

    fn any_dangling(&self) -> String {
        join(self.circle.open(), " OR ", |reference| {
            format!(
                "EXISTS (SELECT 1 FROM {} opened JOIN {} base ON {} WHERE {})",
                self.opened(),
                object(&self.base),
                self.is_opened("base"),
                reference.is_missing("opened")
            )
        })
    }

    fn fill(&self) -> String {
        let set = join(self.circle.emptied(), ", ", |at| {
            format!("{} = opened.c{at}", quote(&self.columns[at].name))
        });
        let base = object(&self.base);
        format!(
            "{}; UPDATE base SET {set} FROM {base} base JOIN {} opened ON {}",
            self.writing(),
            self.opened(),
            self.is_opened("base")
        )
    }
}

/// Fills what is open in these tables and does `commit`, or tells which rows stand in the way.
pub(super) fn closing(tables: &[TableNames], commit: &str) -> String {
    let tables = tables.iter().filter(|table| !table.circle.is_empty());
    let tables: Vec<&TableNames> = tables.collect();
    let cannot_go_on = no_fault_of_a_row(&[]);
    let dangling = join(&tables, ";\n", |table| table.dangling());
    let any = join(&tables, " OR ", |table| table.any_dangling());
    let fill = join(&tables, ";\n", |table| table.fill());
    let all = join(&tables, ";\n", |table| table.open_keys("@reason", ""));
    format!(
        "DECLARE @reason nvarchar(4000); IF {any}\nBEGIN\n{dangling}\nEND\nELSE\nBEGIN\n\
         SAVE TRANSACTION sync_fill;\nBEGIN TRY\n{fill}\nEND TRY\nBEGIN CATCH\nIF {cannot_go_on} THROW;\n\
         SET @reason = ERROR_MESSAGE();\nROLLBACK TRANSACTION sync_fill;\n{all}\nEND CATCH;\n\
         IF @reason IS NULL\nBEGIN\n{commit}\nEND\nEND"
    )
}
