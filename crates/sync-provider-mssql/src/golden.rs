//! Statements compared with files under `tests/golden`.
//!
//! A difference that is meant is accepted by running the tests with `SYNC_TEST_ACCEPT=1` and reading the difference that the version control shows.

use std::path::Path;

use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;

/// Compares statements with the committed file, and has each that can be parsed parsed by a grammar that is not ours.
pub(crate) fn check(name: &str, statements: &[String]) {
    let errors: Vec<String> = statements.iter().filter_map(not_parsed).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    for statement in statements {
        let words: Vec<&str> = statement.split_whitespace().collect();
        // The grammar lets it pass, and so do engines that are not SQL Server.
        assert!(
            !words
                .windows(2)
                .any(|pair| pair[0] == "BEGIN" && pair[1].starts_with("END")),
            "a block without a statement: {statement}"
        );
    }
    let text = statements.join("\nGO\n") + "\nGO\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("SYNC_TEST_ACCEPT").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{} differs from what is made now; read the difference after accepting it with SYNC_TEST_ACCEPT=1",
        path.display()
    );
}

fn not_parsed(statement: &String) -> Option<String> {
    let known = UNKNOWN_WORDS
        .iter()
        .fold(statement.clone(), |text, (word, instead)| {
            text.replace(word, instead)
        });
    let error = Parser::parse_sql(&MsSqlDialect {}, &known).err()?;
    let is_known = NOT_PARSED.iter().any(|(part, _)| statement.contains(part));
    (!is_known).then(|| format!("{error}\n{statement}"))
}

/// Words that the grammar does not know, and what is parsed instead.
const UNKNOWN_WORDS: &[(&str, &str)] = &[
    (" OUTPUT)", ")"),
    (" READONLY)", ")"),
    ("BEGIN TRY\n", ""),
    ("\nEND TRY\nBEGIN CATCH\n", ";\n"),
    ("END CATCH;", ""),
    ("SAVE TRANSACTION", "SAVEPOINT"),
    ("ROLLBACK TRANSACTION sync_", "ROLLBACK TO SAVEPOINT sync_"),
];

/// Parts of statements that are valid T-SQL and that the grammar does not know, with the reason.
const NOT_PARSED: &[(&str, &str)] = &[
    ("CREATE TYPE", "of table types it knows nothing"),
    ("INSERT INTO @one", "of INSERT … EXEC it knows nothing"),
    ("INSERT INTO #sync_one", "the same"),
];
