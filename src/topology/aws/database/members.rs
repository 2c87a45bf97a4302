//! The members of a shard: the machines. They are made side by side; the first that is up writes.

use super::super::{Error, Layout, Place};
use super::{ENGINE, SECTION, Shard, insights_days, is_arn, role, static_parameters};
use crate::provider::aws::DbInstance;
use crate::resource::Ref;
use crate::spec::{Aurora, SecondaryMode};

impl Layout<'_> {
    pub(super) fn members(
        &mut self,
        aurora: &Aurora,
        place: &Place<'_>,
        shard: &Shard,
        key: Option<&Ref<String>>,
    ) -> Result<(), Error> {
        let class = aurora.instance_class.clone().ok_or_else(|| Error::Unusable {
            field: "aurora.instance_class".into(),
            why: "a shard on AWS needs one".into(),
            fix: "set aurora.instance_class: db.r6g.2xlarge".into(),
        })?;
        let zones = zones(aurora, place);
        let insights = aurora.performance_insights;
        let interval = i32::try_from(aurora.monitoring_interval.as_secs()).unwrap_or(i32::MAX);
        for (number, zone) in (0..self.count(aurora, place)).zip(zones.iter().cycle()) {
            let address = place.address("db_instance", &format!("{}-{number}", shard.name));
            let instance = DbInstance {
                identifier: format!("{}-{number}", shard.identifier),
                cluster: place.output("db_cluster", &shard.name, "id"),
                engine: ENGINE.into(),
                class: class.clone(),
                zone: Some(zone.clone()),
                monitoring_interval: interval,
                monitoring_role: (interval > 0).then(|| role("rds-monitoring")),
                performance_insights: insights,
                performance_insights_key: key.filter(|_| insights).filter(|key| is_arn(key)).cloned(),
                performance_insights_days: insights.then(|| insights_days(aurora)),
                promotion_tier: i32::try_from(number).unwrap_or(15).min(15),
                auto_minor_version_upgrade: aurora.auto_minor_version_upgrade,
                static_parameters: static_parameters(aurora),
                reboot_pending: false,
                tags: self.tags(&address),
            };
            // A reboot comes after the parameters that it is to bring.
            let group = place.address("db_cluster_parameter_group", "main");
            let origin = if number == 0 {
                "aurora.instance_class"
            } else {
                "aurora.replicas_per_shard"
            };
            self.add(&address, &instance, SECTION, origin)
                .depends_on
                .insert(group);
        }
        Ok(())
    }

    /// A second region that only waits has one machine a shard: what it takes to become the writer.
    pub(super) fn count(&self, aurora: &Aurora, place: &Place<'_>) -> u32 {
        let secondary = || self.spec.regions.as_ref()?.secondary.as_ref();
        let waits = secondary().is_some_and(|it| it.mode == SecondaryMode::ActivePassive);
        match !place.primary && waits {
            true => 1,
            false => 1 + aurora.replicas_per_shard,
        }
    }
}

/// The plan's zones are the first region's.
fn zones(aurora: &Aurora, place: &Place<'_>) -> Vec<String> {
    match place.primary && !aurora.zones.is_empty() {
        true => aurora.zones.clone(),
        false => place.zones.clone(),
    }
}
