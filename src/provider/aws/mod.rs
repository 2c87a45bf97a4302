//! AWS as a target: one file a resource kind, one folder a service.
//!
//! The only place (with the state store on S3) that names the SDK's crates. Verbs call AWS once and
//! answer; the engine repeats, waits and records. The SDK's own retries are off, because a call that may
//! have made something must be looked for before it is made again; its rate limiter, one for each service
//! and region, is on.

mod account;
mod ec2;
mod error;
mod logs;
mod region;
mod tags;

pub use account::Aws;
pub use ec2::{
    ClusterNetworkLeftovers, ClusterVolumes, Direction, ElasticIp, EndpointKind, FlowLog, InternetGateway,
    NatGateway, Ports, RouteTable, RouteTarget, SecurityGroup, SecurityGroupRule, Source, Subnet, Vpc,
    VpcEndpoint, offerings,
};
pub use logs::LogGroup;
pub use region::Region;
pub use tags::{ADDRESS_TAG, PLAN_TAG, Tags};

use super::Kind;

/// The first part of the addresses of what this provider makes.
pub const NAME: &str = "aws";

/// The region part of addresses of what belongs to no region: IAM, Route 53, CloudFront.
pub const GLOBAL: &str = "global";

/// Every kind, one line each.
pub const KINDS: &[Kind<Region>] = &[
    // EC2
    Kind::of::<ClusterNetworkLeftovers>(),
    Kind::of::<ClusterVolumes>(),
    Kind::of::<ElasticIp>(),
    Kind::of::<FlowLog>(),
    Kind::of::<InternetGateway>(),
    Kind::of::<NatGateway>(),
    Kind::of::<RouteTable>(),
    Kind::of::<SecurityGroup>(),
    Kind::of::<SecurityGroupRule>(),
    Kind::of::<Subnet>(),
    Kind::of::<Vpc>(),
    Kind::of::<VpcEndpoint>(),
    // CloudWatch Logs
    Kind::of::<LogGroup>(),
];
