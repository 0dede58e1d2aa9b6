//! The statements about one table of a scope, made once per session.
//!
//! Aliases: `base` the table, `side` its tracking table, `staged` the rows of a slice, `planned` what is to be done with them.

use sync_knowledge::Tick;
use sync_metadata::{ObjectName, SqlKind, SqlType, TypeFamily, quote};

use crate::ddl::OWN_COLUMNS;
use crate::read;
use crate::server_error::give_up;
use crate::sql::{join, object, text};
use crate::staging::{self, Parameters};
use crate::store::open::Circle;

/// The columns of a tracking row in the order in which they are read.
pub(super) const TRACKING: [&str; 13] = [
    "update_scope_local_id",
    "scope_update_peer_key",
    "scope_update_peer_timestamp",
    "local_update_peer_key",
    "CONVERT(bigint, side.local_update_peer_timestamp)",
    "create_scope_local_id",
    "scope_create_peer_key",
    "scope_create_peer_timestamp",
    "local_create_peer_key",
    "local_create_peer_timestamp",
    "sync_row_is_tombstone",
    "restore_timestamp",
    "last_change_datetime",
];

/// A column as the statements need it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) sql_type: SqlType,
    /// The type that the table's column has today. It may have been declared anew since the scope was provisioned, and what is read is not
    /// to be cut to what it was.
    pub(super) read_as: SqlType,
    /// The collation of a text column.
    pub(super) collation: Option<String>,
    pub(super) identity: bool,
}

/// What the statements are made from.
#[derive(Clone, Debug)]
pub(super) struct TableNames {
    /// Index of the table in its scope: part of the names of temporary tables.
    pub(super) index: usize,
    pub(super) base: ObjectName,
    pub(super) side: ObjectName,
    pub(super) columns: Vec<Column>,
    /// Positions of the key columns.
    pub(super) key: Vec<usize>,
    /// The tracking table has the columns of ours, and our triggers write it.
    pub(super) ours: bool,
    pub(super) takers: Vec<Taker>,
    pub(super) circle: Circle,
}

/// A foreign key that takes children along, or changes them, when their parent goes. Nobody asked for that in a session, and its
/// trace would be a matter of what triggers see: such a parent stays until its children are gone.
#[derive(Clone, Debug)]
pub(super) struct Taker {
    pub(super) child: ObjectName,
    /// (column of the child, column of the parent)
    pub(super) columns: Vec<(String, String)>,
}

/// What becomes of a row of a slice.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing to write: only the tracking row.
    Keep,
    Insert,
    Update,
    Delete,
}

impl Base {
    pub(super) fn code(self) -> u8 {
        match self {
            Base::Keep => 0,
            Base::Insert => 1,
            Base::Update => 2,
            Base::Delete => 3,
        }
    }
}

/// Which tracking rows an enumeration sends: changes made here, up to its mark, and whatever came through its scope. The versions of those are in
/// the knowledge that goes along, wherever the mark stands; a row that was left out would be claimed and never sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) mark: i64,
    /// `scope_local_id`.
    pub(super) scope: i32,
}

impl Reach {
    fn condition(self, mark: &str) -> String {
        format!(
            "(side.local_update_peer_timestamp <= CONVERT(binary(8), {mark}) OR side.update_scope_local_id = {})",
            self.scope
        )
    }
}

impl TableNames {
    pub(super) fn staged(&self) -> String {
        format!("#sync_staged_{}", self.index)
    }

    fn keys(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().map(|&column| &self.columns[column])
    }

    fn same_key(&self, left: &str, right: &str) -> String {
        join(self.keys(), " AND ", |key| {
            let name = quote(&key.name);
            format!("{left}.{name} = {right}.{name}")
        })
    }

    /// `alias.[a] = staged.c0 AND …`
    pub(super) fn is_staged(&self, alias: &str) -> String {
        join(&self.key, " AND ", |&column| {
            format!(
                "{alias}.{} = staged.c{column}",
                quote(&self.columns[column].name)
            )
        })
    }

