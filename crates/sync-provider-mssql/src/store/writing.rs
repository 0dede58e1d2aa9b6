//! The statements that carry out what is planned for the rows of a slice.
//!
//! A statement is there only if the plan has something for it: each costs the server its compilation and a pass, and fires the user's triggers, even
//! where it finds no row.

use sync_metadata::{SqlKind, SqlType, quote};
use sync_provider::Effect;

use crate::server_error::give_up;
use crate::sql::{join, object, text};
use crate::store::sql::{TableNames, code};

/// What a plan has something for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Rows that have a tracking row.
    pub(super) tracked: bool,
    /// Rows that have none.
    pub(super) new: bool,
    pub(super) insert: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

impl Parts {
    /// Takes a planned row in.
    pub(super) fn add(&mut self, effect: Effect, tracked: bool) {
        match tracked {
            true => self.tracked = true,
            false => self.new = true,
        }
        match effect {
            Effect::Version => {}
            Effect::Insert => self.insert = true,
            Effect::Update => self.update = true,
            Effect::Delete => self.delete = true,
        }
    }
}

impl TableNames {
    /// Carries out what is planned. The parameters: `@P1` the plan as JSON, `@P2` this scope's local id. Answers with the rows that are
    /// refused and why.
    pub(super) fn apply(&self, parts: Parts) -> String {
        let mut steps = vec![
            UNPACK_PLAN.to_owned(),
            "DELETE FROM #sync_failed".to_owned(),
            "DECLARE @tick bigint".to_owned(),
        ];
        steps.extend(self.steps(parts));
        steps.extend(self.note_opened());
        steps.push("SELECT n, reason FROM #sync_failed".to_owned());
        steps.join(";\n")
    }

    /// As [`apply`](Self::apply), one planned row after the other, each in a savepoint: after a statement for all of them failed. The rows that
    /// failed on a key are then tried once more together, for they may have waited for each other: two values swapped, or a parent that came
    /// after its child.
    pub(super) fn apply_each(&self, parts: Parts) -> String {
        let steps = self.steps(parts).join(";\n");
        let writing = self.writing();
        let noted = self.note_opened();
        let noted = noted.map_or_else(String::new, |noted| format!("{noted};\n"));
        format!(
            "{writing}; {UNPACK_PLAN}; DELETE FROM #sync_all; INSERT INTO #sync_all SELECT * FROM #sync_planned; DELETE FROM #sync_failed;\n\
             DECLARE @n int = (SELECT MIN(n) FROM #sync_all), @number int, @reason nvarchar(4000), @tick bigint, @told nvarchar(2048);\n\
             WHILE @n IS NOT NULL\nBEGIN\n\
             DELETE FROM #sync_planned; INSERT INTO #sync_planned SELECT * FROM #sync_all WHERE n = @n;\n\
             SAVE TRANSACTION sync_row;\n\
             BEGIN TRY\n{steps}\nEND TRY\nBEGIN CATCH\n\
             {give_up}\n\
             SELECT @number = ERROR_NUMBER(), @reason = ERROR_MESSAGE();\n\
             ROLLBACK TRANSACTION sync_row;\n\
             INSERT INTO #sync_failed (n, reason, number) VALUES (@n, @reason, @number);\n\
             END CATCH;\n\
             SET @n = (SELECT MIN(n) FROM #sync_all WHERE n > @n);\nEND;\n\
             DELETE FROM #sync_planned; INSERT INTO #sync_planned SELECT * FROM #sync_all WHERE n IN \
             (SELECT n FROM #sync_failed WHERE number IN (547, 2601, 2627));\n\
             IF (SELECT COUNT(*) FROM #sync_planned) > 1\nBEGIN\n\
             SAVE TRANSACTION sync_rest;\n\
             BEGIN TRY\nDELETE FROM #sync_failed WHERE n IN (SELECT n FROM #sync_planned);\n{steps}\nEND TRY\nBEGIN CATCH\n\
             {give_up_all}\n\
             ROLLBACK TRANSACTION sync_rest;\nEND CATCH;\nEND;\n{noted}\
             SELECT n, reason FROM #sync_failed",
            give_up = give_up("@n", &[]),
            give_up_all = give_up("-1", &[]),
        )
    }

