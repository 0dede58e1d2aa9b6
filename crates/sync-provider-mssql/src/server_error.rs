//! What SQL Server's error numbers mean to us, and its messages as text that can be printed anywhere.

/// What an error of the server is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Who logs in, or into what.
    Login,
    /// A permission is missing.
    Permission,
    /// Somebody else goes first: the transaction is gone or cannot go on.
    Deadlock,
    /// The server or the database is busy, moving or starting.
    Unavailable,
    /// The database does not allow snapshots.
    Snapshot,
    /// A key, a foreign key, a check, a column that must not be NULL.
    Constraint,
    /// A value does not fit its column.
    Value,
    /// A trigger, or an error that XACT_ABORT makes fatal, ended the transaction.
    Undone,
    /// A procedure is not there, or has other parameters than those that it is called with.
    Call,
    /// Anything else.
    Other,
}

/// Errors of this severity and above end the connection.
pub(crate) const FATAL: u8 = 20;

/// The numbers by what they are about: SQL Server's list of events and errors, and Azure SQL Database's list of connectivity errors.
const KINDS: &[(Kind, &[u32])] = &[
    (
        Kind::Login,
        &[
            233,  // no process is on the other end: logins of this kind are switched off
            4060, // cannot open the database that the login asks for
            4064, // cannot open the login's default database
            18450, 18451, 18452, 18456, // login failed, in general and for its kinds
            18458, 18459, 18460, 18461, // too many users, single-user mode
            18470, // the account is disabled
            18486, 18487, 18488, // locked out; the password is expired, or has to be changed
            40532, 40615, // Azure: unknown server, address not let in by the firewall
        ],
    ),
    (
        Kind::Permission,
        &[
            229, 230, 262, 297,
            300, // denied on an object, a column, a database, an action, the server
            916, // the login is not a user of the database
            1088, 3701, 4902, 15151,
            15165, // what is there cannot be found or altered without permission
            2760,  // the schema does not exist, or may not be used
            15247, 15406, 15562, // the action, another user's context, the module
        ],
    ),
    (
        Kind::Deadlock,
        &[
            1203, 1204, 1205, 1221, 1222, // locks: none left, deadlock, lock time-out
            3958, 3960, 3961,
            3966, // snapshot transactions: update conflict, changed table, lost version
            41301, 41302, 41305, 41325, 41839, // the same for memory-optimised tables
        ],
    ),
    (
        Kind::Unavailable,
        &[
            921, 922, 983, // the database is not recovered yet, or moves to another replica
            6005, 17142, 17148, 17197,
            18401, // the server stops, is paused, is upgraded, or lets nobody in for now
            8645, 8651, // no memory for the query now
            4221, 10922, 10928, 10929, 10936, 40143, 40197, 40501, 40540, 40613, 42108, 42109,
            49918, 49919, 49920, // Azure: busy, moving, throttled
        ],
    ),
    (Kind::Snapshot, &[3951, 3952, 3957]),
    (
        Kind::Constraint,
        &[
            515, // NULL where none may be
            544, 8101, 8102, // identity columns
            547, 2601, 2627, // foreign keys, checks, unique keys
            1505, 1946, // a key that is not unique, or too long for its index
        ],
    ),
    (
        Kind::Value,
        &[
            220, 232, 8115, // overflow
            241, 242, 245, 248, 295, 8114, 9402, 9420, // conversion: dates, numbers, XML
            2628, 8152, // too long a text
        ],
    ),
    (Kind::Undone, &[3609, 3616, 3930, 3998]),
    (Kind::Call, &[201, 2812, 8144, 8145, 8146, 8162]),
];

/// What an error number is about.
pub(crate) fn kind_of(number: u32) -> Kind {
    let found = KINDS.iter().find(|(_, numbers)| numbers.contains(&number));
    found.map_or(Kind::Other, |(kind, _)| *kind)
}

/// Whether an error that is caught is nothing that is wrong with a row, as a condition: the transaction is of no use any more, or somebody else has
/// to go first, or the error is about something else that all rows share.
pub(crate) fn no_fault_of_a_row(also: &[Kind]) -> String {
    format!("XACT_STATE() <> 1 OR {}", about_all_rows(also))
}

