//! What is refused when commands are put together.

use super::*;

fn refused(builder: DbSyncAdapterBuilder) -> String {
    builder.build().expect_err("it lacks something").to_string()
}

fn check(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn each_parameter_and_output_is_missed_by_name() {
    let all = &CommandRole::ALL;
    for role in *all {
        // What is not needed is not missed: a guard on what is read anyway, for example.
        for name in commands(role).1 {
            let message = refused(adapter_of(all, Some((role, &name))));
            let what = match name.as_str() {
                "@sync_row_count" => "output",
                _ => "parameter",
            };
            check(&message, &["[T]", role.name(), what, &name]);
        }
    }
}

#[test]
fn a_half_is_whole_or_not_there() {
    use CommandRole as R;
    assert!(adapter_of(&R::SOURCE, None).build().is_ok());
    assert!(adapter_of(&R::DESTINATION, None).build().is_ok());
    assert!(
        adapter_of(&[R::SelectIncrementalChanges, R::SelectRow], None)
            .build()
            .is_ok()
    );
    for missing in R::DESTINATION {
        let roles: Vec<R> = R::DESTINATION
            .into_iter()
            .filter(|role| *role != missing)
            .collect();
        check(
            &refused(adapter_of(&roles, None)),
            &["[T]", missing.name(), "there is none", "destination"],
        );
    }
    check(
        &refused(adapter_of(&[], None)),
        &["[T]", "SelectIncrementalChangesCommand", "there is none"],
    );
    let cleaning = [R::SelectIncrementalChanges, R::SelectMetadataForCleanup];
    check(&refused(adapter_of(&cleaning, None)), &["there is none"]);
}

#[test]
fn a_half_is_missed_when_it_is_needed() {
    let source = || {
        store_of(
            Fake::default(),
            adapter_of(&CommandRole::SOURCE, None),
            ChangeTrackingModel::Decoupled,
        )
    };
    let error = now(source().begin_apply(Patience::Full))
        .unwrap_err()
        .to_string();
    check(&error, &["table [T]", "source alone", "destination"]);
    assert!(now(source().begin_enumeration(&[0])).is_ok());
    let mut destination = store_of(
        Fake::default(),
        adapter_of(&CommandRole::DESTINATION, None),
        ChangeTrackingModel::Decoupled,
    );
    let error = now(destination.begin_enumeration(&[0]))
        .unwrap_err()
        .to_string();
    check(&error, &["table [T]", "destination alone"]);
    assert!(now(destination.begin_apply(Patience::Full)).is_ok());
}

#[test]
fn tables_that_are_none() {
    let source = || adapter_of(&CommandRole::SOURCE, None);
    let changes = || written("changes", ["@sync_min_timestamp"]);
    let bare = || DbSyncAdapter::builder("T").select_incremental_changes_command(changes());
    check(
        &refused(bare().column("Id", "int")),
        &["table T", "RowIdColumns"],
    );
    check(
        &refused(bare().column("Id", "int").row_id_columns(["Od"])),
        &["table T", "RowIdColumns", "Od"],
    );
    check(
        &refused(bare().column("Id", "integer-ish").row_id_columns(["Id"])),
        &["table T", "column Id"],
    );
    check(
        &refused(source().column("id", "int")),
        &["table T", "occurs twice"],
    );
    check(
        &refused(
            DbSyncAdapter::builder("a.b.c")
                .column("Id", "int")
                .row_id_columns(["Id"]),
        ),
        &["table a.b.c"],
    );
}

#[test]
fn parameters_that_nothing_is_known_for() {
    let check_one = |command: DbCommand, parts: &[&str]| {
        let message = refused(adapter().command(CommandRole::Insert, command));
        check(&message, &["InsertCommand of table [T]"]);
        check(&message, parts);
    };
    let insert = || written("insert", ["@Id", "@Name", "@sync_row_count"]);
    check_one(insert().input("@Nmae"), &["@Nmae"]);
    check_one(insert().input("@id"), &["@id", "twice"]);
    check_one(
        insert().output("@sync_row_timestamp"),
        &["@sync_row_timestamp", "output"],
    );
    let count = written("insert", ["@Id", "@Name"]).input("@sync_row_count");
    check_one(count, &["@sync_row_count", "make it an output"]);
    for hostile in [
        "@P 2",
        "@P_2; DROP TABLE T",
        "@P_2=1,@x",
        "@",
        "",
        "@a'b",
        "@a]",
        "@a\n",
    ] {
        let builder = DbSyncAdapter::builder("T")
            .column("Id", "int")
            .row_id_columns(["Id"])
            .parameters([hostile])
            .select_incremental_changes_command(
                written("changes", ["@sync_min_timestamp"]).input(hostile),
            );
        check(&refused(builder), &["[T]", "no parameter's name"]);
    }
    for name in ["@P_2", "P_2", "@größe", "@a#b$c@d"] {
        let builder = DbSyncAdapter::builder("T")
            .column("Id", "int")
            .row_id_columns(["Id"])
            .parameters([name])
            .select_incremental_changes_command(
                written("changes", ["@sync_min_timestamp"]).input(name),
            );
        assert!(builder.build().is_ok(), "{name}");
    }
}

#[test]
fn commands_of_the_scope() {
    let refused = |change: &dyn Fn(&mut WrittenScopeCommands), parts: &[&str]| {
        let mut written = scope_commands();
        change(&mut written);
        let message = ScopeCommands::new("s", &written).unwrap_err().to_string();
        check(&message, &["scope s"]);
        check(&message, parts);
    };
    refused(
        &|all| all.select_new_timestamp = None,
        &["SelectNewTimestampCommand", "there is none"],
    );
    refused(
        &|all| all.select_scope_info = None,
        &["SelectScopeInfoCommand", "there is none"],
    );
    refused(
        &|all| all.update_scope_info = None,
        &["UpdateScopeInfoCommand", "there is none"],
    );
    let update = [
        "sync_scope_knowledge",
        "sync_scope_cleanup_knowledge",
        "sync_scope_timestamp",
    ];
    for missing in update {
        let others = update.into_iter().filter(|name| *name != missing);
        let others: Vec<&str> = others.chain(["sync_row_count"]).collect();
        refused(
            &|all| all.update_scope_info = Some(written("store", others.iter().copied())),
            &["UpdateScopeInfoCommand", "parameter", missing],
        );
    }
    refused(
        &|all| all.update_scope_info = Some(written("store", update)),
        &["UpdateScopeInfoCommand", "output @sync_row_count"],
    );
    let info = [
        "sync_scope_id",
        "sync_scope_knowledge",
        "sync_scope_cleanup_knowledge",
        "sync_scope_timestamp",
    ];
    for missing in info {
        let others = info.into_iter().filter(|name| *name != missing);
        let command = DbCommand::statement("scope").outputs(others);
        refused(
            &|all| all.select_scope_info = Some(command.clone()),
            &["SelectScopeInfoCommand", "output", missing],
        );
    }
    refused(
        &|all| {
            let select = written("overlapping", ["@sync_scope_name"]);
            all.select_overlapping_scopes = Some(select);
        },
        &["UpdateScopeCleanupTimestampCommand", "there is none"],
    );
}

#[test]
fn a_number_that_the_scope_does_not_have() {
    let open = |command: DbCommand| {
        let adapter = adapter().command(CommandRole::SelectIncrementalChanges, command);
        let adapter = adapter.build().unwrap();
        let description = ScopeDescription::new("s", vec![adapter.table().clone()]).unwrap();
        let commands = ScopeCommands::new("s", &scope_commands()).unwrap();
        let tracking = ChangeTrackingModel::Decoupled;
        now(CommandStore::open(
            Fake::default(),
            description,
            commands,
            vec![adapter],
            tracking,
        ))
    };
    let changes = || written("changes", ["@sync_min_timestamp"]);
    let store = open(changes()).unwrap();
    assert_eq!(
        store.scope().replica,
        ReplicaId::from_uuid(Uuid::from_u128(1))
    );
    let error = open(changes().input("@sync_scope_local_id"))
        .unwrap_err()
        .to_string();
    check(
        &error,
        &[
            "SelectIncrementalChangesCommand of table [T]",
            "@sync_scope_local_id",
        ],
    );
}