    fn steps(&self, parts: Parts) -> Vec<String> {
        let when = |wanted: bool, step: fn(&Self) -> Option<String>| match wanted {
            true => step(self),
            false => None,
        };
        let checks = [
            Some(self.refuse_stale()),
            when(parts.delete, Self::refuse_parents),
        ];
        let base = [
            when(parts.delete, |table| Some(table.delete_base())),
            when(parts.update, Self::update_base),
            when(parts.insert, |table| Some(table.insert_base())),
        ];
        // Triggers that are not ours track what is written to the base first: which tracking rows there are then is not what was planned.
        let tracking = [
            when(parts.tracked || !self.ours, |table| {
                Some(table.update_tracking())
            }),
            when(parts.new || !self.ours, |table| {
                Some(table.insert_tracking())
            }),
        ];
        let (checks, base) = (checks.into_iter().flatten(), base.into_iter().flatten());
        let tracking = tracking.into_iter().flatten();
        if self.ours {
            // A trigger of the user's that changes the very row is to find its tracking row there.
            checks.chain(tracking).chain(base).collect()
        } else {
            checks.chain(base).chain(tracking).collect()
        }
    }

    /// Rows whose local side is not what the decision saw.
    fn refuse_stale(&self) -> String {
        let changed = format!(
            "SELECT planned.n, N'it was changed here meanwhile' FROM #sync_planned planned JOIN {staged} staged ON staged.n = planned.n \
             LEFT JOIN {side} side ON {tracked} WHERE COALESCE(CONVERT(bigint, side.local_update_peer_timestamp), -1) <> COALESCE(planned.seen, -1)",
            staged = self.staged(),
            side = object(&self.side),
            tracked = self.is_staged("side"),
        );
        refuse(&changed)
    }

    /// Deletions that would take other rows along.
    fn refuse_parents(&self) -> Option<String> {
        let refused = join(&self.takers, ";\n", |taker| {
            let refers = join(&taker.columns, " AND ", |(child, parent)| {
                format!("child.{} = base.{}", quote(child), quote(parent))
            });
            refuse(&format!(
                "SELECT planned.n, {reason} FROM #sync_planned planned JOIN {staged} staged ON staged.n = planned.n \
                 JOIN {base} base ON {found} WHERE planned.base = {delete} AND EXISTS (SELECT 1 FROM {child} child WHERE {refers})",
                reason = text(&format!("rows of table {} still refer to it", taker.child)),
                staged = self.staged(),
                base = object(&self.base),
                found = self.is_staged("base"),
                delete = code(Effect::Delete),
                child = object(&taker.child),
            ))
        });
        (!refused.is_empty()).then_some(refused)
    }

    fn delete_base(&self) -> String {
        format!(
            "DELETE base FROM {} base JOIN {} staged ON {} JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base = {}",
            object(&self.base),
            self.staged(),
            self.is_staged("base"),
            code(Effect::Delete)
        )
    }

    /// `None` where there is nothing beside the key to write.
    fn update_base(&self) -> Option<String> {
        let writable = self.columns.iter().enumerate();
        let writable =
            writable.filter(|(index, column)| !column.identity && !self.key.contains(index));
        let set = join(writable, ", ", |(index, column)| {
            format!(
                "{} = {}",
                quote(&column.name),
                stored(index, &column.sql_type)
            )
        });
        (!set.is_empty()).then(|| format!(
            "UPDATE base SET {set} FROM {} base JOIN {} staged ON {} JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base = {}",
            object(&self.base),
            self.staged(),
            self.is_staged("base"),
            code(Effect::Update)
        ))
    }

