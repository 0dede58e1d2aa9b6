//! One connection to a server: made, used for a call at a time, and closed for good when a call does not come to its end.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use socket2::{SockRef, TcpKeepalive};
use tiberius::{
    AuthMethod, Client, ColumnType, Config, EncryptionLevel, QueryItem, Row, SqlBrowser as _, ToSql,
};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use crate::error::MssqlError;
use crate::server_error::FATAL;
use crate::settings::{Encryption, Settings};

/// How long a connection is quiet before the peer is asked whether it is there, and how often.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The driver's connection.
pub type TdsClient = Client<Compat<TcpStream>>;

/// Makes connections. A caller with a pool, a proxy, or another way to log in puts its own in place of [`DirectConnections`].
#[async_trait]
pub trait ConnectionFactory: Send + Sync + fmt::Debug {
    /// Names the server and database in messages.
    fn server(&self) -> String;

    /// Makes a connection, logged in and in the right database, that nobody else uses. One that was used before has nothing open and its settings reset
    /// (`sp_reset_connection`, the flag `RESETCONNECTION`); its isolation level may be any.
    ///
    /// The driver's configuration needs `lossy_utf16_decoding(true)`: half a surrogate pair in one row would else end the connection, and with it
    /// the session, where it is one row that waits. [`DirectConnections`] asks for it.
    ///
    /// # Errors
    /// Why none could be made.
    async fn connect(&self) -> Result<TdsClient, MssqlError>;
}

/// Connects over TCP, once per session.
#[derive(Clone, Debug)]
pub struct DirectConnections {
    settings: Settings,
}

impl DirectConnections {
    /// Connections to this database.
    pub fn new(settings: Settings) -> Self {
        DirectConnections { settings }
    }

    fn config(&self) -> Config {
        let settings = &self.settings;
        let mut config = Config::new();
        config.host(&settings.host);
        if let Some(port) = settings.port {
            config.port(port);
        }
        if let Some(instance) = &settings.instance {
            config.instance_name(instance);
        }
        config.database(&settings.database);
        config.application_name("syncdb");
        config.authentication(AuthMethod::sql_server(
            &settings.user,
            settings.password.reveal(),
        ));
        config.encryption(match settings.encryption {
            Encryption::On => EncryptionLevel::Required,
            Encryption::Strict => EncryptionLevel::Strict,
            Encryption::Off => EncryptionLevel::NotSupported,
        });
        if settings.trust_server_certificate {
            config.trust_cert();
        }
        // A text that is no UTF-16 is one row's trouble. Strictly read, it would end the connection.
        config.lossy_utf16_decoding(true);
        // The whole of connecting has a limit of its own, below.
        config.handshake_timeout(None);
        config.command_timeout(Some(settings.command_timeout));
        config
    }

    async fn open(&self, config: Config) -> Result<TdsClient, tiberius::error::Error> {
        let tcp = if self.settings.instance.is_some() && self.settings.port.is_none() {
            TcpStream::connect_named(&config).await?
        } else {
            TcpStream::connect(config.get_addr()).await?
        };
        tcp.set_nodelay(true)?;
        // A peer that is gone without a word is found out long before a command's time is up.
        SockRef::from(&tcp).set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_time(KEEP_ALIVE)
                .with_interval(KEEP_ALIVE),
        )?;
        Client::connect(config, tcp.compat_write()).await
    }
}

#[async_trait]
impl ConnectionFactory for DirectConnections {
    fn server(&self) -> String {
        self.settings.to_string()
    }

    async fn connect(&self) -> Result<TdsClient, MssqlError> {
        let connecting = async {
            match self.open(self.config()).await {
                // Azure's gateway sends the client on to where the database is.
                Err(tiberius::error::Error::Routing { host, port }) => {
                    let mut config = self.config();
                    config.host(&host);
                    config.port(port);
                    self.open(config).await
                }
                other => other,
            }
        };
        let server = self.server();
        let limit = self.settings.connect_timeout;
        match tokio::time::timeout(limit, connecting).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(MssqlError::while_connecting(&server, &error)),
            Err(_) => Err(MssqlError::Unreachable {
                message: format!("no connection within {limit:?}"),
                server,
            }),
        }
    }
}

/// A connection in use.
///
/// A call that is dropped on its way, that fails below SQL, or that takes too long leaves no connection behind: what the server sends
/// next would be the rest of the old answer.
pub(crate) struct Connection {
    client: Option<TdsClient>,
    server: String,
    round_trips: u64,
}

