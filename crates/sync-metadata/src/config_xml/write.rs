//! Writing a configuration document.

use super::read::{NAMESPACES, SQL_CE_ROOT, SQL_ROOT};
use super::{AdapterConfig, ColumnConfig, ConfigProvider, ScopeConfig};

pub(super) fn write(config: &ScopeConfig) -> String {
    // Compact keeps the document as text, as .NET wrote it; SQL Server's xml type drops the blank before `/>`.
    let (root, element, close) = match config.provider {
        ConfigProvider::Sql { .. } => (SQL_ROOT, "Adapter", "/>"),
        ConfigProvider::SqlCe => (SQL_CE_ROOT, "Table", " />"),
    };
    let mut xml = format!("<{root}");
    for (name, value) in NAMESPACES {
        attribute(&mut xml, name, value);
    }
    if let ConfigProvider::Sql {
        is_template: Some(is_template),
    } = config.provider
    {
        attribute(
            &mut xml,
            "IsTemplate",
            if is_template { "true" } else { "false" },
        );
    }
    others(&mut xml, &config.other_attributes);
    if config.adapters.is_empty() {
        return xml + close;
    }
    xml.push('>');
    for adapter in &config.adapters {
        write_adapter(&mut xml, adapter, element, close);
    }
    xml + "</" + root + ">"
}

fn write_adapter(xml: &mut String, adapter: &AdapterConfig, element: &str, close: &str) {
    xml.push('<');
    xml.push_str(element);
    attribute(xml, "Name", &adapter.name.quoted());
    attribute(xml, "GlobalName", &adapter.global_name);
    attribute(xml, "TrackingTable", &adapter.tracking_table.quoted());
    for (name, object) in adapter.objects.clone().entries() {
        optional(xml, name, object.as_ref().map(|object| object.quoted()));
    }
    others(xml, &adapter.other_attributes);
    xml.push('>');
    for column in &adapter.columns {
        write_column(xml, column, close);
    }
    for fragment in &adapter.filter_parameters {
        xml.push_str(fragment.as_str());
    }
    if let Some(clause) = &adapter.filter_clause {
        text_element(xml, "FilterClause", clause);
    }
    for column in &adapter.filter_columns {
        text_element(xml, "FilterCol", column);
    }
    for fragment in &adapter.other_elements {
        xml.push_str(fragment.as_str());
    }
    xml.push_str("</");
    xml.push_str(element);
    xml.push('>');
}

fn write_column(xml: &mut String, column: &ColumnConfig, close: &str) {
    xml.push_str("<Col");
    attribute(xml, "name", &column.name);
    attribute(xml, "type", column.sql_type.kind.name());
    optional(
        xml,
        "size",
        column.sql_type.size.map(|size| size.to_string()),
    );
    optional(
        xml,
        "prec",
        column
            .sql_type
            .precision
            .map(|precision| precision.to_string()),
    );
    optional(
        xml,
        "scale",
        column.sql_type.scale.map(|scale| scale.to_string()),
    );
    optional(xml, "null", column.nullable.then(|| "true".to_owned()));
    optional(xml, "default", column.default.clone());
    optional(
        xml,
        "idSeed",
        column.identity_seed.map(|seed| seed.to_string()),
    );
    optional(
        xml,
        "idStep",
        column.identity_step.map(|step| step.to_string()),
    );
    optional(xml, "param", column.parameter.clone());
    optional(xml, "pk", column.primary_key.then(|| "true".to_owned()));
    others(xml, &column.other_attributes);
    xml.push_str(close);
}

fn attribute(xml: &mut String, name: &str, value: &str) {
    xml.push(' ');
    xml.push_str(name);
    xml.push_str("=\"");
    escape(xml, value, true);
    xml.push('"');
}

fn optional(xml: &mut String, name: &str, value: Option<String>) {
    if let Some(value) = value {
        attribute(xml, name, &value);
    }
}

fn others(xml: &mut String, attributes: &[(String, String)]) {
    for (name, value) in attributes {
        attribute(xml, name, value);
    }
}

fn text_element(xml: &mut String, name: &str, text: &str) {
    xml.push_str(&format!("<{name}>"));
    escape(xml, text, false);
    xml.push_str(&format!("</{name}>"));
}

/// Escapes as .NET's writer does: white space that reading would change is written as a character reference.
fn escape(xml: &mut String, text: &str, in_attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' if in_attribute => xml.push_str("&quot;"),
            '\n' | '\t' if !in_attribute => xml.push(c),
            // NUL has no form in XML at all.
            '\0' => xml.push('\u{fffd}'),
            c if c < ' ' => xml.push_str(&format!("&#x{:X};", u32::from(c))),
            c => xml.push(c),
        }
    }
}
