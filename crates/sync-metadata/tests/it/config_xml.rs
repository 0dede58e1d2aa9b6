//! Configuration documents: real ones, made ones, hostile ones.

use proptest::prelude::*;
use sync_metadata::{
    ColumnDescription, ConfigForm, ConfigProvider, Identity, KeyEquality, MetadataError, Naming,
    ScopeConfig, ScopeDescription, SqlKind, SqlType, TableDescription, TableName, XmlFragment,
};

use crate::samples::{any_type, sql_type};

const NAMESPACES: &str = r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema""#;

/// The document of a SQL Server database that Sync Framework 2.1 provisioned.
fn sql_server_document() -> String {
    let adapter = |table: &str, columns: &str| {
        format!(
            r#"<Adapter Name="[{table}]" GlobalName="[{table}]" TrackingTable="[{table}_tracking]" SelChngProc="[{table}_selectchanges]" SelRowProc="[{table}_selectrow]" InsProc="[{table}_insert]" UpdProc="[{table}_update]" DelProc="[{table}_delete]" InsMetaProc="[{table}_insertmetadata]" UpdMetaProc="[{table}_updatemetadata]" DelMetaProc="[{table}_deletemetadata]" BulkTableType="[{table}_BulkType]" BulkInsProc="[{table}_bulkinsert]" BulkUpdProc="[{table}_bulkupdate]" BulkDelProc="[{table}_bulkdelete]" InsTrig="[{table}_insert_trigger]" UpdTrig="[{table}_update_trigger]" DelTrig="[{table}_delete_trigger]">{columns}</Adapter>"#
        )
    };
    let customer = adapter(
        "CUSTOMER",
        concat!(
            r#"<Col name="CUSTOMER_ID" type="int" param="@P_1" pk="true"/>"#,
            r#"<Col name="FIRST_NAME" type="varchar" size="50" null="true" param="@P_2"/>"#,
            r#"<Col name="LAST_NAME" type="varchar" size="50" null="true" param="@P_3"/>"#,
            r#"<Col name="DATE_OF_BIRTH" type="date" null="true" param="@P_4"/>"#,
        ),
    );
    let product = adapter(
        "PRODUCT",
        concat!(
            r#"<Col name="PRODUCT_ID" type="int" param="@P_1" pk="true"/>"#,
            r#"<Col name="PRODUCT_NAME" type="varchar" size="50" null="true" param="@P_2"/>"#,
            r#"<Col name="PRODUCT_PRICE" type="float" null="true" param="@P_3"/>"#,
        ),
    );
    format!(
        r#"<SqlSyncProviderScopeConfiguration {NAMESPACES} IsTemplate="false">{customer}{product}</SqlSyncProviderScopeConfiguration>"#
    )
}

/// The document of a SQL Server Compact database that Sync Framework 2.1 provisioned.
fn compact_document() -> String {
    format!(
        r#"<SqlCeSyncProviderScopeConfiguration {NAMESPACES}><Table Name="[Products]" GlobalName="[Products]" TrackingTable="[Products_tracking]"><Col name="ID" type="int" param="@P_1" pk="true" /><Col name="Name" type="nvarchar" size="50" param="@P_2" /><Col name="ListPrice" type="money" prec="19" scale="4" param="@P_3" /></Table></SqlCeSyncProviderScopeConfiguration>"#
    )
}

/// A document in which everything occurs, what is unknown included.
fn full_document() -> String {
    format!(
        concat!(
            r#"<SqlSyncProviderScopeConfiguration {} IsTemplate="true" Extra="1">"#,
            r#"<Adapter Name="[Sales].[Customer]" GlobalName="Kunde" TrackingTable="[s].[p_Customer_tracking]" SelRowProc="[x]" Later="a&amp;b">"#,
            r#"<Col name="Id" type="int" idSeed="0" idStep="1" param="@P_1" pk="true"/>"#,
            r#"<Col name="&lt;Type&gt;" type="decimal" size="max" prec="38" scale="10" null="true" default="(N'&quot;&#xA;')" idSeed="-5" param="@P_2" More="2"/>"#,
            r#"<FilterParam name="@t" xsi:type="x"><Value>1 &lt; 2</Value><!-- kept --></FilterParam>"#,
            r#"<FilterClause>[side].[Type] = @t AND 1 &lt; 2&#xD;</FilterClause>"#,
            r#"<FilterCol>&lt;Type&gt;</FilterCol><FilterCol></FilterCol>"#,
            r#"<Unknown a="1"/>"#,
            r#"</Adapter></SqlSyncProviderScopeConfiguration>"#
        ),
        NAMESPACES
    )
}