    /// The temporary table for slices: key columns as in the table, so that its index serves; other text without a limit, so that too
    /// long a text fails where it is written.
    pub(super) fn create_staged(&self) -> String {
        let columns = join(0..self.columns.len(), ", ", |index| {
            self.staged_column(index)
        });
        format!(
            "CREATE TABLE {} (n int NOT NULL PRIMARY KEY, {columns});",
            self.staged()
        )
    }

    pub(super) fn staged_column(&self, index: usize) -> String {
        let column = &self.columns[index];
        let is_key = self.key.contains(&index);
        let family = column.sql_type.family();
        let sql_type = match family {
            TypeFamily::Text if !is_key => "nvarchar(max)".to_owned(),
            TypeFamily::Binary if !is_key => "varbinary(max)".to_owned(),
            _ => column.sql_type.to_string(),
        };
        let collate = match (&column.collation, family) {
            (Some(collation), TypeFamily::Text) => format!(" COLLATE {collation}"),
            _ => String::new(),
        };
        format!("c{index} {sql_type}{collate} NULL")
    }

    /// Takes a slice in, and answers with what is there under its keys.
    pub(super) fn stage(&self, counted: &[usize]) -> String {
        let columns = staging::unpack(
            Parameters::FIRST,
            self.columns.iter().map(|column| &column.sql_type),
        );
        let names = join(0..self.columns.len(), ", ", |index| format!("c{index}"));
        let staged = self.staged();
        let (cells, counts) = (self.cells(), self.counts(counted));
        format!(
            "TRUNCATE TABLE {staged}; INSERT INTO {staged} (n, {names}) {packed}; \
             SELECT staged.n, {unfit}, {twin}, CASE WHEN side.{key} IS NULL THEN 0 ELSE 1 END, \
             CASE WHEN base.{key} IS NULL THEN 0 ELSE 1 END, {tracking}, {counts}{cells} FROM {staged} staged LEFT JOIN {side} side WITH (UPDLOCK, HOLDLOCK) ON {tracked} \
             LEFT JOIN {base} base WITH (UPDLOCK) ON {found} ORDER BY staged.n",
            packed = staging::select(Parameters::FIRST, &columns),
            unfit = self.unfit(),
            twin = self.twin(),
            key = self
                .keys()
                .next()
                .map_or_else(String::new, |key| quote(&key.name)),
            tracking = self.tracking("side"),
            side = object(&self.side),
            base = object(&self.base),
            tracked = self.is_staged("side"),
            found = self.is_staged("base"),
        )
    }

    /// A cell as it is synchronised. A row is spelled as its tracking row spells it, however its key is spelled anew in place: that is
    /// the same row to its collation, and would be another one to others.
    fn cell(&self, column: usize) -> String {
        let alias = if self.key.contains(&column) {
            "side"
        } else {
            "base"
        };
        format!("{alias}.{}", quote(&self.columns[column].name))
    }

    fn cells(&self) -> String {
        join(0..self.columns.len(), ", ", |column| {
            read::select(&self.cell(column), &self.columns[column].read_as)
        })
    }

