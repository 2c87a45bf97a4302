//! Alarms on what AWS measures by itself. What the platform's own programs measure is Prometheus' (`alerts`).
//!
//! An alarm is laid out for what the region has: whatever stands in the layout already. Nobody is told by
//! them: a plan names no topic to send to. Thresholds, and what they rest on:
//!
//! | alarm | goes off when | because |
//! |---|---|---|
//! | shard CPU | busiest member above 90 % for 15 minutes | the sizing table calls 85 % a bottleneck |
//! | shard memory | least free on a member below 5 % for 15 minutes | Aurora leaves about a quarter to sessions |
//! | replica lag | slowest replica over 1 s behind for 5 minutes | readers of one volume are usually below 100 ms |
//! | second region's lag | behind by what `recovery_point` allows, else 1 minute, for 5 | past it the promise is broken |
//! | cache memory | a node above 90 % of what it may hold for 5 minutes | then keys are evicted |
//! | cache evictions | more than 1,000 a minute on a node for 15 minutes | a cache that is too small |
//! | errors | more than 100 answers 5xx in a minute, 3 minutes of 5 | 0.01 % of a million a minute, as 99.99 % allows |
//! | unhealthy targets | any for 5 minutes | a deployment's last for seconds |

use super::names::fitting;
use super::{Error, Layout, Place};
use crate::provider::aws::{Dimension, MetricAlarm};
use crate::resource::{Ref, Set};
use crate::spec::rules::facts::machine;
use crate::spec::{Aurora, Cache, LoadBalancerKind};

/// Characters of an alarm's name.
const NAME_AT_MOST: usize = 255;
const MINUTE: i32 = 60;
const PERCENT_OF_MEMORY_FREE: u64 = 5;
const REPLICA_LAG_MS: f64 = 1_000.0;
/// Where the plan promises nothing.
const REGION_LAG_MS: u64 = 60_000;
const EVICTIONS_A_MINUTE: f64 = 1_000.0;
const ERRORS_A_MINUTE: f64 = 100.0;

/// An alarm as this file speaks of it.
struct Alarm<'a> {
    name: String,
    description: String,
    namespace: &'a str,
    metric: &'a str,
    dimensions: Vec<(&'a str, Ref<String>)>,
    statistic: &'a str,
    comparison: Comparison,
    threshold: f64,
    /// Minutes looked at.
    minutes: i32,
    /// Minutes of those that must be bad.
    bad_minutes: i32,
}

enum Comparison {
    Above,
    Below,
}

impl Layout<'_> {
    pub(super) fn monitoring(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let spec = self.spec;
        if spec.monitoring.is_none() {
            return Ok(());
        }
        let mut alarms = Vec::new();
        if let Some(aurora) = &spec.aurora {
            for shard in self.laid_out(place, "db_cluster") {
                self.shard_alarms(place, aurora, &shard, &mut alarms);
            }
        }
        if let Some(cache) = &spec.cache
            && !self.laid_out(place, "cache_replication_group").is_empty()
        {
            alarms.extend(
                cache_members(cache)
                    .iter()
                    .flat_map(|member| cache_alarms(member)),
            );
        }
        if let Some(load_balancer) = &spec.load_balancer {
            for name in self.laid_out(place, "load_balancer") {
                let groups = self.laid_out(place, "target_group");
                alarms.extend(load_balancer_alarms(place, load_balancer.kind, &name, &groups));
            }
        }
        for alarm in alarms {
            self.alarm(place, alarm);
        }
        Ok(())
    }

    /// Names of what the region has of a kind.
    fn laid_out(&self, place: &Place<'_>, kind: &str) -> Vec<String> {
        self.desired
            .iter()
            .map(|desired| &desired.address)
            .filter(|address| address.region() == place.region && address.kind() == kind)
            .map(|address| address.name().to_owned())
            .collect()
    }

    fn shard_alarms<'a>(&self, place: &Place<'_>, aurora: &Aurora, shard: &str, alarms: &mut Vec<Alarm<'a>>) {
        let alarm = |what: &str, description: String| Alarm {
            name: format!("{shard}-{what}"),
            description,
            namespace: "AWS/RDS",
            metric: "CPUUtilization",
            dimensions: vec![("DBClusterIdentifier", place.output("db_cluster", shard, "id"))],
            statistic: "Maximum",
            comparison: Comparison::Above,
            threshold: 90.0,
            minutes: 15,
            bad_minutes: 15,
        };
        let five_minutes = |alarm: Alarm<'a>| Alarm {
            minutes: 5,
            bad_minutes: 5,
            ..alarm
        };
        alarms.push(alarm(
            "cpu",
            format!("{shard}: a member is above 90 % of its processors for 15 minutes"),
        ));
        let class = aurora.instance_class.as_deref().unwrap_or_default();
        if let Some(machine) = machine::database(class) {
            let mib = machine.memory_mib * PERCENT_OF_MEMORY_FREE / 100;
            let description = format!("{shard}: a member has less than {mib} MiB left for 15 minutes");
            alarms.push(Alarm {
                metric: "FreeableMemory",
                statistic: "Minimum",
                comparison: Comparison::Below,
                threshold: (mib << 20) as f64,
                ..alarm("memory", description)
            });
        }
        if aurora.replicas_per_shard > 0 {
            let description = format!("{shard}: a replica is more than a second behind for 5 minutes");
            alarms.push(five_minutes(Alarm {
                metric: "AuroraReplicaLagMaximum",
                threshold: REPLICA_LAG_MS,
                ..alarm("replica-lag", description)
            }));
        }
        if !place.primary {
            let allowed = self.spec.success_metrics.recovery_point.cross_region;
            let allowed = allowed.map_or(REGION_LAG_MS, |allowed| allowed.as_millis());
            let description = format!(
                "{shard}: {} is more than {allowed} ms behind for 5 minutes",
                place.region
            );
            alarms.push(five_minutes(Alarm {
                metric: "AuroraGlobalDBReplicationLag",
                threshold: allowed as f64,
                ..alarm("region-lag", description)
            }));
        }
    }

    fn alarm(&mut self, place: &Place<'_>, alarm: Alarm<'_>) {
        let address = place.address("metric_alarm", &alarm.name);
        let dimension = |(name, value): (&str, Ref<String>)| Dimension {
            name: name.to_owned(),
            value,
        };
        let resource = MetricAlarm {
            name: fitting(&self.named(&alarm.name), NAME_AT_MOST),
            description: alarm.description,
            namespace: alarm.namespace.to_owned(),
            metric: alarm.metric.to_owned(),
            dimensions: alarm.dimensions.into_iter().map(dimension).collect(),
            statistic: alarm.statistic.to_owned(),
            period_seconds: MINUTE,
            periods: alarm.minutes,
            bad_periods: alarm.bad_minutes,
            comparison: match alarm.comparison {
                Comparison::Above => "GreaterThanThreshold".into(),
                Comparison::Below => "LessThanThreshold".into(),
            },
            threshold: alarm.threshold,
            missing_data: "missing".into(),
            actions_enabled: true,
            alarm_actions: Set::default(),
            ok_actions: Set::default(),
            tags: self.tags(&address),
        };
        self.add(&address, &resource, "monitoring", "monitoring");
    }
}

