//! `syncdb knowledge`

mod blob;

use serde::Serialize;
use sync_knowledge::{Knowledge, KnowledgeBlob, Relation};

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
    line!(out, "knowledge of version {}", blob.version());
    line!(out);
    line!(
        out,
        "{}",
        paint::heading(plural(blob.key_map().len() as u64, "replica"))
    );
    for (key, id) in blob.key_map().iter() {
        let owner = if key.0 == 0 { "  (the owner)" } else { "" };
        let id = replica_text(blob.id_formats().replica, id);
        line!(out, "  {key:>3}  {id}{owner}");
    }
    line!(out);
    line!(
        out,
        "{}",
        paint::heading(plural(blob.ranges().len() as u64, "range"))
    );
    for range in blob.ranges() {
        line!(out, "  from {}", hex(range.lower_bound.as_bytes()));
        let vector = blob.vector(range.vector);
        if vector.is_empty() {
            line!(out, "       {}", paint::quiet("nothing is known"));
        }
        for (key, tick) in vector {
            line!(out, "  {key:>3}  up to {}", count(*tick));
        }
    }
}
