//! SQL Server databases.

use std::path::Path;
use std::sync::Arc;

use sync_metadata::TableName;
use sync_provider::SyncProvider;
use sync_provider_mssql::{
    Deprovisioning, DirectConnections, Encryption, MssqlError, MssqlProvider, MssqlReader,
    Provisioning, Settings,
};
use sync_relational::{Provisioned, ReplicaReader, ScopeStatus};
use tokio::runtime::Handle;

use super::{Database, Model, Order, Removal, Script, Template, creation};
use crate::exit::Failure;
use crate::locator::{Encrypt, SqlServer};

/// A SQL Server database.
#[derive(Debug)]
pub(crate) struct SqlServerDatabase {
    name: String,
    settings: Settings,
    connections: DirectConnections,
    runtime: Handle,
}

impl SqlServerDatabase {
    /// Nothing is connected to yet.
    pub(crate) fn new(locator: SqlServer, runtime: Handle) -> Result<Self, Failure> {
        let name = locator.to_string();
        let password = locator.password()?;
        let mut settings = Settings::new(locator.host, locator.database, locator.user, password);
        settings.port = locator.port;
        settings.instance = locator.instance;
        settings.encryption = match locator.encrypt {
            None | Some(Encrypt::On) => Encryption::On,
            Some(Encrypt::Strict) => Encryption::Strict,
            Some(Encrypt::Off) => Encryption::Off,
        };
        settings.trust_server_certificate = locator.trust_server_certificate;
        Ok(SqlServerDatabase {
            name,
            connections: DirectConnections::new(settings.clone()),
            settings,
            runtime,
        })
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, MssqlError>>) -> Result<T, Failure> {
        Ok(self.runtime.block_on(work)?)
    }

    fn provisioning(&self, order: &Order) -> Provisioning {
        let tables = order.tables_for(|template| match template {
            Template::SqlServer(template) => Some(template.clone()),
            Template::Sqlite(_) => None,
        });
        let mut provisioning = Provisioning::new(&order.scope, tables);
        provisioning.object_prefix = order.object_prefix.clone();
        if order.object_schema.is_some() {
            provisioning.object_schema = order.object_schema.clone();
        }
        provisioning.options = creation::options(&order.creation);
        provisioning
    }
}

impl Database for SqlServerDatabase {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn file(&self) -> Option<&Path> {
        None
    }

    fn is_missing(&self) -> bool {
        false
    }

    /// Only the server knows.
    fn check_there(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn scopes(&self) -> Result<Vec<ScopeStatus>, Failure> {
        self.wait(sync_provider_mssql::status(&self.connections))
    }

    fn scope_names(&self) -> Result<Vec<String>, Failure> {
        self.wait(sync_provider_mssql::scope_names(&self.connections))
    }

    fn describe(&self, scope: Option<&str>) -> Result<Model, Failure> {
        let described = sync_provider_mssql::describe(&self.connections, scope);
        let (description, template) = self.wait(described)?;
        Ok(Model {
            description,
            template: Template::SqlServer(template),
        })
    }

    fn reader(&self, scope: &str) -> Result<Box<dyn ReplicaReader>, Failure> {
        let opening = MssqlReader::open(&self.connections, Some(scope));
        Ok(Box::new(self.runtime.block_on(opening)?))
    }

    fn provider(&self, scope: &str) -> Arc<dyn SyncProvider> {
        Arc::new(MssqlProvider::new(self.settings.clone(), Some(scope)))
    }

    fn planned(&self, order: &Order) -> Result<Provisioned, Failure> {
        let provisioning = self.provisioning(order);
        self.wait(provisioning.planned(&self.connections))
    }

    fn provision(&self, order: &Order) -> Result<Provisioned, Failure> {
        let provisioning = self.provisioning(order);
        self.wait(provisioning.apply(&self.connections))
    }

    fn provisioning_script(&self, order: &Order) -> Result<Script, Failure> {
        let provisioning = self.provisioning(order);
        Ok(script(self.wait(provisioning.script(&self.connections))?))
    }

    fn deprovision(&self, what: &Removal) -> Result<(), Failure> {
        let deprovisioning = deprovisioning(what);
        self.wait(deprovisioning.apply(&self.connections)).map(drop)
    }

    fn deprovisioning_script(&self, what: &Removal) -> Result<Script, Failure> {
        let deprovisioning = deprovisioning(what);
        Ok(script(self.wait(deprovisioning.script(&self.connections))?))
    }

    /// A database is never made here, only what is in it.
    fn take_back(&self) {}

    fn table_name(&self, table: &TableName) -> String {
        table.quoted()
    }
}

fn deprovisioning(what: &Removal) -> Deprovisioning {
    match what {
        Removal::Scope(scope) => Deprovisioning::Scope(scope.clone()),
        Removal::Store => Deprovisioning::Store,
    }
}

/// A batch each, as `sqlcmd` and its like read them.
fn script(statements: Vec<String>) -> Script {
    let batches = statements.iter().map(|batch| format!("{batch}\nGO\n"));
    Script {
        text: batches.collect(),
        statements,
    }
}