/// What ElastiCache calls the nodes that it makes.
fn cache_members(cache: &Cache) -> Vec<String> {
    let group = cache.identifier.to_lowercase();
    match cache.cluster_mode {
        None => (1..=cache.nodes)
            .map(|node| format!("{group}-{node:03}"))
            .collect(),
        Some(mode) => (1..=mode.shards)
            .flat_map(|shard| (1..=mode.replicas_per_shard + 1).map(move |node| (shard, node)))
            .map(|(shard, node)| format!("{group}-{shard:04}-{node:03}"))
            .collect(),
    }
}

fn cache_alarms<'a>(member: &str) -> [Alarm<'a>; 2] {
    let alarm = |what: &str, description: String| Alarm {
        name: format!("{member}-{what}"),
        description,
        namespace: "AWS/ElastiCache",
        metric: "DatabaseMemoryUsagePercentage",
        dimensions: vec![("CacheClusterId", Ref::Known(member.to_owned()))],
        statistic: "Maximum",
        comparison: Comparison::Above,
        threshold: 90.0,
        minutes: 5,
        bad_minutes: 5,
    };
    let memory = format!("{member}: above 90 % of its memory for 5 minutes");
    let evictions = format!("{member}: more than {EVICTIONS_A_MINUTE} keys a minute evicted for 15 minutes");
    [
        alarm("memory", memory),
        Alarm {
            metric: "Evictions",
            statistic: "Sum",
            threshold: EVICTIONS_A_MINUTE,
            minutes: 15,
            bad_minutes: 15,
            ..alarm("evictions", evictions)
        },
    ]
}

fn load_balancer_alarms<'a>(
    place: &Place<'_>,
    kind: LoadBalancerKind,
    name: &str,
    groups: &[String],
) -> Vec<Alarm<'a>> {
    let namespace = match kind {
        LoadBalancerKind::Application => "AWS/ApplicationELB",
        LoadBalancerKind::Network => "AWS/NetworkELB",
    };
    let alarm = |what: String, description: String| Alarm {
        name: what,
        description,
        namespace,
        metric: "UnHealthyHostCount",
        dimensions: vec![("LoadBalancer", place.output("load_balancer", name, "arn"))],
        statistic: "Maximum",
        comparison: Comparison::Above,
        threshold: 0.0,
        minutes: 5,
        bad_minutes: 5,
    };
    let mut alarms = Vec::new();
    if kind == LoadBalancerKind::Application {
        for (metric, what, whose) in [
            ("HTTPCode_Target_5XX_Count", "target-errors", "the targets"),
            (
                "HTTPCode_ELB_5XX_Count",
                "load-balancer-errors",
                "the load balancer itself",
            ),
        ] {
            let description =
                format!("more than {ERRORS_A_MINUTE} answers 5xx a minute by {whose}, 3 minutes of 5");
            alarms.push(Alarm {
                metric,
                statistic: "Sum",
                threshold: ERRORS_A_MINUTE,
                bad_minutes: 3,
                ..alarm(what.to_owned(), description)
            });
        }
    }
    for group in groups {
        let mut unhealthy = alarm(
            format!("{group}-unhealthy"),
            format!("{group}: some targets don't answer for 5 minutes"),
        );
        let target_group = place.output("target_group", group, "arn");
        unhealthy.dimensions.push(("TargetGroup", target_group));
        alarms.push(unhealthy);
    }
    alarms
}
