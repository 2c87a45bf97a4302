//! A write to the master as Sentinel names it, with a key that the service doesn't know and that goes by itself.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use redis::{RedisError, cmd};

use super::password;
use crate::drill::Trouble;
use crate::drill::stream::Probe;
use crate::endpoints::Redis;
use crate::leaders::sentinel;

/// How long a key stays, in ms.
const STAYS_MS: u64 = 10_000;

/// Writes one key.
pub(super) struct Write {
    sentinels: Vec<String>,
    master_name: String,
    password: Option<String>,
    key: String,
    limit: Duration,
}

impl Write {
    pub(super) fn new(redis: &Redis, account: u64, limit: Duration) -> Result<Self, Trouble> {
        Ok(Self {
            sentinels: redis.sentinels.clone(),
            master_name: redis.master_name.clone(),
            password: password(redis.password.as_deref())?,
            key: format!("vvbill-drill:{account}"),
            limit,
        })
    }

    async fn once(&self, endpoint: &str, number: u32) -> Result<(), RedisError> {
        let limit = self.limit / 2;
        let mut connection = sentinel::connect(endpoint, None, limit).await?;
        let master = sentinel::known_master(&mut connection, &self.master_name).await?;
        let mut connection = sentinel::connect(&master, self.password.as_deref(), limit).await?;
        cmd("SET")
            .arg(&self.key)
            .arg(number)
            .arg("PX")
            .arg(STAYS_MS)
            .query_async(&mut connection)
            .await
    }
}

impl Probe for Write {
    fn attempt(self: Arc<Self>, number: u32) -> BoxFuture<'static, Result<(), String>> {
        async move {
            let count = self.sentinels.len();
            let mut last = "there is no Sentinel".to_owned();
            // A Sentinel may be away, or not know yet.
            for turn in 0..count {
                let endpoint = &self.sentinels[(number as usize + turn) % count];
                match self.once(endpoint, number).await {
                    Ok(()) => return Ok(()),
                    Err(why) => last = why.to_string(),
                }
            }
            Err(last)
        }
        .boxed()
    }
}