    /// Columns whose texts the server counts in where it has to, of the key or of all.
    pub(super) fn counted(&self, keys_alone: bool) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        let counted = columns.filter(|(index, column)| {
            read::holds_halves(&column.sql_type) && (!keys_alone || self.key.contains(index))
        });
        counted.map(|(index, _)| index).collect()
    }

    fn counts(&self, counted: &[usize]) -> String {
        let counts = counted
            .iter()
            .map(|&column| read::replacements(&self.cell(column)));
        counts.map(|count| format!("{count}, ")).collect()
    }

    /// The number of the first row of the slice where that is an earlier one under a key that the collation takes for the same. Partitions take
    /// one pass; looking for each row among all the others would take a thousand.
    fn twin(&self) -> String {
        if self.keys().all(|key| key.collation.is_none()) {
            return "CONVERT(int, NULL)".to_owned();
        }
        let key = join(&self.key, ", ", |column| format!("staged.c{column}"));
        format!("NULLIF(MIN(staged.n) OVER (PARTITION BY {key}), staged.n)")
    }

    /// The number of the first column whose text its code page does not hold.
    fn unfit(&self) -> String {
        let in_code_page = self.columns.iter().enumerate().filter(|(_, column)| {
            matches!(
                column.sql_type.kind,
                SqlKind::Char | SqlKind::VarChar | SqlKind::Text
            )
        });
        let branches = join(in_code_page, " ", |(index, column)| {
            let collate = column
                .collation
                .as_ref()
                .map_or_else(String::new, |collation| format!(" COLLATE {collation}"));
            format!(
                "WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), staged.c{index}{collate})) COLLATE Latin1_General_BIN2 \
                 <> CONVERT(nvarchar(max), staged.c{index}) COLLATE Latin1_General_BIN2 THEN {index}"
            )
        });
        if branches.is_empty() {
            return "CONVERT(int, NULL)".to_owned();
        }
        format!("CASE {branches} END")
    }

    /// The columns of a tracking row, and ours.
    pub(super) fn tracking(&self, alias: &str) -> String {
        let own = join(OWN_COLUMNS, ", ", |(name, sql_type)| match self.ours {
            true => format!("{alias}.{name}"),
            false => format!("CONVERT({sql_type}, NULL)"),
        });
        let columns = join(TRACKING, ", ", |column| match column.contains('(') {
            true => column.to_owned(),
            false => format!("{alias}.{column}"),
        });
        format!("{columns}, {own}")
    }

    /// A page of the enumeration: `@P1` rows at most, above tick `@P2`; behind the key in `@P3…` where that tick is met again.
    pub(super) fn scan(
        &self,
        deleted: bool,
        resumed: bool,
        reach: Reach,
        counted: &[usize],
    ) -> String {
        let behind = if resumed {
            format!(
                "(side.local_update_peer_timestamp > CONVERT(binary(8), @P2) OR \
                 (side.local_update_peer_timestamp = CONVERT(binary(8), @P2) AND ({})))",
                self.key_is_greater(3)
            )
        } else {
            "side.local_update_peer_timestamp > CONVERT(binary(8), @P2)".to_owned()
        };
        let limit = format!(
            " AND {}",
            reach.condition(&format!("CONVERT(bigint, {})", reach.mark))
        );
        let keys = join(self.keys(), ", ", |key| {
            read::select(&format!("side.{}", quote(&key.name)), &key.read_as)
        });
        let order = join(self.keys(), ", ", |key| {
            format!("side.{}", quote(&key.name))
        });
        let tracking = self.tracking("side");
        let side = object(&self.side);
        let counts = self.counts(counted);
        if deleted {
            return format!(
                "SELECT TOP (@P1) {tracking}, 1, {counts}{keys} FROM {side} side WHERE side.sync_row_is_tombstone = 1 AND {behind}{limit} \
                 ORDER BY side.local_update_peer_timestamp, {order}"
            );
        }
        let cells = self.cells();
        format!(
            "SELECT TOP (@P1) {tracking}, CASE WHEN base.{first} IS NULL THEN 0 ELSE 1 END, {counts}{keys}, {cells} FROM {side} side \
             LEFT JOIN {base} base ON {same} WHERE side.sync_row_is_tombstone = 0 AND {behind}{limit} \
             ORDER BY side.local_update_peer_timestamp, {order}",
            first = self
                .keys()
                .next()
                .map_or_else(String::new, |key| quote(&key.name)),
            base = object(&self.base),
            same = self.same_key("base", "side"),
        )
    }

    /// Rows by key: the staged text has the keys alone. Ordered by the keys' numbers.
    pub(super) fn fetch(&self, counted: &[usize]) -> String {
        let keys: Vec<&Column> = self.keys().collect();
        let columns = staging::unpack(Parameters::FIRST, keys.iter().map(|key| &key.sql_type));
        let wanted = join(keys.iter().enumerate(), " AND ", |(index, key)| {
            format!("side.{} = wanted.c{index}", quote(&key.name))
        });
        let (cells, counts) = (self.cells(), self.counts(counted));
        let spelled = join(&keys, ", ", |key| {
            read::select(&format!("side.{}", quote(&key.name)), &key.read_as)
        });
        format!(
            "SELECT wanted.n, {tracking}, CASE WHEN base.{first} IS NULL THEN 0 ELSE 1 END, {counts}{spelled}, {cells} FROM ({packed}) wanted \
             JOIN {side} side ON {wanted} LEFT JOIN {base} base ON {same} ORDER BY wanted.n",
            tracking = self.tracking("side"),
            first = keys
                .first()
                .map_or_else(String::new, |key| quote(&key.name)),
            packed = staging::select(Parameters::FIRST, &columns),
            side = object(&self.side),
            base = object(&self.base),
            same = self.same_key("base", "side"),
        )
    }

    /// `(a > @P3) OR (a = @P3 AND b > @P4) …`
    fn key_is_greater(&self, first: usize) -> String {
        let names: Vec<String> = self
            .keys()
            .map(|key| format!("side.{}", quote(&key.name)))
            .collect();
        join(0..names.len(), " OR ", |last| {
            let equal = join(0..last, "", |index| {
                format!("{} = @P{} AND ", names[index], first + index)
            });
            format!("({equal}{} > @P{})", names[last], first + last)
        })
    }

    /// Carries out what is planned. The parameters: `@P1` the plan as JSON, `@P2` this scope's local id. Answers with the rows that are
    /// refused and why.
    pub(super) fn apply(&self) -> String {
        let mut steps = vec![
            UNPACK_PLAN.to_owned(),
            "DELETE FROM #sync_failed".to_owned(),
            "DECLARE @tick bigint".to_owned(),
        ];
        steps.extend(self.steps());
        steps.extend(self.note_opened());
        steps.push("SELECT n, reason FROM #sync_failed".to_owned());
        steps.join(";\n")
    }

    /// As [`apply`](Self::apply), one planned row after the other, each in a savepoint: after a statement for all of them failed. The rows that
    /// failed on a key are then tried once more together, for they may have waited for each other: two values swapped, or a parent that came
    /// after its child.
    pub(super) fn apply_each(&self) -> String {
        let steps = self.steps().join(";\n");
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

    fn steps(&self) -> Vec<String> {
        let base = [
            Some(self.delete_base()),
            self.update_base(),
            Some(self.insert_base()),
        ];
        let checks = [Some(self.refuse_stale()), self.refuse_parents()];
        let checks = checks.into_iter().flatten();
        let base = base.into_iter().flatten();
        let tracking = [self.update_tracking(), self.insert_tracking()];
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
                delete = Base::Delete.code(),
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
            Base::Delete.code()
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
            Base::Update.code()
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
            Base::Insert.code()
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

    /// Whether tracking rows above a tick are there that can be sent under a mark, an expression; as a condition.
    pub(super) fn any_between(&self, tick: Tick, mark: &str, reach: Reach) -> String {
        let tick = i64::try_from(tick).unwrap_or(i64::MAX);
        format!(
            "EXISTS (SELECT 1 FROM {} side WHERE side.local_update_peer_timestamp > CONVERT(binary(8), CONVERT(bigint, {tick})) AND {})",
            object(&self.side),
            reach.condition(mark)
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

/// The temporary tables that all tables of a scope share.
pub(super) const CREATE_SHARED: &str = "CREATE TABLE #sync_planned (n int NOT NULL PRIMARY KEY, base int NOT NULL, seen bigint NULL, \
     scope int NULL, update_key int NULL, update_tick bigint NULL, new_create int NOT NULL, create_key int NULL, create_tick bigint NULL, \
     tombstone int NOT NULL, write_time bigint NULL, writer int NULL); CREATE TABLE #sync_failed (n int NOT NULL PRIMARY KEY, reason nvarchar(4000) NOT NULL, number int NULL); \
     SELECT * INTO #sync_all FROM #sync_planned;";

/// A staged cell as it goes into the table.
fn stored(index: usize, sql_type: &SqlType) -> String {
    match sql_type.kind {
        SqlKind::Xml => format!("CONVERT(xml, staged.c{index})"),
        _ => format!("staged.c{index}"),
    }
}