#[test]
fn documents_are_written_as_they_were_read() {
    for document in [sql_server_document(), compact_document(), full_document()] {
        assert_eq!(ScopeConfig::parse(&document).unwrap().to_xml(), document);
    }
}

#[test]
fn a_real_document_is_understood() {
    let config = ScopeConfig::parse(&sql_server_document()).unwrap();
    assert_eq!(
        config.provider,
        ConfigProvider::Sql {
            is_template: Some(false)
        }
    );
    let [customer, product] = config.adapters.as_slice() else {
        panic!("two tables")
    };
    assert_eq!(
        customer.tracking_table,
        TableName::parse("CUSTOMER_tracking").unwrap()
    );
    assert_eq!(
        customer.objects.bulk_type,
        TableName::parse("CUSTOMER_BulkType").ok()
    );
    assert_eq!(product.columns[2].sql_type, sql_type("float"));

    let scope = config.description("MySyncScope").unwrap();
    let columns = &scope.tables[0].columns;
    assert_eq!(
        columns[0],
        ColumnDescription::key("CUSTOMER_ID", sql_type("int"))
    );
    assert_eq!(
        columns[1],
        ColumnDescription::new("FIRST_NAME", sql_type("varchar(50)"))
    );
    let made = ScopeConfig::from_description(
        &scope,
        &Naming::default(),
        ConfigForm::SqlServer { bulk: true },
    );
    let made = made.unwrap();
    assert_eq!(made.to_xml(), sql_server_document());
}

#[test]
fn a_compact_document_is_understood() {
    let config = ScopeConfig::parse(&compact_document()).unwrap();
    let scope = config.description("ProductsScope").unwrap();
    assert_eq!(scope.tables[0].columns[2].sql_type, sql_type("money"));
    let made =
        ScopeConfig::from_description(&scope, &Naming::default(), ConfigForm::SqlCe).unwrap();
    assert_eq!(made.to_xml(), compact_document());
}

