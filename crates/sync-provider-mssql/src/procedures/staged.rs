//! The arguments of a batch: they come as JSON, are unpacked into a table variable, and a loop takes them row by row into variables.

use sync_metadata::{Size, SqlKind, SqlType, TypeFamily};
use sync_provider_commands::{Command, CommandText, Signature};

use crate::sql::{join, object, text};
use crate::staging::{self, Parameters};

/// Which arguments a batch needs, and how they are called in it.
#[derive(Debug)]
pub(super) struct Staged {
    /// Places in a row of arguments, ascending.
    pub(super) places: Vec<usize>,
    /// Their types; one more in front where rows have numbers of programs.
    pub(super) types: Vec<SqlType>,
    names: Vec<String>,
    /// Keeps the names of several queries in one batch apart.
    pub(super) nr: usize,
    programs: bool,
}

impl Staged {
    /// The arguments that these commands take.
    pub(super) fn of<'a>(
        nr: usize,
        signature: &Signature,
        commands: impl IntoIterator<Item = &'a Command>,
        programs: bool,
    ) -> Self {
        let inputs = commands.into_iter().flat_map(Command::inputs);
        let places: Vec<usize> = inputs.map(|input| input.argument).collect();
        Self::at(nr, signature, places, programs)
    }

    /// These arguments.
    pub(super) fn at(
        nr: usize,
        signature: &Signature,
        mut places: Vec<usize>,
        programs: bool,
    ) -> Self {
        places.sort_unstable();
        places.dedup();
        let parameters = signature.parameters();
        let types = places
            .iter()
            .map(|&place| parameters[place].sql_type.clone());
        let number = programs.then(|| SqlType::new(SqlKind::Int));
        Staged {
            names: places
                .iter()
                .map(|&place| parameters[place].name.clone())
                .collect(),
            types: number.into_iter().chain(types).collect(),
            places,
            nr,
            programs,
        }
    }

    pub(super) fn rows(&self) -> String {
        format!("@rows{}", self.nr)
    }

    /// The column of the table variable for a place.
    pub(super) fn column(&self, place: usize) -> Option<String> {
        let at = self.places.binary_search(&place).ok()?;
        Some(format!("c{}", at + usize::from(self.programs)))
    }

    /// The value at a place as a key column has it, so that the column's index is of use.
    pub(super) fn as_key(&self, rows: &str, place: usize, collation: Option<&str>) -> String {
        let Ok(at) = self.places.binary_search(&place) else {
            return "NULL".to_owned();
        };
        let at = at + usize::from(self.programs);
        let collate = collation.map_or_else(String::new, |name| format!(" COLLATE {name}"));
        let value = format!("{rows}.c{at}{collate}");
        match self.types[at].family() {
            TypeFamily::Text => format!("CONVERT({}, {value})", passed(&self.types[at])),
            _ => value,
        }
    }

    fn variable(&self, place: usize) -> String {
        let column = self.column(place).unwrap_or_else(|| "none".to_owned());
        format!("@a{}_{column}", self.nr)
    }

    fn variables(&self) -> impl Iterator<Item = (String, String, &SqlType)> {
        self.types
            .iter()
            .enumerate()
            .map(|(at, sql_type)| (format!("c{at}"), format!("@a{}_c{at}", self.nr), sql_type))
    }

    /// Fills the table variable, and declares a variable for each value. The parameters of the batch are two for each query.
    pub(super) fn declare(&self) -> String {
        let from = Parameters::of(self.nr);
        let columns = staging::unpack(from, &self.types);
        let declared = join(self.variables(), "", |(column, _, sql_type)| {
            format!(", {column} {} NULL", held(sql_type))
        });
        let variables = join(self.variables(), "", |(_, variable, sql_type)| {
            format!(", {variable} {}", held(sql_type))
        });
        let packed = staging::select(from, &columns);
        format!(
            "DECLARE {rows} TABLE (n int NOT NULL PRIMARY KEY{declared});\n\
             INSERT INTO {rows} {packed};\n\
             DECLARE @n{nr} int{variables};\n",
            rows = self.rows(),
            nr = self.nr,
        )
    }

    /// Runs `body` for each row, with the row's values in the variables.
    pub(super) fn each(&self, body: &str) -> String {
        let set = join(self.variables(), "", |(column, variable, _)| {
            format!(", {variable} = {column}")
        });
        format!(
            "SELECT @n{nr} = MIN(n) FROM {rows};\n\
             WHILE @n{nr} IS NOT NULL\nBEGIN\n\
             SELECT @n{nr} = n{set} FROM {rows} WHERE n = @n{nr};\n{body}\n\
             SELECT @n{nr} = MIN(n) FROM {rows} WHERE n > @n{nr};\nEND;\n",
            nr = self.nr,
            rows = self.rows(),
        )
    }

    /// Text that the database's code page does not hold would arrive with question marks in it.
    pub(super) fn unfit(&self) -> Option<String> {
        let offset = usize::from(self.programs);
        let texts = self.types.iter().enumerate().filter(|(_, sql_type)| {
            matches!(
                sql_type.kind,
                SqlKind::Char | SqlKind::VarChar | SqlKind::Text
            )
        });
        let branches = join(texts, " ", |(at, _)| {
            format!(
                "WHEN CONVERT(nvarchar(max), CONVERT(varchar(max), c{at})) COLLATE Latin1_General_BIN2 <> c{at} COLLATE Latin1_General_BIN2 \
                 THEN {}",
                text(&format!("@{}", self.names[at - offset]))
            )
        });
        (!branches.is_empty()).then(|| format!("CASE {branches} END"))
    }

    /// `EXEC` of a command with the variables' values.
    pub(super) fn call(&self, command: &Command) -> String {
        let mut given = command
            .inputs()
            .iter()
            .map(|input| format!("@{} = {}", input.name, self.variable(input.argument)))
            .collect::<Vec<_>>();
        let outputs = command.outputs().iter().enumerate();
        given.extend(
            outputs.map(|(at, output)| format!("@{} = @o{}_{at} OUTPUT", output.name, self.nr)),
        );
        if command.counts() {
            given.push("@sync_row_count = @count OUTPUT".to_owned());
        }
        let given = given.join(", ");
        match command.text() {
            CommandText::Procedure(name) => format!("EXEC {} {given}", object(name)),
            CommandText::Statement(statement) => {
                let inputs = command.inputs().iter().map(|input| {
                    let at = self.places.binary_search(&input.argument).unwrap_or(0);
                    let sql_type = &self.types[at + usize::from(self.programs)];
                    format!("@{} {}", input.name, passed(sql_type))
                });
                let outputs = command.outputs().iter();
                let outputs =
                    outputs.map(|output| format!("@{} {} OUTPUT", output.name, output.sql_type));
                let counts = command
                    .counts()
                    .then(|| "@sync_row_count int OUTPUT".to_owned());
                let declared: Vec<String> = inputs.chain(outputs).chain(counts).collect();
                let separator = if given.is_empty() { "" } else { ", " };
                format!(
                    "EXEC sp_executesql {}, {}{separator}{given}",
                    text(statement),
                    text(&declared.join(", "))
                )
            }
        }
    }
}

/// The type under which a statement gets a value. What it compares with a key column is to be of the column's type, or the column's index is of no
/// use; a text that the column cannot hold has been taken out before.
pub(super) fn passed(sql_type: &SqlType) -> String {
    match (&sql_type.kind, sql_type.size) {
        (SqlKind::Char, Some(Size::Length(length))) => format!("varchar({length})"),
        (SqlKind::NChar, Some(Size::Length(length))) => format!("nvarchar({length})"),
        (SqlKind::VarChar | SqlKind::NVarChar, Some(Size::Length(_))) => sql_type.to_string(),
        _ => held(sql_type),
    }
}

/// The type of a variable that holds values of a column's type: old large types cannot be variables, and text stays as it came.
pub(super) fn held(sql_type: &SqlType) -> String {
    match sql_type.family() {
        TypeFamily::Text => "nvarchar(max)".to_owned(),
        TypeFamily::Binary => "varbinary(max)".to_owned(),
        _ => sql_type.to_string(),
    }
}
