//! `syncdb knowledge`

mod blob;

use serde::Serialize;
use sync_decision::check_combined;
use sync_knowledge::{IdFormat, Knowledge, KnowledgeBlob, Relation};

use crate::args::KnowledgeCommand;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::json::{KnowledgeDocument, hex, replica_text};
use crate::output::{Output, count, line, paint, plural};

#[derive(Debug, Serialize)]
struct HexDocument {
    hex: String,
}

#[derive(Debug, Serialize)]
struct RelationDocument {
    relation: &'static str,
}

pub(crate) fn run(command: &KnowledgeCommand, context: &Context) -> Result<Code, Failure> {
    let mut out = Output::stdout();
    match command {
        KnowledgeCommand::Show { blob } => {
            let blob = blob::parse(blob)?;
            if context.json {
                out.json(&KnowledgeDocument::from(&blob));
            } else {
                show(&mut out, &blob);
            }
        }
        KnowledgeCommand::Combine { a, b } => {
            let (mut a, b) = both(a, b)?;
            check_combined("knowledge blobs", &a, &b)?;
            a.combine(&b);
            print(&mut out, &a.to_bytes(), context);
        }
        KnowledgeCommand::Compare { a, b } => {
            let (a, b) = both(a, b)?;
            compare(&mut out, a.compare(&b), context);
        }
        KnowledgeCommand::Convert { blob, to } => {
            let converted = blob::parse(blob)?.convert(*to).map_err(|error| {
                Failure::usage(
                    "--to",
                    error.to_string(),
                    "convert to 5, or to the version that the blob has",
                )
            })?;
            print(&mut out, &converted.to_bytes(), context);
        }
    }
    out.finish()?;
    Ok(Code::Done)
}

/// Two knowledges of one community.
fn both(a: &str, b: &str) -> Result<(Knowledge, Knowledge), Failure> {
    let (a, b) = (blob::knowledge(a)?, blob::knowledge(b)?);
    if a.formats().item != b.formats().item {
        return Err(Failure::refused(
            "knowledge blobs",
            "their item ids have different formats, so they are not of one community",
            "name two blobs of one scope",
        ));
    }
    Ok((a, b))
}

fn print(out: &mut Output, bytes: &[u8], context: &Context) {
    let hex = hex(bytes);
    if context.json {
        out.json(&HexDocument { hex });
    } else {
        line!(out, "{hex}");
    }
}

fn compare(out: &mut Output, relation: Relation, context: &Context) {
    let (relation, meaning) = match relation {
        Relation::Equal => ("equal", "both contain the same"),
        Relation::Contains => ("contains", "A contains all of B, and more"),
        Relation::Contained => ("contained", "B contains all of A, and more"),
        Relation::Concurrent => (
            "concurrent",
            "each contains something that the other does not",
        ),
    };
    if context.json {
        out.json(&RelationDocument { relation });
    } else {
        line!(out, "{relation}  {}", paint::quiet(meaning));
    }
}

fn show(out: &mut Output, blob: &KnowledgeBlob) {
    let formats = blob.id_formats();
    line!(out, "knowledge of version {}", blob.version());
    line!(
        out,
        "ids: replicas {}, items {}, change units {}",
        lengths(formats.replica),
        lengths(formats.item),
        lengths(formats.change_unit)
    );
    line!(out);
    line!(
        out,
        "{}",
        paint::heading(plural(blob.key_map().len() as u64, "replica"))
    );
    for (key, id) in blob.key_map().iter() {
        let owner = if key.0 == 0 { "  (the owner)" } else { "" };
        let name = match id.as_bytes() {
            [] => "an id without bytes".to_owned(),
            _ => replica_text(formats.replica, id),
        };
        let text = in_words(formats.replica, id.as_bytes());
        line!(out, "  {key:>3}  {name}{}{owner}", paint::quiet(text));
    }
    line!(out);
    line!(
        out,
        "{}",
        paint::heading(plural(blob.ranges().len() as u64, "range"))
    );
    for range in blob.ranges() {
        let bound = range.lower_bound.as_bytes();
        let text = in_words(formats.item, bound);
        line!(out, "  from {}{}", hex(bound), paint::quiet(text));
        let vector = blob.vector(range.vector);
        if vector.is_empty() {
            line!(out, "       {}", paint::quiet("nothing is known"));
        }
        for (key, tick) in vector {
            line!(out, "  {key:>3}  up to {}", count(*tick));
        }
    }
}

/// How long ids are, as a person says it.
fn lengths(format: IdFormat) -> String {
    let length = plural(format.length.into(), "byte");
    if format.variable {
        format!("up to {length}")
    } else {
        length
    }
}

/// What an id of varying length says where it is text, as all ids are that the database providers make of rows; also of the id that follows
/// such a one directly, where a range ends. Empty where it says nothing.
fn in_words(format: IdFormat, id: &[u8]) -> String {
    if !format.variable {
        return String::new();
    }
    // `{:?}`, since whatever is in the blob reaches the terminal.
    if let Some(text) = utf_16(id) {
        return format!("  {text:?}");
    }
    match id.split_last() {
        Some((0, before)) => {
            utf_16(before).map_or_else(String::new, |text| format!("  right after {text:?}"))
        }
        _ => String::new(),
    }
}

fn utf_16(bytes: &[u8]) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    if units.is_empty() || !rest.is_empty() {
        return None;
    }
    let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}