#[test]
fn everything_is_understood() {
    let config = ScopeConfig::parse(&full_document()).unwrap();
    let adapter = &config.adapters[0];
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(config.other_attributes, pair("Extra", "1"));
    assert_eq!(adapter.other_attributes, pair("Later", "a&b"));
    assert_eq!(adapter.name.quoted(), "[Sales].[Customer]");
    assert_eq!(adapter.global_name, "Kunde");
    assert_eq!(
        adapter.filter_clause.as_deref(),
        Some("[side].[Type] = @t AND 1 < 2\r")
    );
    assert_eq!(adapter.filter_columns, ["<Type>", ""]);
    assert!(
        adapter.filter_parameters[0]
            .as_str()
            .ends_with("<!-- kept --></FilterParam>")
    );
    assert_eq!(
        adapter.other_elements,
        [XmlFragment::parse(r#"<Unknown a="1"/>"#).unwrap()]
    );
    let column = &adapter.columns[1];
    assert_eq!(
        (column.name.as_str(), column.default.as_deref()),
        ("<Type>", Some("(N'\"\n')"))
    );
    assert_eq!(column.other_attributes, pair("More", "2"));
    assert_eq!(
        adapter.columns[0].description().identity,
        Some(Identity { seed: 0, step: 1 })
    );
    assert_eq!(
        column.description().identity,
        Some(Identity { seed: -5, step: 1 })
    );
}

#[test]
fn layout_comments_and_older_documents_are_accepted() {
    let document = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<!-- c -->\n{}\n<!-- end -->\n",
        r#"<SqlSyncProviderScopeConfiguration>
             <Adapter TrackingTable='T_tracking' GlobalName='T' Name='T'>
               <Col pk='1' name='A' type='INT'></Col> <!-- c -->
               <FilterClause>a<![CDATA[ < ]]>b<!-- c --></FilterClause>
             </Adapter>
           </SqlSyncProviderScopeConfiguration>"#
    );
    let config = ScopeConfig::parse(&document).unwrap();
    assert_eq!(config.provider, ConfigProvider::Sql { is_template: None });
    assert_eq!(config.adapters[0].filter_clause.as_deref(), Some("a < b"));
    assert_eq!(config.adapters[0].columns[0].sql_type.kind, SqlKind::Int);
    assert!(!config.to_xml().contains("IsTemplate"));
    let empty = ScopeConfig::parse("<SqlCeSyncProviderScopeConfiguration />").unwrap();
    assert_eq!(ScopeConfig::parse(&empty.to_xml()).unwrap(), empty);
}

fn check_refused(document: &str, part: &str) {
    match ScopeConfig::parse(document) {
        Err(MetadataError::ConfigXml { reason, position }) => {
            assert!(reason.contains(part), "{reason:?} does not say {part:?}");
            assert!(position <= document.len() as u64);
        }
        other => panic!("{} gave {other:?}", &document[..document.len().min(200)]),
    }
}

/// Puts columns and more into a table, and that into a document.
fn in_table(content: &str) -> String {
    in_document(&format!(
        r#"<Adapter Name="T" GlobalName="T" TrackingTable="U">{content}</Adapter>"#
    ))
}

fn in_document(content: &str) -> String {
    format!("<SqlSyncProviderScopeConfiguration>{content}</SqlSyncProviderScopeConfiguration>")
}

#[test]
fn documents_of_another_kind_are_refused() {
    check_refused("", "expected an element");
    check_refused("text", "expected an element");
    check_refused("<x/>", "expected SqlSyncProviderScopeConfiguration");
    check_refused(&in_document("<Table/>"), "expected the element Adapter");
    check_refused(&in_document("text"), "text stands");
    check_refused(&in_document("&amp;"), "text stands");
    check_refused(&in_document("<Adapter"), "");
    check_refused(&format!("{}<x/>", in_document("")), "something follows");
    // It has no form that writes it again.
    check_refused(&in_table("<FilterClause>a\0b</FilterClause>"), "NUL");
    check_refused(&in_table("<FilterClause>a&#0;b</FilterClause>"), "");
    check_refused(
        &in_table(r#"<Col name="a" type="int" default="&#x0;"/>"#),
        "",
    );
    check_refused("<SqlSyncProviderScopeConfiguration>", "ends inside");
    check_refused("<SqlSyncProviderScopeConfiguration></x>", "");
    check_refused(
        r#"<SqlSyncProviderScopeConfiguration IsTemplate="x"/>"#,
        "neither true nor false",
    );
    check_refused(r#"<SqlSyncProviderScopeConfiguration a="1" a="2"/>"#, "");
    check_refused(&in_document("<?xml version='1.0'?>"), "XML declaration");
}

#[test]
fn names_types_and_numbers_are_parsed() {
    check_refused(&in_document("<Adapter/>"), "no attribute Name");
    check_refused(
        &in_document(r#"<Adapter Name="T" TrackingTable="U"/>"#),
        "no attribute GlobalName",
    );
    check_refused(
        &in_document(r#"<Adapter Name="T" GlobalName="" TrackingTable="U"/>"#),
        "no attribute GlobalName",
    );
    check_refused(
        &in_document(r#"<Adapter Name="T" GlobalName="T"/>"#),
        "no attribute TrackingTable",
    );
    check_refused(
        &in_document(r#"<Adapter Name="[T];drop table x--" GlobalName="T" TrackingTable="U"/>"#),
        "not usable",
    );
    check_refused(
        &in_document(r#"<Adapter Name="T" GlobalName="T" TrackingTable="U" InsProc="a.b.c"/>"#),
        "not usable",
    );
    check_refused(&in_table("<Col type='int'/>"), "no attribute name");
    check_refused(&in_table("<Col name='a'/>"), "no attribute type");
    check_refused(&in_table("<Col name='' type='int'/>"), "empty");
    check_refused(
        &in_table("<Col name='a&#x1;' type='int'/>"),
        "control character",
    );
    check_refused(
        &in_table("<Col name='a' type='int); drop table x--'/>"),
        "is not a SQL type",
    );
    check_refused(
        &in_table("<Col name='a' type='nvarchar' size='-1'/>"),
        "size is not a number",
    );
    check_refused(
        &in_table("<Col name='a' type='decimal' prec='256'/>"),
        "prec is not a number",
    );
    check_refused(
        &in_table("<Col name='a' type='int' pk='yes'/>"),
        "neither true nor false",
    );
    check_refused(
        &in_table("<Col name='a' type='int'><x/></Col>"),
        "has children",
    );
    check_refused(&in_table("<FilterClause><x/></FilterClause>"), "text only");
    check_refused(&in_table("<FilterClause a='1'/>"), "has attributes");
}

#[test]
fn duplicates_are_refused() {
    check_refused(
        &in_table("<Col name='a' type='int'/><Col name='A' type='int'/>"),
        "\"A\" occurs twice",
    );
    let adapter = |name: &str, global: &str| {
        format!(r#"<Adapter Name="{name}" GlobalName="{global}" TrackingTable="U"/>"#)
    };
    check_refused(
        &in_document(&(adapter("T", "a") + &adapter("dbo.t", "b"))),
        "[dbo].[t] occurs twice",
    );
    check_refused(
        &in_document(&(adapter("T", "a") + &adapter("U", "A"))),
        "global name \"A\" occurs twice",
    );
    check_refused(&in_document(r#"<Adapter Name="T" Name="T"/>"#), "");
}

#[test]
fn hostile_documents_cost_nothing() {
    let bomb = r#"<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><SqlSyncProviderScopeConfiguration/>"#;
    check_refused(bomb, "document type is not allowed");
    check_refused(&in_table("<Col name='&y;' type='int'/>"), "");
    check_refused(
        &in_table("<FilterClause>&y;</FilterClause>"),
        "entity is not allowed",
    );
    check_refused(&in_table("<Later>&y;</Later>"), "entity is not allowed");
    check_refused(&in_table("<FilterClause>&#0;</FilterClause>"), "");
    check_refused(&in_table(&"<x>".repeat(1_000_000)), "nested deeper");
    let attributes: String = (0..100_000).map(|n| format!(" a{n}='1'")).collect();
    check_refused(
        &in_table(&format!("<x{attributes}/>")),
        "more than 64 attributes",
    );
    check_refused(&" ".repeat((32 << 20) + 1), "more than 33554432");
    check_refused(&in_table("<x a<b='1'/>"), "");
    for count in [1_000, 100_000] {
        check_refused(&in_document(&"<Adapter ".repeat(count)), "");
    }
}

/// Either the objects of a table have names that the document can hold, or it is not made.
#[test]
fn names_that_grow_too_long_are_refused() {
    let naming = Naming::default();
    let check = |form, longest_suffix: &str| {
        for length in 100..=128 {
            let name = TableName::new(None, &"é".repeat(length)).unwrap();
            let columns = vec![ColumnDescription::key("a", sql_type("int"))];
            let table = TableDescription::new(name, "T", columns).unwrap();
            let scope = ScopeDescription::new("s", vec![table]).unwrap();
            let made = ScopeConfig::from_description(&scope, &naming, form);
            assert_eq!(
                made.is_ok(),
                length + longest_suffix.len() <= 128,
                "{made:?}"
            );
            match made {
                Ok(made) => assert_eq!(ScopeConfig::parse(&made.to_xml()).unwrap(), made),
                Err(error) => assert!(error.to_string().contains("longer than 128 characters")),
            }
        }
    };
    check(ConfigForm::SqlServer { bulk: true }, "_insert_trigger");
    check(ConfigForm::Triggers, "_insert_trigger");
    check(ConfigForm::SqlCe, "_tracking");
}

#[test]
fn objects_follow_the_form() {
    let table = TableDescription::new(
        TableName::parse("Sales.T").unwrap(),
        "[Sales].[T]",
        vec![ColumnDescription {
            identity: Some(Identity { seed: 7, step: 2 }),
            ..ColumnDescription::key("a", sql_type("int"))
        }],
    );
    let scope = ScopeDescription::new("s", vec![table.unwrap()]).unwrap();
    let naming = Naming::new(Some("p"), None).unwrap();
    let check = |form, columns_and_objects: &str| {
        let made = ScopeConfig::from_description(&scope, &naming, form).unwrap();
        let xml = made.to_xml();
        assert!(xml.contains(columns_and_objects), "{xml}");
        assert_eq!(
            ScopeConfig::parse(&xml).unwrap().description("s").unwrap(),
            scope
        );
        xml
    };
    check(
        ConfigForm::Triggers,
        r#"TrackingTable="[Sales].[p_T_tracking]" InsTrig="[Sales].[p_T_insert_trigger]" UpdTrig="[Sales].[p_T_update_trigger]" DelTrig="[Sales].[p_T_delete_trigger]"><Col name="a" type="int" idSeed="7" idStep="2" param="@P_1" pk="true"/>"#,
    );
    let xml = check(
        ConfigForm::SqlServer { bulk: false },
        r#"DelMetaProc="[Sales].[p_T_deletemetadata]" InsTrig="#,
    );
    assert!(!xml.contains("Bulk"));
    check(
        ConfigForm::SqlCe,
        r#"TrackingTable="[Sales].[p_T_tracking]"><Col name="a""#,
    );
}

fn any_name() -> impl Strategy<Value = String> {
    "[a-z<>&\"'\\]. åÄ😀]{1,8}"
}

fn any_column() -> impl Strategy<Value = ColumnDescription> {
    let identity = prop::option::of(
        (any::<i64>(), any::<i64>()).prop_map(|(seed, step)| Identity { seed, step }),
    );
    (
        any_name(),
        any_type(),
        any::<bool>(),
        any::<bool>(),
        prop::option::of("[\\PC\r\n\t]{0,9}"),
        identity,
    )
        .prop_map(
            |(name, sql_type, nullable, primary_key, default, identity)| ColumnDescription {
                name,
                sql_type,
                nullable: nullable && !primary_key,
                primary_key,
                default,
                identity,
                key_equality: KeyEquality::default(),
            },
        )
}

fn any_scope() -> impl Strategy<Value = ScopeDescription> {
    let table = (
        prop::option::of(any_name()),
        any_name(),
        any_name(),
        prop::collection::vec(any_column(), 1..6),
    )
        .prop_filter_map("not a table", |(schema, name, global_name, columns)| {
            TableDescription::new(
                TableName::new(schema.as_deref(), &name).ok()?,
                global_name,
                columns,
            )
            .ok()
        });
    prop::collection::vec(table, 1..4).prop_filter_map("not a scope", |tables| {
        ScopeDescription::new("s", tables).ok()
    })
}

fn any_form() -> impl Strategy<Value = ConfigForm> {
    prop::sample::select(vec![
        ConfigForm::SqlServer { bulk: true },
        ConfigForm::SqlServer { bulk: false },
        ConfigForm::Triggers,
        ConfigForm::SqlCe,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn descriptions_survive_the_document(scope in any_scope(), form in any_form()) {
        let config = ScopeConfig::from_description(&scope, &Naming::default(), form).unwrap();
        let xml = config.to_xml();
        let read = ScopeConfig::parse(&xml).unwrap();
        prop_assert_eq!(&read, &config);
        prop_assert_eq!(read.description("s").unwrap(), scope);
        prop_assert_eq!(read.to_xml(), xml);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Damaged documents never panic, and what is still read is written so that it is read alike.
    #[test]
    fn damaged_documents_are_refused_or_read(
        which in 0..3_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, "[<>/&;#x0'\"=! a\\[\\]\\-?]|\\PC|&amp;|<!\\[CDATA\\[|\\]\\]>|<!--|-->"), 1..6),
    ) {
        let mut document = [sql_server_document(), compact_document(), full_document()][which].clone();
        for (at, removed, inserted) in edits {
            let chars: Vec<char> = document.chars().collect();
            let at = at.index(chars.len());
            let end = (at + removed).min(chars.len());
            document = chars[..at].iter().copied().chain(inserted.chars()).chain(chars[end..].iter().copied()).collect();
        }
        if let Ok(config) = ScopeConfig::parse(&document) {
            let written = config.to_xml();
            let read = ScopeConfig::parse(&written);
            prop_assert_eq!(read.as_ref(), Ok(&config), "{}", written);
        }
        let _ = XmlFragment::parse(&document);
    }
}

#[test]
fn types_in_documents_are_kept_as_stored() {
    let config = ScopeConfig::parse(&in_table(
        "<Col name='a' type='money' pk='true'/><Col name='b' type='geography'/>",
    ))
    .unwrap();
    let columns = &config.adapters[0].columns;
    assert_eq!(
        (
            columns[0].sql_type.precision,
            columns[1].sql_type.kind.name()
        ),
        (None, "geography")
    );
    assert_eq!(
        config.description("s").unwrap().tables[0].columns[0].sql_type,
        SqlType::new(SqlKind::Money)
    );
}
