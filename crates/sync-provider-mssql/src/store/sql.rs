//! The statements about one table of a scope, made once per session.
//!
//! Aliases: `base` the table, `side` its tracking table, `staged` the rows of a slice, `planned` what is to be done with them.

use sync_knowledge::Tick;
use sync_metadata::{ObjectName, SqlKind, SqlType, TypeFamily, quote};
use sync_provider::Effect;

use crate::ddl::OWN_COLUMNS;
use crate::read;
use crate::sql::{join, object};
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

/// How a plan names what storing a row does.
pub(super) fn code(effect: Effect) -> u8 {
    match effect {
        Effect::Version => 0,
        Effect::Insert => 1,
        Effect::Update => 2,
        Effect::Delete => 3,
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

/// Replicas whose ticks a statement lists at most; of others a row travels and is dropped here.
pub(super) const MOST_KNOWN: usize = 200;

/// Leaves out what came through the scope from replicas (key, tick) that the destination knows as far: after a session brought rows, its way
/// back has nothing to tell of them.
fn unknown(scope: i32, known: &[(i32, i64)]) -> String {
    let ticks = join(known, " ", |(key, tick)| format!("WHEN {key} THEN {tick}"));
    if ticks.is_empty() {
        return String::new();
    }
    format!(
        " AND CASE WHEN side.update_scope_local_id = {scope} AND side.scope_update_peer_timestamp <= \
         CASE side.scope_update_peer_key {ticks} ELSE -1 END THEN 0 ELSE 1 END = 1"
    )
}

impl TableNames {
    pub(super) fn staged(&self) -> String {
        format!("#sync_staged_{}", self.index)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Column> {
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

    /// Takes a slice in, and answers with what is there under its keys. Rows of which there is nothing to say are left out: of a first
    /// synchronisation that is all of them.
    pub(super) fn stage(&self, counted: &[usize]) -> String {
        let columns = staging::unpack(
            Parameters::FIRST,
            self.columns.iter().map(|column| &column.sql_type),
        );
        let names = join(0..self.columns.len(), ", ", |index| format!("c{index}"));
        let staged = self.staged();
        let (cells, counts) = (self.cells(), self.counts(counted));
        let key = self
            .keys()
            .next()
            .map_or_else(String::new, |key| format!("side.{}", quote(&key.name)));
        // Twins are looked for among all rows, whichever of them are answered.
        let (rows, twin) = match self.twin() {
            Some(twin) => (
                format!("(SELECT staged.*, {twin} AS twin FROM {staged} staged)"),
                "staged.twin",
            ),
            None => (staged.clone(), "CONVERT(int, NULL)"),
        };
        let unfit = self.unfit();
        let worth_saying = [
            Some(format!("{key} IS NOT NULL")),
            (rows != staged).then(|| format!("{twin} IS NOT NULL")),
            unfit.as_ref().map(|unfit| format!("{unfit} IS NOT NULL")),
        ];
        format!(
            "TRUNCATE TABLE {staged}; INSERT INTO {staged} (n, {names}) {packed}; \
             SELECT staged.n, {unfit}, {twin}, CASE WHEN {key} IS NULL THEN 0 ELSE 1 END, \
             CASE WHEN base.{first} IS NULL THEN 0 ELSE 1 END, {tracking}, {counts}{cells} FROM {rows} staged LEFT JOIN {side} side WITH (UPDLOCK, HOLDLOCK) ON {tracked} \
             LEFT JOIN {base} base WITH (UPDLOCK) ON {found} WHERE {worth_saying} ORDER BY staged.n",
            packed = staging::select(Parameters::FIRST, &columns),
            unfit = unfit.as_deref().unwrap_or("CONVERT(int, NULL)"),
            first = self
                .keys()
                .next()
                .map_or_else(String::new, |key| quote(&key.name)),
            tracking = self.tracking("side"),
            side = object(&self.side),
            base = object(&self.base),
            tracked = self.is_staged("side"),
            found = self.is_staged("base"),
            worth_saying = join(worth_saying.into_iter().flatten(), " OR ", |condition| {
                condition
            }),
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
    fn twin(&self) -> Option<String> {
        if self.keys().all(|key| key.collation.is_none()) {
            return None;
        }
        let key = join(&self.key, ", ", |column| format!("staged.c{column}"));
        Some(format!(
            "NULLIF(MIN(staged.n) OVER (PARTITION BY {key}), staged.n)"
        ))
    }

    /// The number of the first column whose text its code page does not hold.
    fn unfit(&self) -> Option<String> {
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
        (!branches.is_empty()).then(|| format!("CASE {branches} END"))
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
        known: &[(i32, i64)],
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
            " AND {}{}",
            reach.condition(&format!("CONVERT(bigint, {})", reach.mark)),
            unknown(reach.scope, known)
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

/// The temporary tables that all tables of a scope share.
pub(super) const CREATE_SHARED: &str = "CREATE TABLE #sync_planned (n int NOT NULL PRIMARY KEY, base int NOT NULL, seen bigint NULL, \
     scope int NULL, update_key int NULL, update_tick bigint NULL, new_create int NOT NULL, create_key int NULL, create_tick bigint NULL, \
     tombstone int NOT NULL, write_time bigint NULL, writer int NULL); CREATE TABLE #sync_failed (n int NOT NULL PRIMARY KEY, reason nvarchar(4000) NOT NULL, number int NULL); \
     SELECT * INTO #sync_all FROM #sync_planned;";
