//! The account: credentials and settings as the SDK finds them, and a set of clients for each region.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{GLOBAL, KINDS, NAME, Region};
use crate::provider::{Concern, Connection, KindFacts, Provider, ProviderError, Readiness, Typed, Wanted};
use crate::resource::{Address, Change, Observed};

/// Where services without a region are called.
const HOME: &str = "us-east-1";

impl Connection {
    /// Credentials, region and endpoint as the SDK's own chain finds them.
    pub async fn load(&self) -> SdkConfig {
        self.loader().load().await
    }

    /// The same, for who brings something of their own, such as credentials.
    pub fn loader(&self) -> ConfigLoader {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::adaptive().with_max_attempts(1))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    .operation_timeout(self.request_timeout.unwrap_or(Duration::from_secs(30)))
                    .build(),
            );
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        loader
    }
}

/// All kinds of AWS, each called in the region that its address names.
pub struct Aws {
    connection: Connection,
    config: OnceCell<SdkConfig>,
    regions: Mutex<BTreeMap<String, Arc<Typed<Region>>>>,
}

impl Aws {
    /// Calls nothing and reads nothing yet.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            config: OnceCell::new(),
            regions: Mutex::default(),
        }
    }

    /// With settings that are there already.
    pub fn with(config: SdkConfig) -> Self {
        Self {
            config: OnceCell::new_with(Some(config)),
            ..Self::new(Connection::default())
        }
    }

    /// The clients of a region; `global` has those of us-east-1.
    pub async fn region(&self, name: &str) -> Arc<Typed<Region>> {
        let name = if name == GLOBAL { HOME } else { name };
        let config = self.config.get_or_init(|| self.connection.load()).await;
        let mut regions = self.regions.lock().expect("nobody panics while holding it");
        let made = || {
            Arc::new(Typed {
                name: NAME,
                cloud: Region::new(name, config),
                kinds: KINDS,
            })
        };
        Arc::clone(regions.entry(name.to_owned()).or_insert_with(made))
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

impl Provider for Aws {
    fn name(&self) -> &'static str {
        NAME
    }

    fn facts(&self, kind: &str) -> Option<KindFacts> {
        KINDS
            .iter()
            .map(|known| known.facts())
            .find(|facts| facts.name == kind)
    }

    fn observe<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, Option<Observed>> {
        async move { self.region(address.region()).await.observe(address, id).await }.boxed()
    }

    fn find<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        token: &'a str,
    ) -> Answer<'a, Option<String>> {
        async move {
            let region = self.region(address.region()).await;
            region.find(address, properties, token).await
        }
        .boxed()
    }

    fn create<'a>(&'a self, address: &'a Address, properties: Value, token: &'a str) -> Answer<'a, String> {
        async move {
            let region = self.region(address.region()).await;
            region.create(address, properties, token).await
        }
        .boxed()
    }

    fn readiness<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
    ) -> Answer<'a, Readiness> {
        async move {
            let region = self.region(address.region()).await;
            region.readiness(address, properties, id).await
        }
        .boxed()
    }

    fn configure<'a>(&'a self, address: &'a Address, properties: Value, id: &'a str) -> Answer<'a, ()> {
        async move {
            let region = self.region(address.region()).await;
            region.configure(address, properties, id).await
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        properties: Value,
        id: &'a str,
        changes: &'a [Change],
    ) -> Answer<'a, ()> {
        async move {
            let region = self.region(address.region()).await;
            region.update(address, properties, id, changes).await
        }
        .boxed()
    }

    fn reboot<'a>(&'a self, address: &'a Address, properties: Value, id: &'a str) -> Answer<'a, ()> {
        async move {
            let region = self.region(address.region()).await;
            region.reboot(address, properties, id).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, ()> {
        async move { self.region(address.region()).await.delete(address, id).await }.boxed()
    }

    fn outlives<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, bool> {
        async move { self.region(address.region()).await.outlives(address, id).await }.boxed()
    }

    fn leftover<'a>(&'a self, address: &'a Address, id: &'a str) -> Answer<'a, Option<String>> {
        async move { self.region(address.region()).await.leftover(address, id).await }.boxed()
    }

    fn preflight<'a>(&'a self, wanted: &'a [Wanted<'a>]) -> BoxFuture<'a, Vec<Concern>> {
        super::preflight::check(self, wanted).boxed()
    }
}
