//! A health check: Route 53 asks from many places on earth, and records follow what it finds.

use aws_sdk_route53::types::{HealthCheck as Found, HealthCheckConfig, HealthCheckType, TagResourceType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A check of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The name that is asked, by whatever address it has.
    pub host: Ref<String>,
    /// Port that is asked.
    pub port: i32,
    /// `HTTP` or `HTTPS`; certificates aren't checked.
    pub protocol: String,
    /// Path that must answer with 2xx or 3xx.
    pub path: String,
    /// 10 or 30.
    pub interval_seconds: i32,
    /// Failures in a row that count.
    pub failure_threshold: i32,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for HealthCheck {
    const KIND: &'static str = "health_check";
    const REPLACE_ON: &'static [&'static str] = &["protocol", "interval_seconds"];
    /// Records hold on to theirs.
    const CREATE_FIRST: bool = true;
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud
            .route53()
            .get_health_check()
            .health_check_id(id)
            .send()
            .await;
        let found = answer.or_absent("route53:GetHealthCheck")?;
        let Some(config) = found
            .and_then(|found| found.health_check)
            .and_then(|check| check.health_check_config)
        else {
            return Ok(None);
        };
        let Some(tags) = super::tags_of(cloud, TagResourceType::Healthcheck, id).await? else {
            return Ok(None);
        };
        let found = Self {
            host: Ref::Known(config.fully_qualified_domain_name().unwrap_or_default().into()),
            port: config.port().unwrap_or_default(),
            protocol: config.r#type().as_str().to_owned(),
            path: config.resource_path().unwrap_or_default().into(),
            interval_seconds: config.request_interval().unwrap_or(30),
            failure_threshold: config.failure_threshold().unwrap_or(3),
            tags,
        };
        Ok(Some((found, Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let mut marker = None;
        loop {
            let request = cloud.route53().list_health_checks().set_marker(marker);
            let page = request.send().await.called("route53:ListHealthChecks")?;
            let ours = |check: &&Found| check.caller_reference() == token;
            if let Some(check) = page.health_checks().iter().find(ours) {
                return Ok(Some(check.id().to_owned()));
            }
            marker = page.next_marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(None);
            }
        }
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let config = HealthCheckConfig::builder()
            .r#type(HealthCheckType::from(self.protocol.as_str()))
            .fully_qualified_domain_name(self.host())
            .port(self.port)
            .resource_path(&self.path)
            .request_interval(self.interval_seconds)
            .failure_threshold(self.failure_threshold)
            .enable_sni(self.protocol == "HTTPS");
        let request = cloud
            .route53()
            .create_health_check()
            .caller_reference(token)
            .health_check_config(config.build().map_err(super::incomplete)?);
        let answer = request.send().await;
        let Some(made) = answer.or_taken("route53:CreateHealthCheck")? else {
            return self.find(cloud, token).await?.ok_or_else(|| {
                ProviderError::transient("the health check exists already, but can't be seen yet")
            });
        };
        made.health_check
            .map(|check| check.id)
            .ok_or_else(|| ProviderError::unknown("route53:CreateHealthCheck answered without an id"))
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        super::retag(cloud, TagResourceType::Healthcheck, id, &self.tags).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let is_tag = |change: &&Change| change.path.starts_with("/tags");
        if changes.iter().any(|change| is_tag(&change)) {
            self.configure(cloud, id).await?;
        }
        if changes.iter().all(|change| is_tag(&change)) {
            return Ok(());
        }
        let request = cloud
            .route53()
            .update_health_check()
            .health_check_id(id)
            .fully_qualified_domain_name(self.host())
            .port(self.port)
            .resource_path(&self.path)
            .failure_threshold(self.failure_threshold);
        request.send().await.called("route53:UpdateHealthCheck").map(drop)
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud
            .route53()
            .delete_health_check()
            .health_check_id(id)
            .send()
            .await;
        answer.or_absent("route53:DeleteHealthCheck").map(drop)
    }
}

impl HealthCheck {
    fn host(&self) -> &str {
        self.host.known().map_or("", String::as_str)
    }
}