    fn insert_base(&self) -> String {
        let base = object(&self.base);
        let names = join(&self.columns, ", ", |column| quote(&column.name));
        let values = join(self.columns.iter().enumerate(), ", ", |(index, column)| {
            stored(index, &column.sql_type)
        });
        let insert = format!(
            "INSERT INTO {base} ({names}) SELECT {values} FROM {} staged JOIN #sync_planned planned ON planned.n = staged.n WHERE planned.base = {}",
            self.staged(),
            code(Effect::Insert)
        );
        if self.columns.iter().any(|column| column.identity) {
            format!("SET IDENTITY_INSERT {base} ON; {insert}; SET IDENTITY_INSERT {base} OFF")
        } else {
            insert
        }
    }

    fn update_tracking(&self) -> String {
        let own = if self.ours {
            ", sync_write_time = planned.write_time, sync_writer = planned.writer"
        } else {
            ""
        };
        format!(
            "UPDATE side SET update_scope_local_id = planned.scope, scope_update_peer_key = planned.update_key, \
             scope_update_peer_timestamp = planned.update_tick, local_update_peer_key = 0, restore_timestamp = NULL, \
             create_scope_local_id = CASE WHEN planned.new_create = 1 THEN @P2 ELSE side.create_scope_local_id END, \
             scope_create_peer_key = CASE WHEN planned.new_create = 1 THEN planned.create_key ELSE side.scope_create_peer_key END, \
             scope_create_peer_timestamp = CASE WHEN planned.new_create = 1 THEN planned.create_tick ELSE side.scope_create_peer_timestamp END, \
             sync_row_is_tombstone = planned.tombstone, last_change_datetime = GETDATE(){own} \
             FROM {} side JOIN {} staged ON {} JOIN #sync_planned planned ON planned.n = staged.n",
            object(&self.side),
            self.staged(),
            self.is_staged("side")
        )
    }

    /// The tick is asked for once: an engine may count on each time that it is asked, which is slow.
    fn insert_tracking(&self) -> String {
        let keys = join(self.keys(), ", ", |key| quote(&key.name));
        let values = join(&self.key, ", ", |column| format!("staged.c{column}"));
        let (own, own_values) = if self.ours {
            (
                ", sync_write_time, sync_writer",
                ", planned.write_time, planned.writer",
            )
        } else {
            ("", "")
        };
        format!(
            "SET @tick = CONVERT(bigint, @@DBTS) + 1;\nINSERT INTO {side} ({keys}, update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, \
             create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, \
             sync_row_is_tombstone, last_change_datetime{own}) SELECT {values}, planned.scope, planned.update_key, planned.update_tick, 0, \
             @P2, planned.create_key, planned.create_tick, 0, @tick, planned.tombstone, GETDATE(){own_values} \
             FROM {staged} staged JOIN #sync_planned planned ON planned.n = staged.n \
             WHERE NOT EXISTS (SELECT 1 FROM {side} side WHERE {tracked})",
            side = object(&self.side),
            staged = self.staged(),
            tracked = self.is_staged("side"),
        )
    }
}

/// Takes planned rows out that a query finds, with the reason that it gives.
fn refuse(query: &str) -> String {
    format!(
        "INSERT INTO #sync_failed (n, reason) {query}; DELETE FROM #sync_planned WHERE n IN (SELECT n FROM #sync_failed)"
    )
}

/// Turns the plan into rows.
pub(super) const UNPACK_PLAN: &str = "DELETE FROM #sync_planned; INSERT INTO #sync_planned (n, base, seen, scope, update_key, update_tick, new_create, \
     create_key, create_tick, tombstone, write_time, writer) SELECT packed.* FROM OPENJSON(@P1) WITH (n int '$[0]', base int '$[1]', \
     seen bigint '$[2]', scope int '$[3]', update_key int '$[4]', update_tick bigint '$[5]', new_create int '$[6]', create_key int '$[7]', \
     create_tick bigint '$[8]', tombstone int '$[9]', write_time bigint '$[10]', writer int '$[11]') packed";

/// A staged cell as it goes into the table.
fn stored(index: usize, sql_type: &SqlType) -> String {
    match sql_type.kind {
        SqlKind::Xml => format!("CONVERT(xml, staged.c{index})"),
        _ => format!("staged.c{index}"),
    }
}
