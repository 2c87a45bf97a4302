//! A distribution's settings in the shapes of CloudFront's API, and back.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{
    Aliases, AllowedMethods, CacheBehavior, CacheBehaviors, CachedMethods, CustomOriginConfig,
    DefaultCacheBehavior, DistributionConfig, Method, MinimumProtocolVersion, Origin as SdkOrigin,
    OriginGroup, OriginGroupFailoverCriteria, OriginGroupMember, OriginGroupMembers, OriginGroups,
    OriginProtocolPolicy, OriginSslProtocols, Origins, PriceClass, SslProtocol, SslSupportMethod,
    StatusCodes, ViewerCertificate, ViewerProtocolPolicy,
};

use super::{Behaviour, Distribution, Origin};
use crate::resource::Ref;

/// The id of the group of origins that stand in for one another.
pub(super) const GROUP: &str = "failover";

/// Answers of an origin that count as its failure, beside none.
const FAILURES: [i32; 4] = [500, 502, 503, 504];

/// The settings of a new distribution.
pub(super) fn new(wanted: &Distribution, token: &str) -> Result<DistributionConfig, BuildError> {
    let config = DistributionConfig::builder()
        .caller_reference(token)
        .comment(&wanted.comment)
        .enabled(wanted.enabled)
        .is_ipv6_enabled(false);
    let mut config = config.build()?;
    lay_over(wanted, &mut config)?;
    Ok(config)
}

/// Brings what the plan manages into `config`, and leaves the rest as it is.
pub(super) fn lay_over(wanted: &Distribution, config: &mut DistributionConfig) -> Result<(), BuildError> {
    config.comment.clone_from(&wanted.comment);
    config.enabled = wanted.enabled;
    config.price_class = Some(PriceClass::from(wanted.price_class.as_str()));
    config.aliases = Some(aliases(&wanted.aliases)?);
    config.viewer_certificate = Some(certificate(wanted.certificate.as_ref()));
    config.origins = Some(origins(&wanted.origins)?);
    config.origin_groups = Some(groups(&wanted.failover)?);
    config.default_cache_behavior = Some(default_behaviour(&wanted.default)?);
    config.cache_behaviors = Some(behaviours(&wanted.behaviours)?);
    Ok(())
}

fn count<T>(items: &[T]) -> i32 {
    i32::try_from(items.len()).unwrap_or(i32::MAX)
}

fn aliases(names: &BTreeSet<String>) -> Result<Aliases, BuildError> {
    let names: Vec<String> = names.iter().cloned().collect();
    Aliases::builder()
        .quantity(count(&names))
        .set_items(Some(names).filter(|names| !names.is_empty()))
        .build()
}

fn certificate(arn: Option<&Ref<String>>) -> ViewerCertificate {
    let Some(arn) = arn.and_then(Ref::known) else {
        return ViewerCertificate::builder()
            .cloud_front_default_certificate(true)
            .build();
    };
    ViewerCertificate::builder()
        .cloud_front_default_certificate(false)
        .acm_certificate_arn(arn)
        .ssl_support_method(SslSupportMethod::SniOnly)
        // What the CloudFront developer guide recommends for clients of today.
        .minimum_protocol_version(MinimumProtocolVersion::TlSv122021)
        .build()
}

fn origins(wanted: &[Origin]) -> Result<Origins, BuildError> {
    let origin = |origin: &Origin| {
        let secure = origin.protocol == "https-only";
        let port = i32::from(origin.port);
        let protocols = OriginSslProtocols::builder()
            .quantity(1)
            .items(SslProtocol::TlSv12)
            .build()?;
        let custom = CustomOriginConfig::builder()
            .http_port(if secure { 80 } else { port })
            .https_port(if secure { port } else { 443 })
            .origin_protocol_policy(OriginProtocolPolicy::from(origin.protocol.as_str()))
            .origin_ssl_protocols(protocols)
            .build()?;
        SdkOrigin::builder()
            .id(&origin.id)
            .domain_name(origin.domain.known().map_or("", String::as_str))
            .custom_origin_config(custom)
            .build()
    };
    let items: Result<Vec<_>, BuildError> = wanted.iter().map(origin).collect();
    let items = items?;
    Origins::builder()
        .quantity(count(&items))
        .set_items(Some(items))
        .build()
}

fn groups(members: &[String]) -> Result<OriginGroups, BuildError> {
    if members.is_empty() {
        return OriginGroups::builder().quantity(0).build();
    }
    let items: Result<Vec<_>, BuildError> = members
        .iter()
        .map(|id| OriginGroupMember::builder().origin_id(id).build())
        .collect();
    let items = items?;
    let members = OriginGroupMembers::builder()
        .quantity(count(&items))
        .set_items(Some(items))
        .build()?;
    let codes = StatusCodes::builder()
        .quantity(count(&FAILURES))
        .set_items(Some(FAILURES.to_vec()))
        .build()?;
    let criteria = OriginGroupFailoverCriteria::builder().status_codes(codes).build();
    let group = OriginGroup::builder()
        .id(GROUP)
        .failover_criteria(criteria)
        .members(members)
        .build()?;
    OriginGroups::builder().quantity(1).items(group).build()
}

