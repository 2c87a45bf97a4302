//! A listener: a port of a load balancer, and what becomes of what comes in there.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, FixedResponseActionConfig, Listener as Found, ProtocolEnum,
    RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A port that takes connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// ARN of the load balancer.
    pub load_balancer: Ref<String>,
    /// One listener a port.
    pub port: i32,
    /// `HTTP`, `HTTPS`, `TCP` or `TLS`.
    pub protocol: String,
    /// ARN of the certificate; null where nothing is encrypted.
    #[serde(default)]
    pub certificate: Option<Ref<String>>,
    /// Which versions and ciphers of TLS are spoken; null where none is.
    #[serde(default)]
    pub ssl_policy: Option<String>,
    /// Of what no rule takes.
    pub default: ListenerAction,
    /// Its tags.
    pub tags: Tags,
}

/// What becomes of a request, or a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ListenerAction {
    /// It goes to a target.
    Forward {
        /// ARN of the target group.
        target_group: Ref<String>,
    },
    /// The client is told, for good, to come again by HTTPS.
    Redirect {
        /// On this port.
        port: u16,
    },
    /// The load balancer answers by itself.
    FixedResponse {
        /// HTTP's status code.
        status: u16,
        /// Plain text.
        body: String,
    },
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
}

impl Named for Listener {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for Listener {
    const KIND: &'static str = "listener";
    const REPLACE_ON: &'static [&'static str] = &["load_balancer"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.elbv2().describe_listeners().listener_arns(id).send().await;
        let found = answer.or_absent("elasticloadbalancing:DescribeListeners")?;
        let Some(found) = found.and_then(|found| found.listeners.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let Some(tags) = super::tags_of(cloud, id).await? else {
            return Ok(None);
        };
        Ok(Some((read(&found, tags), Outputs { arn: id.into() })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        match self.by_port(cloud).await? {
            Some(arn) => tags::find_named(self, cloud, &arn).await,
            None => Ok(None),
        }
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .elbv2()
            .create_listener()
            .load_balancer_arn(super::known(&self.load_balancer))
            .port(self.port)
            .protocol(ProtocolEnum::from(self.protocol.as_str()))
            .set_ssl_policy(self.ssl_policy.clone())
            .set_certificates(self.certificates())
            .default_actions(self.default.sdk())
            .set_tags(Some(super::sdk(&self.tags)));
        let answer = request.send().await;
        if let Some(made) = answer.or_taken("elasticloadbalancing:CreateListener")? {
            let made = made.listeners.unwrap_or_default().pop();
            return made.and_then(|made| made.listener_arn).ok_or_else(|| {
                ProviderError::unknown("elasticloadbalancing:CreateListener answered without an ARN")
            });
        }
        let arn = self.by_port(cloud).await?.ok_or_else(|| {
            ProviderError::transient(format!("port {} is taken, but can't be seen yet", self.port))
        })?;
        tags::claim(self, cloud, &arn).await
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touches(changes, "tags") {
            super::retag(cloud, id, &self.tags).await?;
        }
        if !super::touches_more_than(changes, &["tags"]) {
            return Ok(());
        }
        let request = cloud
            .elbv2()
            .modify_listener()
            .listener_arn(id)
            .port(self.port)
            .protocol(ProtocolEnum::from(self.protocol.as_str()))
            .set_ssl_policy(self.ssl_policy.clone())
            .set_certificates(self.certificates())
            .default_actions(self.default.sdk());
        let answer = request.send().await;
        answer.called("elasticloadbalancing:ModifyListener").map(drop)
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.elbv2().delete_listener().listener_arn(id).send().await;
        answer.or_absent("elasticloadbalancing:DeleteListener").map(drop)
    }
}

impl Listener {
    fn certificates(&self) -> Option<Vec<Certificate>> {
        let arn = super::known(self.certificate.as_ref()?);
        Some(vec![Certificate::builder().certificate_arn(arn).build()])
    }

    async fn by_port(&self, cloud: &Region) -> Result<Option<String>, ProviderError> {
        let load_balancer = super::known(&self.load_balancer);
        let request = cloud
            .elbv2()
            .describe_listeners()
            .load_balancer_arn(load_balancer)
            .page_size(400);
        let answer = request.send().await;
        let found = answer.or_absent("elasticloadbalancing:DescribeListeners")?;
        let listeners = found.and_then(|found| found.listeners).unwrap_or_default();
        let here = listeners
            .into_iter()
            .find(|listener| listener.port() == Some(self.port));
        Ok(here.and_then(|listener| listener.listener_arn))
    }
}

impl ListenerAction {
    fn sdk(&self) -> Action {
        match self {
            Self::Forward { target_group } => super::forward_to(target_group),
            Self::Redirect { port } => Action::builder()
                .r#type(ActionTypeEnum::Redirect)
                .redirect_config(
                    RedirectActionConfig::builder()
                        .protocol("HTTPS")
                        .port(port.to_string())
                        .status_code(RedirectActionStatusCodeEnum::Http301)
                        .build(),
                )
                .build(),
            Self::FixedResponse { status, body } => Action::builder()
                .r#type(ActionTypeEnum::FixedResponse)
                .fixed_response_config(
                    FixedResponseActionConfig::builder()
                        .status_code(status.to_string())
                        .content_type("text/plain")
                        .message_body(body)
                        .build(),
                )
                .build(),
        }
    }

    /// An action that a plan can't ask for reads as an answer without a status: different from all of them.
    fn read(action: Option<&Action>) -> Self {
        let forward = action.and_then(super::target_of);
        if let Some(target_group) = forward {
            return Self::Forward {
                target_group: Ref::Known(target_group.into()),
            };
        }
        let redirect = action.and_then(|action| action.redirect_config());
        if let Some(redirect) = redirect.filter(|redirect| redirect.protocol() == Some("HTTPS")) {
            let port = redirect.port().and_then(|port| port.parse().ok());
            return Self::Redirect {
                port: port.unwrap_or_default(),
            };
        }
        let fixed = action.and_then(|action| action.fixed_response_config());
        Self::FixedResponse {
            status: fixed
                .and_then(|fixed| fixed.status_code()?.parse().ok())
                .unwrap_or_default(),
            body: fixed
                .and_then(|fixed| fixed.message_body())
                .unwrap_or_default()
                .into(),
        }
    }
}

fn read(found: &Found, tags: Tags) -> Listener {
    let certificate = found.certificates().first();
    Listener {
        load_balancer: Ref::Known(found.load_balancer_arn().unwrap_or_default().into()),
        port: found.port().unwrap_or_default(),
        protocol: found
            .protocol()
            .map_or("", |protocol| protocol.as_str())
            .to_owned(),
        certificate: certificate
            .and_then(|certificate| certificate.certificate_arn())
            .map(|arn| Ref::Known(arn.to_owned())),
        ssl_policy: found
            .ssl_policy()
            .filter(|policy| !policy.is_empty())
            .map(str::to_owned),
        default: ListenerAction::read(found.default_actions().first()),
        tags,
    }
}
