//! Databases of Sync Framework that somebody edited by hand: procedures, configuration, knowledge. Nothing is cut, confused or half-applied; what
//! cannot be worked with is refused by name.

use sync_provider_mssql::Execution;

use crate::msf::{self, Options};
use crate::msf_sessions::{
    Making, Replica, TABLES, assert_equal, assert_refused, pair, synchronise,
};

const EXECUTIONS: [Execution; 2] = [Execution::Slices, Execution::Procedures];

/// Parts of a procedure, and what is there instead.
type Parts<'a> = &'a [(&'a str, &'a str)];

/// A procedure as Sync Framework makes it, with parts replaced.
fn edited(procedure: &str, parts: Parts<'_>) -> [String; 2] {
    let batches = msf::provision("shop", TABLES, Options::default());
    let start = format!("CREATE PROCEDURE [{procedure}] ");
    let found = batches.into_iter().find(|batch| batch.starts_with(&start));
    let mut body = found.unwrap();
    for (part, instead) in parts {
        assert!(body.contains(part), "{part} is not in {body}");
        body = body.replace(part, instead);
    }
    [format!("DROP PROCEDURE [{procedure}]"), body]
}

async fn edit(replica: &Replica, procedure: &str, parts: Parts<'_>) {
    let batches = edited(procedure, parts);
    replica
        .db
        .execute(&[batches[0].as_str(), batches[1].as_str()])
        .await;
}

/// Replaces a part of the configuration.
async fn configure(replica: &Replica, part: &str, instead: &str) {
    let text = "CONVERT(nvarchar(max), config_data)";
    let found = format!("SELECT CHARINDEX(N'{part}', {text}) FROM scope_config");
    assert_ne!(replica.db.rows(&found).await, ["0"], "{part}");
    let edit = format!(
        "UPDATE scope_config SET config_data = CONVERT(xml, REPLACE({text}, N'{part}', N'{instead}'))"
    );
    replica.db.execute(&[&edit]).await;
}

/// Columns are found by their names, whatever order each procedure has and whatever else it returns.
#[tokio::test]
async fn each_select_returns_its_columns_in_an_order_of_its_own() {
    let test = "each_select_returns_its_columns_in_an_order_of_its_own";
    // Taken for each other, key and name would pass.
    let rows = "INSERT INTO Kind VALUES (1, N'7'), (2, N'8')";
    let Some(a) = Replica::new(test, Making::Msf(Execution::Procedures), &[rows]).await else {
        return;
    };
    let Some(b) = Replica::new(test, Making::Ours(Execution::Slices), &[]).await else {
        return;
    };
    let own = "SELECT side.[Id], base.[Name]";
    let more = "CONVERT(nvarchar(max), N'more') AS [More]";
    edit(
        &a,
        "Kind_selectchanges",
        &[(own, &format!("SELECT {more}, side.[Id], base.[Name]"))],
    )
    .await;
    edit(
        &a,
        "Kind_selectrow",
        &[(own, &format!("SELECT base.[Name], {more}, side.[Id]"))],
    )
    .await;
    assert_eq!(synchronise(&a, &b).await.up, (2, 0));
    b.db.execute(&["UPDATE Kind SET Name = N'5' WHERE Id = 1"])
        .await;
    a.db.execute(&["UPDATE Kind SET Name = N'6' WHERE Id = 2"])
        .await;
    let done = synchronise(&a, &b).await;
    assert_eq!((done.up, done.down), ((1, 0), (1, 0)));
    assert_equal(&a, &b, "other orders").await;
}