fn methods(wanted: &BTreeSet<String>) -> Result<AllowedMethods, BuildError> {
    let items: Vec<Method> = wanted
        .iter()
        .map(|method| Method::from(method.as_str()))
        .collect();
    let cached = CachedMethods::builder()
        .quantity(2)
        .items(Method::Get)
        .items(Method::Head)
        .build()?;
    AllowedMethods::builder()
        .quantity(count(&items))
        .set_items(Some(items))
        .cached_methods(cached)
        .build()
}

fn default_behaviour(wanted: &Behaviour) -> Result<DefaultCacheBehavior, BuildError> {
    DefaultCacheBehavior::builder()
        .target_origin_id(&wanted.target)
        .viewer_protocol_policy(ViewerProtocolPolicy::from(wanted.viewer_protocol.as_str()))
        .allowed_methods(methods(&wanted.methods)?)
        .compress(false)
        .cache_policy_id(&wanted.cache_policy)
        .origin_request_policy_id(&wanted.origin_request_policy)
        .build()
}

fn behaviours(wanted: &[Behaviour]) -> Result<CacheBehaviors, BuildError> {
    let behaviour = |wanted: &Behaviour| {
        CacheBehavior::builder()
            .path_pattern(wanted.path.clone().unwrap_or_default())
            .target_origin_id(&wanted.target)
            .viewer_protocol_policy(ViewerProtocolPolicy::from(wanted.viewer_protocol.as_str()))
            .allowed_methods(methods(&wanted.methods)?)
            .compress(false)
            .cache_policy_id(&wanted.cache_policy)
            .origin_request_policy_id(&wanted.origin_request_policy)
            .build()
    };
    let items: Result<Vec<_>, BuildError> = wanted.iter().map(behaviour).collect();
    let items = items?;
    CacheBehaviors::builder()
        .quantity(count(&items))
        .set_items(Some(items).filter(|items| !items.is_empty()))
        .build()
}

/// What the plan manages of `config`; without tags, which are kept elsewhere.
pub(super) fn read(config: &DistributionConfig) -> Distribution {
    let aliases = config
        .aliases()
        .map(|aliases| aliases.items())
        .unwrap_or_default();
    let certificate = config
        .viewer_certificate()
        .and_then(|certificate| certificate.acm_certificate_arn())
        .filter(|arn| !arn.is_empty());
    let origins = config
        .origins()
        .map(|origins| origins.items())
        .unwrap_or_default();
    let behaviours = config
        .cache_behaviors()
        .map(|all| all.items())
        .unwrap_or_default();
    let default = config.default_cache_behavior();
    Distribution {
        comment: config.comment().into(),
        aliases: aliases.iter().cloned().collect(),
        certificate: certificate.map(|arn| Ref::Known(arn.to_owned())),
        price_class: config.price_class().map_or("", |class| class.as_str()).into(),
        origins: origins.iter().map(read_origin).collect(),
        failover: read_groups(config.origin_groups()),
        default: Behaviour {
            path: None,
            target: default.map_or("", |it| it.target_origin_id()).into(),
            methods: read_methods(default.and_then(|it| it.allowed_methods())),
            viewer_protocol: default
                .map_or("", |it| it.viewer_protocol_policy().as_str())
                .into(),
            cache_policy: default
                .and_then(|it| it.cache_policy_id())
                .unwrap_or_default()
                .into(),
            origin_request_policy: default
                .and_then(|it| it.origin_request_policy_id())
                .unwrap_or_default()
                .into(),
        },
        behaviours: behaviours.iter().map(read_behaviour).collect(),
        enabled: config.enabled(),
        tags: Default::default(),
    }
}

fn read_origin(origin: &SdkOrigin) -> Origin {
    let custom = origin.custom_origin_config();
    let protocol = custom.map_or("", |custom| custom.origin_protocol_policy().as_str());
    let port = custom.map_or(0, |custom| match protocol {
        "http-only" => custom.http_port(),
        _ => custom.https_port(),
    });
    Origin {
        id: origin.id().into(),
        domain: Ref::Known(origin.domain_name().to_lowercase()),
        protocol: protocol.into(),
        port: u16::try_from(port).unwrap_or_default(),
    }
}

fn read_groups(groups: Option<&OriginGroups>) -> Vec<String> {
    let group = groups.and_then(|groups| groups.items().first());
    let members = group
        .and_then(|group| group.members())
        .map(|members| members.items());
    let ids = members.unwrap_or_default().iter();
    ids.map(|member| member.origin_id().to_owned()).collect()
}

fn read_methods(methods: Option<&AllowedMethods>) -> BTreeSet<String> {
    let methods = methods.map(|methods| methods.items()).unwrap_or_default();
    methods.iter().map(|method| method.as_str().to_owned()).collect()
}

fn read_behaviour(behaviour: &CacheBehavior) -> Behaviour {
    Behaviour {
        path: Some(behaviour.path_pattern().into()),
        target: behaviour.target_origin_id().into(),
        methods: read_methods(behaviour.allowed_methods()),
        viewer_protocol: behaviour.viewer_protocol_policy().as_str().into(),
        cache_policy: behaviour.cache_policy_id().unwrap_or_default().into(),
        origin_request_policy: behaviour.origin_request_policy_id().unwrap_or_default().into(),
    }
}