/// Whether an error that is caught is about others, or about something that all rows share, as a condition.
fn about_all_rows(also: &[Kind]) -> String {
    let kinds = [Kind::Deadlock, Kind::Unavailable];
    let kinds = kinds.iter().chain(also);
    let numbers = kinds.flat_map(|kind| KINDS.iter().find(|(listed, _)| listed == kind));
    let numbers = numbers.flat_map(|(_, numbers)| *numbers);
    let numbers: Vec<String> = numbers.map(u32::to_string).collect();
    format!("ERROR_NUMBER() IN ({})", numbers.join(", "))
}

/// How the message of an error begins by which a batch of ours says that a row undid the transaction. The row's number, a semicolon, and the error
/// follow.
const UNDONE_BY: &str = "sync_row=";
/// The number of that error. Some engines keep the number of the error that was caught.
const UNDONE: u32 = 51_733;

/// What a batch does first in a CATCH: it tells of an error after which it cannot go on. One that is about a row is told with the row's number, an
/// expression ([`undone_by`]); others as they are. The batch declares `@told nvarchar(2048)`.
pub(crate) fn give_up(row: &str, also: &[Kind]) -> String {
    let others = about_all_rows(also);
    format!(
        "IF {others} THROW;\nIF XACT_STATE() <> 1\nBEGIN\n\
         SET @told = CONCAT(N'{UNDONE_BY}', {row}, N';', LEFT(ERROR_MESSAGE(), 2000));\nTHROW {UNDONE}, @told, 1;\nEND;"
    )
}

/// The row that undid the transaction, where that is known, and the error, by the message of an error of [`give_up`].
pub(crate) fn undone_by(message: &str) -> Option<(Option<usize>, &str)> {
    let (row, reason) = message.strip_prefix(UNDONE_BY)?.split_once(';')?;
    let row: i64 = row.parse().ok()?;
    Some((usize::try_from(row).ok(), reason))
}

/// The longest message that is passed on; SQL Server's own are shorter, those that triggers raise may not be.
const LONGEST: usize = 1000;

/// A text from outside as one line: without control characters and without those that turn the direction of writing.
pub(crate) fn one_line(text: &str) -> String {
    let is_plain = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut line = String::new();
    let mut length = 0;
    for c in text.chars().map(|c| if is_plain(c) { c } else { ' ' }) {
        if c == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if length == LONGEST {
            line.push('…');
            return line;
        }
        line.push(c);
        length += 1;
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_number_is_listed_once() {
        let mut seen = BTreeSet::new();
        for (_, numbers) in KINDS {
            for number in *numbers {
                assert!(seen.insert(number), "{number} is listed twice");
            }
        }
        assert_eq!(kind_of(50_000), Kind::Other);
    }

    #[test]
    fn what_is_transient_is_never_a_rows_fault() {
        let condition = no_fault_of_a_row(&[Kind::Call]);
        for number in [1205, 1222, 3960, 40501, 201, 8144] {
            let listed = [
                format!("({number},"),
                format!(" {number},"),
                format!(" {number})"),
            ];
            assert!(listed.iter().any(|one| condition.contains(one)), "{number}");
        }
        assert!(!condition.contains("2627") && !condition.contains("547"));
        assert!(!no_fault_of_a_row(&[]).contains("8144"));
    }

    #[test]
    fn a_row_that_undoes_the_transaction_is_named() {
        let told = [
            (
                "sync_row=17;no; not this one",
                Some((Some(17), "no; not this one")),
            ),
            ("sync_row=-1;", Some((None, ""))),
            ("17;a trigger's own", None),
            ("sync_row=all;no", None),
        ];
        for (message, expected) in told {
            assert_eq!(undone_by(message), expected, "{message}");
        }
        let text = give_up("@n", &[]);
        assert!(text.starts_with("IF ERROR_NUMBER() IN (1203") && text.contains("', @n, N';'"));
    }

    #[test]
    fn messages_become_one_line() {
        let cases = [
            ("plain 'text'; ünïcode €", "plain 'text'; ünïcode €"),
            ("two\r\nlines\tand\u{7}bells", "two lines and bells"),
            ("\u{1b}[31mred\u{202e}txet", "[31mred txet"),
            ("  trimmed \n", "trimmed"),
            ("", ""),
        ];
        for (message, line) in cases {
            assert_eq!(one_line(message), line);
        }
        let long = one_line(&"é".repeat(5000));
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with('…'));
        assert_eq!(one_line(&"\n".repeat(1 << 20)), "");
    }
}
