//! AWS as a target: one file a resource kind, one folder a service.
//!
//! The only place (with the state store on S3) that names the SDK's crates. Verbs call AWS once and
//! answer; the engine repeats, waits and records. The SDK's own retries are off, because a call that may
//! have made something must be looked for before it is made again; its rate limiter, one for each service
//! and region, is on.

mod account;
mod acm;
mod cloudfront;
mod cloudwatch;
mod ec2;
pub mod ecr;
pub mod eks;
mod elasticache;
mod elbv2;
mod error;
mod failover;
mod iam;
mod kms;
mod logs;
pub mod permissions;
mod policy_document;
mod preflight;
pub mod pricing;
pub mod quotas;
mod rds;
mod region;
mod route53;
mod s3;
mod secretsmanager;
mod tags;

pub use account::Aws;
pub use acm::{Certificate, CertificateValidation};
pub use cloudfront::{Behaviour, Distribution, Origin};
pub use cloudwatch::{Dimension, MetricAlarm};
pub use ec2::{
    ClusterNetworkLeftovers, ClusterVolumes, Direction, ElasticIp, EndpointKind, FlowLog, InternetGateway,
    LaunchTemplate, NatGateway, Ports, RootVolume, RouteTable, RouteTarget, SecurityGroup, SecurityGroupRule,
    Source, Subnet, Vpc, VpcEndpoint, offerings,
};
pub use ecr::EcrRepository;
pub use elasticache::{CacheParameterGroup, CacheReplicationGroup, CacheSubnetGroup, cache_engine_versions};
pub use elbv2::{
    Listener, ListenerAction, ListenerRule, LoadBalancer, LoadBalancerKind, TargetGroup, TargetHealthCheck,
    TargetStickiness,
};
pub use failover::Members;
pub use iam::{IamPolicy, IamRole, InlinePolicy};
pub use kms::{KmsAlias, KmsKey};
pub use logs::LogGroup;
pub use policy_document::PolicyDocument;
pub use rds::{
    DbCluster, DbClusterParameterGroup, DbInstance, DbMasterSecret, DbProxy, DbProxyTarget, DbSubnetGroup,
    EngineVersion, GlobalCluster, ParameterProblem, Replica, engine_versions, orderable, parameter_problems,
};
pub use region::Region;
pub use route53::{DnsAlias, DnsRecord, HealthCheck, HostedZone};
pub use s3::S3Bucket;
#[cfg(feature = "kubernetes")]
pub(super) use secretsmanager::read as read_secret;
pub use secretsmanager::{Secret, SecretValue};
pub use tags::{ADDRESS_TAG, PLAN_TAG, Tags};

use super::Kind;

/// The first part of the addresses of what this provider makes.
pub const NAME: &str = "aws";

/// The region part of addresses of what belongs to no region: IAM, Route 53, CloudFront.
pub const GLOBAL: &str = "global";

/// Every kind, one line each, by service.
pub const KINDS: &[Kind<Region>] = &[
    // acm
    Kind::of::<Certificate>(),
    Kind::of::<CertificateValidation>(),
    // cloudfront
    Kind::of::<Distribution>(),
    // cloudwatch
    Kind::of::<MetricAlarm>(),
    // ec2
    Kind::of::<ClusterNetworkLeftovers>(),
    Kind::of::<ClusterVolumes>(),
    Kind::of::<ElasticIp>(),
    Kind::of::<FlowLog>(),
    Kind::of::<InternetGateway>(),
    Kind::of::<LaunchTemplate>(),
    Kind::of::<NatGateway>(),
    Kind::of::<RouteTable>(),
    Kind::of::<SecurityGroup>(),
    Kind::of::<SecurityGroupRule>(),
    Kind::of::<Subnet>(),
    Kind::of::<Vpc>(),
    Kind::of::<VpcEndpoint>(),
    // ecr
    Kind::of::<EcrRepository>(),
    // eks
    Kind::of::<eks::AccessEntry>(),
    Kind::of::<eks::Addon>(),
    Kind::of::<eks::Cluster>(),
    Kind::of::<eks::NodeGroup>(),
    Kind::of::<eks::PodIdentityAssociation>(),
    // elasticache
    Kind::of::<CacheParameterGroup>(),
    Kind::of::<CacheReplicationGroup>(),
    Kind::of::<CacheSubnetGroup>(),
    // elbv2
    Kind::of::<Listener>(),
    Kind::of::<ListenerRule>(),
    Kind::of::<LoadBalancer>(),
    Kind::of::<TargetGroup>(),
    // iam
    Kind::of::<IamPolicy>(),
    Kind::of::<IamRole>(),
    // kms
    Kind::of::<KmsAlias>(),
    Kind::of::<KmsKey>(),
    // logs
    Kind::of::<LogGroup>(),
    // rds
    Kind::of::<DbCluster>(),
    Kind::of::<DbClusterParameterGroup>(),
    Kind::of::<DbInstance>(),
    Kind::of::<DbMasterSecret>(),
    Kind::of::<DbProxy>(),
    Kind::of::<DbProxyTarget>(),
    Kind::of::<DbSubnetGroup>(),
    Kind::of::<GlobalCluster>(),
    // route53
    Kind::of::<DnsRecord>(),
    Kind::of::<HealthCheck>(),
    Kind::of::<HostedZone>(),
    // s3
    Kind::of::<S3Bucket>(),
    // secretsmanager
    Kind::of::<Secret>(),
];
