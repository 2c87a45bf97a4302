//! One region's clients, each made when it is first asked for.

use std::sync::OnceLock;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use tokio::sync::OnceCell;

use super::eks::Issued;
use super::error::{Call, NO_CREDENTIALS};
use crate::provider::ProviderError;

/// A region of the account: what the verbs of AWS's kinds are called with.
pub struct Region {
    name: String,
    config: SdkConfig,
    account: OnceCell<String>,
    clients: Clients,
    eks_updates: Issued,
}

macro_rules! clients {
    ($($service:ident: $client:ty),* $(,)?) => {
        #[derive(Default)]
        struct Clients {
            $($service: OnceLock<$client>,)*
        }

        impl Region {
            $(pub(super) fn $service(&self) -> &$client {
                self.clients.$service.get_or_init(|| <$client>::new(&self.config))
            })*
        }
    };
}

clients! {
    acm: aws_sdk_acm::Client,
    cloudfront: aws_sdk_cloudfront::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    cloudwatchlogs: aws_sdk_cloudwatchlogs::Client,
    ec2: aws_sdk_ec2::Client,
    ecr: aws_sdk_ecr::Client,
    eks: aws_sdk_eks::Client,
    elasticache: aws_sdk_elasticache::Client,
    elbv2: aws_sdk_elasticloadbalancingv2::Client,
    iam: aws_sdk_iam::Client,
    kms: aws_sdk_kms::Client,
    pricing: aws_sdk_pricing::Client,
    rds: aws_sdk_rds::Client,
    route53: aws_sdk_route53::Client,
    secretsmanager: aws_sdk_secretsmanager::Client,
    servicequotas: aws_sdk_servicequotas::Client,
    sts: aws_sdk_sts::Client,
}

impl Region {
    pub(super) fn new(name: &str, config: &SdkConfig) -> Self {
        let region = aws_config::Region::new(name.to_owned());
        Self {
            name: name.to_owned(),
            config: config.to_builder().region(region).build(),
            account: OnceCell::new(),
            clients: Clients::default(),
            eks_updates: Issued::default(),
        }
    }

    /// `us-east-1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An emulator wants the bucket in the path, as it has no name of its own for each.
    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        let path_style = self.config.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(path_style);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// RDS of another region, for what spans both.
    pub(super) fn rds_in(&self, region: &str) -> aws_sdk_rds::Client {
        let region = aws_config::Region::new(region.to_owned());
        aws_sdk_rds::Client::new(&self.config.to_builder().region(region).build())
    }

    /// What EKS was asked to change and has not finished yet.
    pub(super) fn eks_updates(&self) -> &Issued {
        &self.eks_updates
    }

    /// The account's number, twelve digits; asked for once.
    pub(super) async fn account(&self) -> Result<&str, ProviderError> {
        let ask = || async {
            let answer = self.sts().get_caller_identity().send().await;
            let identity = answer.called("sts:GetCallerIdentity")?;
            identity
                .account
                .ok_or_else(|| ProviderError::refused("sts:GetCallerIdentity named no account"))
        };
        self.account.get_or_try_init(ask).await.map(String::as_str)
    }

    /// When the present credentials end; `None`: never, or nobody knows.
    pub(super) async fn credentials_end(&self) -> Option<SystemTime> {
        let provider = self.config.credentials_provider()?;
        provider.provide_credentials().await.ok()?.expiry()
    }

    /// The present credentials, for what isn't called through the SDK.
    pub(super) async fn credentials(&self) -> Result<Credentials, ProviderError> {
        let missing = |why: String| {
            ProviderError::refused(format!("there are no usable credentials: {why}"))
                .with_hint(NO_CREDENTIALS)
        };
        let provider = self.config.credentials_provider();
        let provider = provider.ok_or_else(|| missing("no source of them is configured".into()))?;
        let credentials = provider.provide_credentials().await;
        credentials.map_err(|why| missing(why.to_string()))
    }

    /// The ARN of something of this account in this region.
    pub(super) async fn arn(&self, service: &str, resource: &str) -> Result<String, ProviderError> {
        let account = self.account().await?;
        Ok(format!("arn:aws:{service}:{}:{account}:{resource}", self.name))
    }
}