impl Connection {
    pub(crate) async fn open(factory: &dyn ConnectionFactory) -> Result<Self, MssqlError> {
        Ok(Connection {
            client: Some(factory.connect().await?),
            server: factory.server(),
            round_trips: 0,
        })
    }

    /// The server and database, for messages.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Requests sent and answered since the connection was made.
    pub(crate) fn round_trips(&self) -> u64 {
        self.round_trips
    }

    /// Whether it can still be used. One that cannot holds nothing open.
    pub(crate) fn is_open(&self) -> bool {
        self.client.is_some()
    }

    /// Runs statements that need no parameters, and gives back their result sets.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<Vec<Vec<Row>>, MssqlError> {
        let sql = self.as_begun(sql);
        let mut client = self.take()?;
        let answer = match client.simple_query(sql).await {
            Ok(stream) => stream.into_results().await,
            Err(error) => Err(error),
        };
        self.put_back(client, answer)
    }

    /// Runs statements with parameters `@P1`, `@P2`, …, and gives back their result sets.
    pub(crate) async fn call(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToSql],
    ) -> Result<Vec<Vec<Row>>, MssqlError> {
        let mut client = self.take()?;
        let answer = match client.query(sql, parameters).await {
            Ok(stream) => stream.into_results().await,
            Err(error) => Err(error),
        };
        self.put_back(client, answer)
    }

    /// As [`call`](Self::call), handing over each row with the number of its result set as it arrives. An error of `take_row` ends the
    /// connection too.
    pub(crate) async fn call_each<E: From<MssqlError> + Send>(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToSql],
        mut take_row: impl FnMut(usize, Row) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let mut client = self.take()?;
        let mut refused = None;
        let answer = async {
            let mut stream = client.query(sql, parameters).await?;
            let mut set = 0;
            while let Some(item) = stream.try_next().await? {
                match item {
                    QueryItem::Metadata(metadata) => set = metadata.result_index(),
                    QueryItem::Row(row) => {
                        if let Err(error) = take_row(set, row) {
                            refused = Some(error);
                            return Ok(());
                        }
                    }
                }
            }
            Ok(())
        }
        .await;
        if let Some(error) = refused {
            return Err(error);
        }
        Ok(self.put_back(client, answer)?)
    }

    /// Runs statements that need no parameters, and gives back the columns of each result set, whether it has rows or not.
    pub(crate) async fn describe(
        &mut self,
        sql: &str,
    ) -> Result<Vec<Vec<(String, ColumnType)>>, MssqlError> {
        let sql = self.as_begun(sql);
        let mut client = self.take()?;
        let answer = async {
            let mut stream = client.simple_query(sql).await?;
            let mut sets = Vec::new();
            while let Some(item) = stream.try_next().await? {
                if let QueryItem::Metadata(metadata) = item {
                    let columns = metadata.columns().iter();
                    let columns =
                        columns.map(|column| (column.name().to_owned(), column.column_type()));
                    sets.push(columns.collect());
                }
            }
            Ok(sets)
        }
        .await;
        self.put_back(client, answer)
    }

    /// The first request says how transactions are isolated: a pool hands connections over as they were left, for the server's own reset does not
    /// reset that.
    fn as_begun<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        match self.round_trips {
            0 => Cow::Owned(format!(
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; {sql}"
            )),
            _ => Cow::Borrowed(sql),
        }
    }

    fn take(&mut self) -> Result<TdsClient, MssqlError> {
        self.round_trips += 1;
        self.client.take().ok_or_else(|| MssqlError::Lost {
            server: self.server.clone(),
            message: "the connection was closed after an error".into(),
        })
    }

    fn put_back<T>(
        &mut self,
        client: TdsClient,
        answer: tiberius::Result<T>,
    ) -> Result<T, MssqlError> {
        match answer {
            Ok(answer) => {
                self.client = Some(client);
                Ok(answer)
            }
            Err(error) => {
                if let tiberius::error::Error::Server(token) = &error
                    && token.class() < FATAL
                {
                    self.client = Some(client);
                }
                Err(MssqlError::at(&self.server, &error))
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server)
            .field("round_trips", &self.round_trips)
            .field("open", &self.client.is_some())
            .finish()
    }
}
