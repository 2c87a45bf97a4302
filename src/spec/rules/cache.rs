//! VV430–449: the cache as ElastiCache accepts it.

use super::facts::cache;
use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{Cache, CacheEngine, Durability, Duration, SecretReference, Spec};

const GROUP: &str = "Amazon ElastiCache API reference, CreateReplicationGroup";

/// Nodes of a replication group, without a raised quota.
const MOST_NODES: u32 = 90;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV430",
        severity: Severity::Error,
        title: "ElastiCache offers no such version",
        applies: Applies::OnAws,
        about: "ElastiCache's last Redis is 7.1; what came after it is Valkey 7.2 to 9.1.",
        source: "`aws elasticache describe-cache-engine-versions`, October 2026",
        remedy: "Take a version that is offered.",
        check: version_is_not_offered,
    },
    Rule {
        code: "VV431",
        severity: Severity::Note,
        title: "Valkey would be 20 % cheaper",
        applies: Applies::OnAws,
        about: "Redis 7.1 is the last that ElastiCache offers. Valkey goes on from it, speaks the same protocol, and \
                its nodes cost a fifth less.",
        source: "Amazon ElastiCache pricing, October 2026",
        remedy: "Set `cache.engine: valkey`, a version such as 8.1 and the family `valkey8`; or stay.",
        check: valkey_is_cheaper,
    },
    Rule {
        code: "VV432",
        severity: Severity::Error,
        title: "the parameter can't be changed",
        applies: Applies::OnAws,
        about: "ElastiCache sets some parameters itself and refuses a parameter group that changes them: `maxclients` is \
                65,000 on every node, memory follows from the node type.",
        source: "Amazon ElastiCache user guide, \"Engine specific parameters\"",
        remedy: "Leave it out.",
        check: parameter_is_fixed,
    },
    Rule {
        code: "VV433",
        severity: Severity::Error,
        title: "the parameter group is for another version",
        applies: Applies::OnAws,
        about: "A replication group accepts a parameter group of its own engine and major version only.",
        source: GROUP,
        remedy: "Name the version's family, or leave it out.",
        check: family_is_anothers,
    },
    Rule {
        code: "VV434",
        severity: Severity::Error,
        title: "a password needs TLS",
        applies: Applies::OnAws,
        about: "ElastiCache accepts an AUTH token only for a replication group with encryption in transit: otherwise \
                the token would cross the network in the clear.",
        source: "Amazon ElastiCache user guide, \"Authenticating with the AUTH command\"",
        remedy: "Set `cache.transit_encryption: true`.",
        check: token_needs_tls,
    },
    Rule {
        code: "VV435",
        severity: Severity::Error,
        title: "ElastiCache refuses the password",
        applies: Applies::OnAws,
        about: "An AUTH token has 16 to 128 printable characters; of those that are neither letters nor digits only \
                `! & # $ ^ < > -`.",
        source: "Amazon ElastiCache user guide, \"Authenticating with the AUTH command\"",
        remedy: "Make a longer one of letters and digits, and keep it outside the plan.",
        check: token_is_malformed,
    },
    Rule {
        code: "VV436",
        severity: Severity::Error,
        title: "failover, zones and shards don't fit together",
        applies: Applies::OnAws,
        about: "Automatic failover needs a replica; several zones need automatic failover; cluster mode has it always \
                on.",
        source: GROUP,
        remedy: "Add a node, or turn off what needs it.",
        check: failover_is_impossible,
    },
    Rule {
        code: "VV437",
        severity: Severity::Error,
        title: "a setting lies outside what ElastiCache accepts",
        applies: Applies::OnAws,
        about: "A replication group has at most 90 nodes without a raised quota. Snapshots are kept for 0 to 35 days and \
                taken in a window of at least an hour.",
        source: GROUP,
        remedy: "Choose a value that is accepted.",
        check: setting_is_out_of_bounds,
    },
    Rule {
        code: "VV438",
        severity: Severity::Error,
        title: "durable writes lack what they need",
        applies: Applies::OnAws,
        about: "ElastiCache acknowledges a write only when it is safe with Valkey 9 or later, in cluster mode, in \
                several zones and with TLS.",
        source: "Amazon ElastiCache API reference, CreateReplicationGroup, `Durability`",
        remedy: "Meet all four, or leave `cache.durability` out.",
        check: durability_lacks_something,
    },
    Rule {
        code: "VV439",
        severity: Severity::Warning,
        title: "the node type is not in vvbill's table",
        applies: Applies::OnAws,
        about: "Without its memory vvbill can't tell what the cache holds.",
        source: "Amazon ElastiCache user guide, \"Supported node types\"",
        remedy: "Check the name; such a name is `cache.r6g.large`.",
        check: node_type_is_unknown,
    },
    Rule {
        code: "VV440",
        severity: Severity::Warning,
        title: "the cache's traffic is in the clear",
        applies: Applies::OnAws,
        about: "Answers about customers' usage would cross the network, between zones too, unencrypted. Turning TLS on \
                later takes two steps and every client's help.",
        source: "Amazon ElastiCache user guide, \"Enabling in-transit encryption\"",
        remedy: "Set `cache.transit_encryption: true`.",
        check: traffic_is_clear,
    },
    Rule {
        code: "VV441",
        severity: Severity::Warning,
        title: "the cache refuses writes when it is full",
        applies: Applies::OnAws,
        about: "A cache may forget; one with `noeviction` answers writes with an error as soon as its memory is used up.",
        source: "Redis documentation, \"Key eviction\"",
        remedy: "Set the parameter `maxmemory-policy` to `allkeys-lru`.",
        check: cache_does_not_evict,
    },
];

