//! The pooler in front of a shard: RDS Proxy.

use std::time::Duration;

use aws_sdk_rds::types::{
    AuthScheme, DbProxy as Found, DbProxyStatus, EngineFamily, IamAuthMode, UserAuthConfig,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A proxy that shares few connections of the database among many clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbProxy {
    /// Its name.
    pub name: String,
    /// ARN of the secret with the name and password that clients log in with.
    pub secret: Ref<String>,
    /// ARN of the role that may read the secret.
    pub role: Ref<String>,
    /// Ids of its subnets, in at least two zones.
    pub subnets: Set<Ref<String>>,
    /// Ids of its security groups.
    pub security_groups: Set<Ref<String>>,
    /// Refuses clients without TLS.
    pub require_tls: bool,
    /// Seconds until a silent client is cut off.
    pub idle_timeout: i32,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
    endpoint: String,
}

impl Named for DbProxy {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for DbProxy {
    const KIND: &'static str = "db_proxy";
    const REPLACE_ON: &'static [&'static str] = &["name", "subnets"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn", "endpoint"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    const DEADLINE: Duration = Duration::from_secs(30 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(proxy) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let arn = proxy.db_proxy_arn().unwrap_or_default().to_owned();
        let Some(tags) = super::tags_of(cloud, &arn).await? else {
            return Ok(None);
        };
        let known = |ids: &[String]| ids.iter().cloned().map(Ref::Known).collect();
        let secret = proxy.auth().first().and_then(|auth| auth.secret_arn());
        let found = Self {
            name: id.into(),
            secret: Ref::Known(secret.unwrap_or_default().to_owned()),
            role: Ref::Known(proxy.role_arn().unwrap_or_default().to_owned()),
            subnets: known(proxy.vpc_subnet_ids()),
            security_groups: known(proxy.vpc_security_group_ids()),
            require_tls: proxy.require_tls.unwrap_or_default(),
            idle_timeout: proxy.idle_client_timeout.unwrap_or_default(),
            tags,
        };
        let outputs = Outputs {
            name: id.into(),
            arn,
            endpoint: proxy.endpoint.unwrap_or_default(),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.rds().create_db_proxy();
        let request = request
            .db_proxy_name(&self.name)
            .engine_family(EngineFamily::Postgresql)
            .auth(self.auth())
            .set_role_arn(super::value(&self.role))
            .set_vpc_subnet_ids(super::values(&self.subnets))
            .set_vpc_security_group_ids(super::values(&self.security_groups))
            .require_tls(self.require_tls)
            .idle_client_timeout(self.idle_timeout)
            .set_tags(Some(super::sdk(&self.tags)));
        match request.send().await.or_taken("rds:CreateDBProxy")? {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(proxy) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        Ok(match proxy.status() {
            Some(DbProxyStatus::Available) => Readiness::Ready,
            Some(
                status @ (DbProxyStatus::IncompatibleNetwork | DbProxyStatus::InsufficientResourceLimits),
            ) => Readiness::Failed(format!("the proxy is `{}`", status.as_str())),
            status => Readiness::Pending(status.map_or("no status", DbProxyStatus::as_str).to_owned()),
        })
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touched(changes, &["tags"])
            && let Some(arn) = describe(cloud, id).await?.and_then(|proxy| proxy.db_proxy_arn)
        {
            super::retag(cloud, &arn, &self.tags).await?;
        }
        let changing = ["secret", "role", "security_groups", "require_tls", "idle_timeout"];
        if super::touched(changes, &changing) {
            let request = cloud.rds().modify_db_proxy().db_proxy_name(id);
            let request = request
                .auth(self.auth())
                .set_role_arn(super::value(&self.role))
                .set_security_groups(super::values(&self.security_groups))
                .require_tls(self.require_tls)
                .idle_client_timeout(self.idle_timeout);
            request.send().await.called("rds:ModifyDBProxy")?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(proxy) = describe(cloud, id).await? else {
            return Ok(());
        };
        if proxy.status() == Some(&DbProxyStatus::Deleting) {
            return Ok(());
        }
        let answer = cloud.rds().delete_db_proxy().db_proxy_name(id).send().await;
        answer.or_absent("rds:DeleteDBProxy").map(drop)
    }
}

impl DbProxy {
    fn auth(&self) -> UserAuthConfig {
        UserAuthConfig::builder()
            .auth_scheme(AuthScheme::Secrets)
            .set_secret_arn(super::value(&self.secret))
            .iam_auth(IamAuthMode::Disabled)
            .build()
    }
}

async fn describe(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let answer = cloud.rds().describe_db_proxies().db_proxy_name(id).send().await;
    let found = answer.or_absent("rds:DescribeDBProxies")?;
    Ok(found.and_then(|found| found.db_proxies.unwrap_or_default().pop()))
}
