//! One step of a history, in a form that can be printed, read and replayed.

use std::fmt;
use std::str::FromStr;

use super::names::Names;

/// One step of a history.
///
/// ```
/// use sync_tests::communities::Step;
/// let step: Step = "write 0 item 1 P at 3".parse().unwrap();
/// assert_eq!(step, Step::Write { replica: 0, item: 1, content: 0, time: 3 });
/// assert_eq!("send 2 to 0 way 1".parse::<Step>().unwrap().to_string(), "send 2 to 0 way 1");
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A local insert or update.
    Write {
        /// Where.
        replica: usize,
        /// Which row.
        item: usize,
        /// What it holds afterwards.
        content: u8,
        /// What the clock says.
        time: i64,
    },
    /// A local delete.
    Delete {
        /// Where.
        replica: usize,
        /// Which row.
        item: usize,
        /// What the clock says.
        time: i64,
    },
    /// From now on every write of a row by a session fails.
    Fail {
        /// Where.
        replica: usize,
        /// Which row.
        item: usize,
    },
    /// It succeeds again.
    Heal {
        /// Where.
        replica: usize,
        /// Which row.
        item: usize,
    },
    /// One direction of a session.
    Send {
        /// Whose changes.
        source: usize,
        /// Who receives them.
        destination: usize,
        /// Index into [`Setting::ways`](super::Setting::ways).
        way: usize,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::Write {
                replica,
                item,
                content,
                time,
            } => {
                write!(
                    f,
                    "write {replica} item {item} {} at {time}",
                    Names::content(content)
                )
            }
            Step::Delete {
                replica,
                item,
                time,
            } => {
                write!(f, "delete {replica} item {item} at {time}")
            }
            Step::Fail { replica, item } => write!(f, "fail {replica} item {item}"),
            Step::Heal { replica, item } => write!(f, "heal {replica} item {item}"),
            Step::Send {
                source,
                destination,
                way,
            } => {
                write!(f, "send {source} to {destination} way {way}")
            }
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let refuse = || format!("not a step of a history: {text:?}");
        let number = |word: &str| word.parse::<usize>().map_err(|_| refuse());
        let time = |word: &str| word.parse::<i64>().map_err(|_| refuse());
        Ok(match words.as_slice() {
            ["write", replica, "item", item, content, "at", at] => Step::Write {
                replica: number(replica)?,
                item: number(item)?,
                content: Names::content_of(content).ok_or_else(refuse)?,
                time: time(at)?,
            },
            ["delete", replica, "item", item, "at", at] => Step::Delete {
                replica: number(replica)?,
                item: number(item)?,
                time: time(at)?,
            },
            ["fail", replica, "item", item] => Step::Fail {
                replica: number(replica)?,
                item: number(item)?,
            },
            ["heal", replica, "item", item] => Step::Heal {
                replica: number(replica)?,
                item: number(item)?,
            },
            ["send", source, "to", destination, "way", way] => Step::Send {
                source: number(source)?,
                destination: number(destination)?,
                way: number(way)?,
            },
            _ => return Err(refuse()),
        })
    }
}