const fn engine_name(engine: CacheEngine) -> &'static str {
    match engine {
        CacheEngine::Redis => "redis",
        CacheEngine::Valkey => "valkey",
    }
}

fn version_is_not_offered(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    let offered = match store.engine {
        CacheEngine::Redis => cache::REDIS_VERSIONS,
        CacheEngine::Valkey => cache::VALKEY_VERSIONS,
    };
    if !offered.contains(&store.engine_version.as_str()) {
        let engine = engine_name(store.engine);
        let why = format!("of {engine} ElastiCache offers {}", offered.join(", "));
        let newest = offered.last().copied().unwrap_or_default();
        let paths = ["cache.engine_version", "cache.engine"];
        found.add(&paths, why, format!("set cache.engine_version: \"{newest}\""));
    }
}

fn valkey_is_cheaper(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    if store.engine == CacheEngine::Redis {
        let why = format!(
            "Redis {} works; 7.1 is the last that ElastiCache offers",
            store.engine_version
        );
        found.add(
            &["cache.engine"],
            why,
            "keep it, or set cache.engine: valkey and cache.engine_version: \"8.1\"",
        );
    }
}

fn parameter_is_fixed(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    for (name, value) in &store.parameters {
        if cache::FIXED_PARAMETERS.contains(&name.as_str()) {
            let why = match name.as_str() {
                "maxclients" => format!(
                    "{value} is asked for; every node takes {}, unchangeably",
                    cache::MAX_CLIENTS
                ),
                _ => "ElastiCache sets it itself".to_owned(),
            };
            found.add(
                &[&key("cache.parameters", name)],
                why,
                format!("leave {name} out"),
            );
        }
    }
}

fn family_is_anothers(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    let own = cache::parameter_family(engine_name(store.engine), &store.engine_version);
    let (Some(family), Some(own)) = (&store.parameter_family, own) else {
        return;
    };
    if *family != own {
        let why = format!(
            "{} {} takes {own}, not {family}",
            engine_name(store.engine),
            store.engine_version
        );
        let paths = ["cache.parameter_family", "cache.engine_version"];
        found.add(&paths, why, format!("set cache.parameter_family: {own}"));
    }
}

fn token_needs_tls(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    if store.auth_token.is_some() && !store.transit_encryption {
        found.add(
            &["cache.transit_encryption", "cache.auth_token"],
            "ElastiCache accepts an AUTH token only together with encryption in transit",
            "set cache.transit_encryption: true",
        );
    }
}

fn token_is_malformed(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(Some(SecretReference::Literal(token))) = spec.cache.as_ref().map(|it| &it.auth_token) else {
        return;
    };
    let length = token.length();
    let refused = token.refused(|c| c.is_ascii_alphanumeric() || "!&#$^<>-".contains(c));
    if !(16..=128).contains(&length) || refused > 0 {
        let why = format!("it has {length} characters (16 to 128 are accepted), {refused} of them refused");
        found.add(&["cache.auth_token"], why, "set cache.auth_token: managed");
    }
}