#[tokio::test]
async fn a_procedure_that_cannot_be_called_is_named() {
    let test = "a_procedure_that_cannot_be_called_is_named";
    let Some((a, b)) = pair(test, Making::MsfSingle).await else {
        return;
    };
    synchronise(&a, &b).await;
    b.db.execute(&["UPDATE Kind SET Name = N'changed' WHERE Id = 1"])
        .await;
    let before = a.contents().await;
    let guard = "CONVERT(bigint, side.local_update_peer_timestamp) <= @sync_min_timestamp";
    let lacks = [(guard, "1 = 1"), (", @sync_min_timestamp bigint", "")];
    let demands = [("@P_1 int,", "@P_1 int, @region int,")];
    let selects = [(" AS sync_row_timestamp", " AS row_stamp")];
    let cases: [(&str, Parts<'_>, &[&str]); 4] = [
        ("Kind_update", &lacks, &["Kind_update", "Kind"]),
        ("Kind_update", &demands, &["Kind_update", "@region"]),
        (
            "Kind_selectchanges",
            &[(
                "@sync_update_peer_key int AS",
                "@sync_update_peer_key int, @region int AS",
            )],
            &["Kind_selectchanges", "@region"],
        ),
        (
            "Kind_selectrow",
            &selects,
            &["Kind_selectrow", "sync_row_timestamp"],
        ),
    ];
    for (procedure, parts, named) in cases {
        edit(&a, procedure, parts).await;
        for replica in [&a, &b] {
            replica.db.marks_pass(&["Kind"]).await;
        }
        assert_refused(&a, &b, &format!("{procedure} {parts:?}"), named).await;
        assert_eq!(before, a.contents().await, "{procedure}");
        edit(&a, procedure, &[]).await;
    }
    assert_eq!(synchronise(&a, &b).await.down, (1, 0));
    assert_equal(&a, &b, "mended").await;
}

/// The name of a parameter becomes part of a statement.
#[tokio::test]
async fn a_parameter_of_the_configuration_is_a_name_or_refused() {
    let test = "a_parameter_of_the_configuration_is_a_name_or_refused";
    let Some((a, b)) = pair(test, Making::Msf(Execution::Procedures)).await else {
        return;
    };
    let hostile = "@P_2; DROP TABLE Kind; --";
    configure(&a, "\"@P_2\"", &format!("\"{hostile}\"")).await;
    assert_refused(&a, &b, hostile, &["DROP TABLE", "parameter"]).await;
    assert_eq!(a.db.rows("SELECT COUNT(*) FROM Kind").await, ["2"]);
}

/// The table's columns were made wider, and the configuration was not.
#[tokio::test]
async fn nothing_is_cut_to_what_the_configuration_says() {
    let test = "nothing_is_cut_to_what_the_configuration_says";
    for execution in EXECUTIONS {
        let Some((a, b)) = pair(test, Making::Msf(execution)).await else {
            return;
        };
        configure(
            &a,
            "type=\"varchar\" size=\"9\"",
            "type=\"varchar\" size=\"4\"",
        )
        .await;
        configure(&a, "prec=\"38\" scale=\"10\"", "prec=\"9\" scale=\"2\"").await;
        configure(
            &a,
            "type=\"datetime2\" scale=\"6\"",
            "type=\"datetime2\" scale=\"2\"",
        )
        .await;
        configure(
            &a,
            "type=\"nvarchar\" size=\"20\"",
            "type=\"nvarchar\" size=\"3\"",
        )
        .await;
        a.db.execute(&["INSERT INTO Item (Id, Code, Amount, Seen) VALUES ('6f9619ff-8b86-d011-b42d-00c04fc964ff', 'ninechars', \
             1234567890123456789012345678.0123456789, '2024-02-29T12:00:00.123456')"])
            .await;
        assert_eq!(synchronise(&a, &b).await.up, (3, 0), "{execution:?}");
        assert_equal(&a, &b, &format!("{execution:?}")).await;
    }
}

#[tokio::test]
async fn rows_outside_a_filter_stay_where_they_are() {
    let test = "rows_outside_a_filter_stay_where_they_are";
    let Some((mut a, b)) = pair(test, Making::Msf(Execution::Procedures)).await else {
        return;
    };
    let end = "param=\"@P_2\"/></Adapter><Adapter Name=\"[Item]\"";
    let filter = "<FilterClause>[side].[Id] &lt; 2</FilterClause>";
    configure(&a, end, &end.replacen("/>", &format!("/>{filter}"), 1)).await;
    let changed = "CONVERT(bigint, side.local_update_peer_timestamp) > @sync_min_timestamp";
    edit(
        &a,
        "Kind_selectchanges",
        &[(changed, &format!("{changed} AND side.[Id] < 2"))],
    )
    .await;
    assert_eq!(synchronise(&a, &b).await.up, (1, 0));
    assert_eq!(b.db.rows("SELECT Id FROM Kind").await, ["1"]);

    a.execution = Execution::Slices;
    assert_refused(&a, &b, "slices", &["Kind", "filter", "procedures"]).await;
    a.execution = Execution::Procedures;
    configure(
        &a,
        filter,
        "<FilterParam name=\"@id\" /><FilterClause>[side].[Id] &lt; @id</FilterClause>",
    )
    .await;
    assert_refused(&a, &b, "parameters", &["Kind", "filter has parameters"]).await;
    assert_eq!(b.db.rows("SELECT Id FROM Kind").await, ["1"]);
}

#[tokio::test]
async fn knowledge_that_is_none_is_refused() {
    let test = "knowledge_that_is_none_is_refused";
    let Some((mut a, b)) = pair(test, Making::Msf(Execution::Slices)).await else {
        return;
    };
    b.db.execute(&["INSERT INTO Kind VALUES (3, N'three')"])
        .await;
    let before = (a.contents().await, b.contents().await);
    for column in ["scope_sync_knowledge", "scope_tombstone_cleanup_knowledge"] {
        for damage in [
            "0x",
            "0x00000005",
            "0x0000000900000000AABB",
            "0xFFFFFFFFFFFFFFFFFFFFFFFF",
        ] {
            a.db.execute(&[&format!("UPDATE scope_info SET {column} = {damage}")])
                .await;
            for execution in EXECUTIONS {
                a.execution = execution;
                let case = format!("{column} {damage} {execution:?}");
                if column == "scope_sync_knowledge" || damage != "0x" {
                    assert_refused(&a, &b, &case, &["knowledge"]).await;
                    assert_eq!(before, (a.contents().await, b.contents().await), "{case}");
                }
            }
        }
        a.db.execute(&[&format!("UPDATE scope_info SET {column} = NULL")])
            .await;
    }
    synchronise(&a, &b).await;
    assert_equal(&a, &b, "mended").await;
}
