//! AWS as a target: one file a resource kind, one folder a service.
//!
//! The only place (with the state store on S3) that names the SDK's crates. Verbs call AWS once and
//! answer; the engine repeats, waits and records. The SDK's own retries are off, because a call that may
//! have made something must be looked for before it is made again; its rate limiter, one for each service
//! and region, is on.

mod account;
mod cloudwatch;
mod ec2;
mod ecr;
mod error;
mod iam;
mod kms;
mod logs;
pub mod permissions;
mod policy_document;
pub mod quotas;
mod region;
mod s3;
mod secretsmanager;
mod tags;

pub use account::Aws;
pub use cloudwatch::{Dimension, MetricAlarm};
pub use ec2::Vpc;
pub use ecr::EcrRepository;
pub use iam::{IamPolicy, IamRole, InlinePolicy};
pub use kms::{KmsAlias, KmsKey};
pub use logs::LogGroup;
pub use policy_document::PolicyDocument;
pub use region::Region;
pub use s3::S3Bucket;
pub use secretsmanager::{Secret, SecretValue};
pub use tags::{ADDRESS_TAG, PLAN_TAG, Tags};

use super::Kind;

/// The first part of the addresses of what this provider makes.
pub const NAME: &str = "aws";

/// The region part of addresses of what belongs to no region: IAM, Route 53, CloudFront.
pub const GLOBAL: &str = "global";

/// Every kind, one line each.
pub const KINDS: &[Kind<Region>] = &[
    Kind::of::<MetricAlarm>(),
    Kind::of::<Vpc>(),
    Kind::of::<EcrRepository>(),
    Kind::of::<IamPolicy>(),
    Kind::of::<IamRole>(),
    Kind::of::<KmsAlias>(),
    Kind::of::<KmsKey>(),
    Kind::of::<LogGroup>(),
    Kind::of::<S3Bucket>(),
    Kind::of::<Secret>(),
];
