//! Finding the master and connecting to it, in either mode.
//!
//! - `sentinel`: the Sentinels say who the master is. A write that the old master acknowledged may
//!   be lost in a failover; the new `run_id` ends the generation, so it is never missed.
//! - `primary-endpoint`: one address that always leads to the master (ElastiCache). It has the same
//!   guarantee, as long as each connection asks for the server's role and `run_id`, which it does.

use super::RedisError;
use crate::config;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    aio::MultiplexedConnection,
};
use std::time::Duration;

/// Knows where Redis is.
#[derive(Debug, Clone)]
pub struct Connector {
    settings: config::Redis,
}

/// A connection to the master, and the `run_id` of that server process.
#[derive(Clone)]
pub struct Connected {
    pub connection: MultiplexedConnection,
    pub run_id: String,
}

impl Connector {
    pub fn new(settings: &config::Redis) -> Self {
        Self {
            settings: settings.clone(),
        }
    }

    pub fn timeout(&self) -> Duration {
        self.settings.timeout()
    }

    /// Connects to the master; refuses a server that is none.
    pub async fn connect(&self) -> Result<Connected, RedisError> {
        let address = match self.settings.redis_mode {
            config::RedisMode::PrimaryEndpoint => self.settings.redis_addresses[0].clone(),
            config::RedisMode::Sentinel => self.ask_sentinels().await?,
        };
        let password = match &self.settings.redis_password {
            Some(secret) => Some(secret.reveal()?),
            None => None,
        };
        let mut connection = self.open(&address, password.as_deref()).await?;
        let role: redis::Value = redis::cmd("ROLE").query_async(&mut connection).await?;
        let role = match role {
            redis::Value::Array(mut items) if !items.is_empty() => {
                redis::from_redis_value::<String>(items.remove(0)).map_err(redis::RedisError::from)?
            }
            _ => "server without a role".to_owned(),
        };
        if role != "master" {
            return Err(RedisError::NotMaster { address, role });
        }
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        let run_id = run_id
            .ok_or(RedisError::Lost("INFO has no run_id"))?
            .trim()
            .to_owned();
        Ok(Connected { connection, run_id })
    }

    async fn ask_sentinels(&self) -> Result<String, RedisError> {
        let mut last = RedisError::Away;
        for sentinel in &self.settings.redis_addresses {
            match self.ask_sentinel(sentinel).await {
                Ok(Some((host, port))) => return Ok(format!("{host}:{port}")),
                Ok(None) => last = RedisError::Lost("the Sentinels know no such master"),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask_sentinel(&self, address: &str) -> Result<Option<(String, u16)>, RedisError> {
        let mut connection = self.open(address, None).await?;
        let mut command = redis::cmd("SENTINEL");
        command
            .arg("get-master-addr-by-name")
            .arg(&self.settings.redis_master_name);
        Ok(command.query_async(&mut connection).await?)
    }

    async fn open(&self, address: &str, password: Option<&str>) -> Result<MultiplexedConnection, RedisError> {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "6379"));
        let port = port.parse().unwrap_or(6379);
        let mut login = RedisConnectionInfo::default();
        if let Some(password) = password {
            login = login.set_password(password);
        }
        let info: ConnectionInfo = ConnectionAddr::Tcp(host.to_owned(), port)
            .into_connection_info()?
            .set_redis_settings(login);
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout()))
            .set_response_timeout(Some(self.timeout()));
        Ok(Client::open(info)?
            .get_multiplexed_async_connection_with_config(&limits)
            .await?)
    }
}