/// Nodes of a shard, and whether keys are spread over shards.
fn nodes_a_shard(store: &Cache) -> (u32, bool) {
    store
        .cluster_mode
        .map_or((store.nodes, false), |mode| (1 + mode.replicas_per_shard, true))
}

fn failover_is_impossible(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    let (nodes, spread) = nodes_a_shard(store);
    let nodes_path = if spread {
        "cache.cluster_mode.replicas_per_shard"
    } else {
        "cache.nodes"
    };
    if store.automatic_failover && nodes < 2 && !spread {
        let fix = "set cache.nodes: 2, or cache.automatic_failover: false";
        found.add(
            &[nodes_path, "cache.automatic_failover"],
            "there is no replica to fail over to",
            fix,
        );
    }
    if store.multi_az && (!store.automatic_failover || nodes < 2) {
        let why = "several zones need automatic failover and a replica to fail over to";
        let paths = ["cache.multi_az", "cache.automatic_failover", nodes_path];
        found.add(
            &paths,
            why,
            "set cache.automatic_failover: true with a replica, or cache.multi_az: false",
        );
    }
    if spread && !store.automatic_failover {
        let why = "in cluster mode automatic failover is always on, and AWS refuses to turn it off";
        found.add(
            &["cache.automatic_failover", "cache.cluster_mode"],
            why,
            "set cache.automatic_failover: true",
        );
    }
}

fn setting_is_out_of_bounds(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    if let Some(mode) = store.cluster_mode {
        let total = mode.shards.saturating_mul(1 + mode.replicas_per_shard);
        if total > MOST_NODES {
            let why = format!(
                "{} shards make {total} nodes; {MOST_NODES} are accepted",
                mode.shards
            );
            let most = MOST_NODES / (1 + mode.replicas_per_shard);
            let path = "cache.cluster_mode.shards";
            found.add(&[path], why, format!("set {path}: {most} or less"));
        }
    }
    if store.snapshot_retention > Duration::from_secs(35 * 86_400) {
        let why = format!("{} is more than 35 days", store.snapshot_retention);
        found.add(
            &["cache.snapshot_retention"],
            why,
            "set cache.snapshot_retention: 35d",
        );
    }
    if let Some(window) = store
        .snapshot_window
        .filter(|window| window.length_minutes() < 60)
    {
        let why = format!(
            "{window} is {} minutes long, AWS asks for 60",
            window.length_minutes()
        );
        found.add(
            &["cache.snapshot_window"],
            why,
            "make cache.snapshot_window at least an hour long",
        );
    }
}

fn durability_lacks_something(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = spec
        .cache
        .as_ref()
        .filter(|it| it.durability == Some(Durability::Sync))
    else {
        return;
    };
    let major = store
        .engine_version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    let needs = [
        (
            store.engine == CacheEngine::Valkey && major >= Some(9),
            "Valkey 9 or later",
        ),
        (store.cluster_mode.is_some(), "cluster mode"),
        (store.multi_az, "several zones"),
        (store.transit_encryption, "TLS"),
    ];
    let missing: Vec<&str> = needs
        .iter()
        .filter(|(met, _)| !met)
        .map(|(_, name)| *name)
        .collect();
    if !missing.is_empty() {
        let why = format!("`sync` needs {} as well", missing.join(", "));
        found.add(
            &["cache.durability"],
            why,
            "meet all of these, or leave cache.durability out",
        );
    }
}

fn node_type_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(node_type) = spec.cache.as_ref().and_then(|it| it.node_type.as_ref()) else {
        return;
    };
    if cache::node_memory_mib(node_type).is_none() {
        let why = format!("vvbill doesn't know how much `{node_type}` holds");
        found.add(
            &["cache.node_type"],
            why,
            "check it; such a name is cache.r6g.large",
        );
    }
}

fn traffic_is_clear(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    if !store.transit_encryption && store.auth_token.is_none() {
        let why = "clients and replicas would talk without TLS";
        found.add(
            &["cache.transit_encryption"],
            why,
            "set cache.transit_encryption: true",
        );
    }
}

fn cache_does_not_evict(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(store) = &spec.cache else { return };
    if store
        .parameters
        .get("maxmemory-policy")
        .is_some_and(|policy| policy == "noeviction")
    {
        let path = key("cache.parameters", "maxmemory-policy");
        found.add(
            &[&path],
            "a full cache would refuse to learn anything new",
            format!("set {path}: allkeys-lru"),
        );
    }
}
