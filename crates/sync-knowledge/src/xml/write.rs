//! Writing.

use core::fmt::Write;
use std::string::String;

use super::{OURS, SYNC, base64, known_of_all};
use crate::{ClockVector, IdFormat, Knowledge, Range};

/// Writes knowledge.
pub(super) fn knowledge(knowledge: &Knowledge) -> String {
    let mut out = Out {
        text: String::new(),
        depth: 0,
    };
    let root = format_args!("syncKnowledge xmlns=\"{SYNC}\" xmlns:sync=\"{SYNC}\"");
    out.within("syncKnowledge", root, |out| {
        let formats = knowledge.formats();
        out.within("idFormatGroup", format_args!("idFormatGroup"), |out| {
            format(out, "replicaIdFormat", formats.replica);
            format(out, "itemIdFormat", formats.item);
            format(out, "changeUnitIdFormat", formats.change_unit);
        });
        out.within("replicaKeyMap", format_args!("replicaKeyMap"), |out| {
            for (key, id) in knowledge.key_map().iter() {
                let id = base64::encode(id.as_bytes());
                out.line(format_args!(
                    "<replicaKeyMapEntry sync:replicaId=\"{id}\" sync:replicaKey=\"{key}\"/>"
                ));
            }
        });
        vector(out, &known_of_all(knowledge));
        if !knowledge.is_uniform() {
            exceptions(out, knowledge);
        }
    });
    out.text
}

fn exceptions(out: &mut Out, knowledge: &Knowledge) {
    let root = format_args!("exceptions xmlns=\"{OURS}\"");
    out.within("exceptions", root, |out| {
        out.within("scope", format_args!("scope"), |out| {
            knowledge.ranges().for_each(|part| range(out, part));
        });
        for set in crate::KnowledgeInspector::new(knowledge).column_sets() {
            out.within("columnSet", format_args!("columnSet"), |out| {
                for unit in set.change_units() {
                    let id = base64::encode(unit.as_bytes());
                    out.line(format_args!("<changeUnit id=\"{id}\"/>"));
                }
                set.ranges().for_each(|part| range(out, part));
            });
        }
    });
}

fn range(out: &mut Out, range: Range<'_>) {
    let lower = base64::encode(range.lower_bound.as_bytes());
    out.within(
        "range",
        format_args!("range closedLowerBound=\"{lower}\""),
        |out| {
            out.elements(format_args!("element"), "", range.vector);
        },
    );
}

fn format(out: &mut Out, name: &str, format: IdFormat) {
    let IdFormat { variable, length } = format;
    out.line(format_args!(
        "<{name} sync:isVariable=\"{variable}\" sync:maxLength=\"{length}\"/>"
    ));
}

fn vector(out: &mut Out, vector: &ClockVector) {
    out.within("clockVector", format_args!("clockVector"), |out| {
        out.elements(format_args!("clockVectorElement"), "sync:", vector);
    });
}

/// Indented lines.
struct Out {
    text: String,
    depth: usize,
}

impl Out {
    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{:1$}{line}", "", 2 * self.depth);
    }

    fn within(
        &mut self,
        name: &str,
        start: core::fmt::Arguments<'_>,
        content: impl FnOnce(&mut Out),
    ) {
        self.line(format_args!("<{start}>"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.line(format_args!("</{name}>"));
    }

    fn elements(&mut self, name: core::fmt::Arguments<'_>, prefix: &str, vector: &ClockVector) {
        for (key, tick) in vector.iter() {
            self.line(format_args!(
                "<{name} {prefix}replicaKey=\"{key}\" {prefix}tickCount=\"{tick}\"/>"
            ));
        }
    }
}
