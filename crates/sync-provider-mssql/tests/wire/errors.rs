//! Every kind of error that a server reports, and what the user reads of it.

use sync_provider_mssql::{DirectConnections, MssqlError, describe};

use crate::server::{Act, Offer, Request, Server};
use crate::settings;
use crate::tokens::{Cell, done, error, rows};

async fn reported(number: u32, message: &str) -> MssqlError {
    answered([error(number, 16, message), done(false)].concat()).await
}

/// What comes of a server that answers every statement so.
async fn answered(answer: Vec<u8>) -> MssqlError {
    let server = Server::start(Offer::SelfSigned, move |_, request| match request {
        Request::Statement(_) => vec![Act::Answer(answer.clone())],
        _ => Vec::new(),
    });
    let connections = DirectConnections::new(settings(&server));
    describe(&connections, None)
        .await
        .map(drop)
        .expect_err("the answer is an error, or none that can be used")
}

/// The name of an error's variant.
fn kind(error: &MssqlError) -> String {
    let text = format!("{error:?}");
    text.split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn kinds_and_ways_out() {
    let cases = [
        (
            229,
            "The SELECT permission was denied on the object 'T', database 'Sales', schema 'dbo'.",
            "Permission",
            "grant it",
        ),
        (
            230,
            "The SELECT permission was denied on the column 'A' of the object 'T'.",
            "Permission",
            "grant it",
        ),
        (
            262,
            "CREATE TABLE permission denied in database 'Sales'.",
            "Permission",
            "grant it",
        ),
        (
            297,
            "The user does not have permission to perform this action.",
            "Permission",
            "grant it",
        ),
        (
            300,
            "VIEW SERVER STATE permission was denied on object 'server', database 'master'.",
            "Permission",
            "grant it",
        ),
        (
            916,
            "The server principal \"app\" is not able to access the database \"Sales\".",
            "Permission",
            "grant it",
        ),
        (
            15247,
            "User does not have permission to perform this action.",
            "Permission",
            "grant it",
        ),
        (
            1205,
            "Transaction was deadlocked.",
            "Deadlock",
            "run it again",
        ),
        (
            1222,
            "Lock request time out period exceeded.",
            "Deadlock",
            "run it again",
        ),
        (
            3960,
            "Snapshot isolation transaction aborted due to update conflict.",
            "Deadlock",
            "run it again",
        ),
        (
            40501,
            "The service is currently busy.",
            "Unavailable",
            "run it again in a while",
        ),
        (
            3952,
            "Snapshot isolation transaction failed accessing database 'Sales'.",
            "Snapshot",
            "ALLOW_SNAPSHOT_ISOLATION",
        ),
        (
            515,
            "Cannot insert the value NULL into column 'A'.",
            "Constraint",
            "the row or the constraint",
        ),
        (
            547,
            "The INSERT statement conflicted with the FOREIGN KEY constraint \"FK\".",
            "Constraint",
            "the row or the constraint",
        ),
        (
            2601,
            "Cannot insert duplicate key row.",
            "Constraint",
            "the row or the constraint",
        ),
        (
            2627,
            "Violation of PRIMARY KEY constraint 'PK'.",
            "Constraint",
            "the row or the constraint",
        ),
        (
            2628,
            "String or binary data would be truncated in table 'T', column 'A'.",
            "Value",
            "declare the column wider",
        ),
        (
            8152,
            "String or binary data would be truncated.",
            "Value",
            "declare the column wider",
        ),
        (
            8115,
            "Arithmetic overflow error converting numeric to data type numeric.",
            "Value",
            "declare the column wider",
        ),
        (
            3609,
            "The transaction ended in the trigger. The batch has been aborted.",
            "Undone",
            "triggers",
        ),
        (
            3616,
            "An error was raised during trigger execution.",
            "Undone",
            "triggers",
        ),
        (
            3930,
            "The current transaction cannot be committed.",
            "Undone",
            "triggers",
        ),
        (
            50000,
            "what a trigger of the user's says; and more: this",
            "Database",
            "check the database",
        ),
    ];
    for (number, message, expected, way_out) in cases {
        let error = reported(number, message).await;
        assert_eq!(kind(&error), expected, "{error}");
        let text = error.to_string();
        for part in [
            "localhost",
            "/Sales: ",
            message,
            &format!("(SQL Server error {number})"),
            way_out,
        ] {
            assert!(text.contains(part), "{text}: {part}");
        }
        let seen: sync_provider::ProviderError = error.into();
        assert_eq!(seen.to_string(), text, "a session shows the same");
        assert!(seen.object().starts_with("localhost"), "{seen:?}");
        assert!(seen.reason().starts_with(message), "{seen:?}");
        assert!(seen.remedy().contains(way_out), "{seen:?}");
    }
}

/// Answers that no statement of ours has asked for: rows of another shape, and bytes that are no answer.
#[tokio::test]
async fn answers_to_something_else() {
    let store = Cell::Text("store");
    let wrong_type = rows(&["kind", "nr"], &[store.clone(), Cell::Text("1")], 1);
    let no_column = rows(&["kind"], &[store], 1);
    for (rows, column) in [(wrong_type, "nr"), (no_column, "nr")] {
        let error = answered([rows, done(false)].concat()).await;
        assert_eq!(kind(&error), "Answer", "{error}");
        let text = error.to_string();
        for part in [
            "/Sales: ",
            column,
            "check that the metadata tables are unchanged",
        ] {
            assert!(text.contains(part), "{text}: {part}");
        }
    }
    // 0x42 begins no token.
    let error = answered(vec![0x42; 40]).await;
    assert_eq!(kind(&error), "Protocol", "{error}");
    assert!(error.to_string().contains("/Sales: "), "{error}");
}

/// A message may hold anything that whoever wrote a trigger wants a terminal to do.
#[tokio::test]
async fn messages_are_one_line() {
    let error = reported(50000, "first\r\nsecond \u{1b}[2J\u{202e}drow\u{0}").await;
    let text = error.to_string();
    assert!(text.contains("first second [2J drow"), "{text}");
    assert!(!text.chars().any(char::is_control), "{text}");
    let error = reported(50000, &"x".repeat(4000)).await;
    assert!(error.to_string().chars().count() < 1200, "{error}");
}
