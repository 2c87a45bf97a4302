//! VV810–819: the inputs of the price.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{AuroraStorage, Duration, Spec};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV810",
        severity: Severity::Note,
        title: "a month is not counted as AWS counts it",
        applies: Applies::OnAws,
        about: "AWS's own calculator takes 730 hours, a twelfth of a year. With 720 a year has 360 days and every price \
                by the hour comes out 1.4 % too low.",
        source: "AWS Pricing Calculator, assumptions",
        remedy: "Set `cost.hours_per_month: 730`.",
        check: month_is_not_730_hours,
    },
    Rule {
        code: "VV811",
        severity: Severity::Warning,
        title: "the rows kept don't fit the storage that is priced",
        applies: Applies::OnAws,
        about: "The shards keep `ingest.row_retention` of events. When that is more than `cost.database_storage`, the \
                price is for less than will be stored. A row with its index is taken as 200 bytes.",
        source: "estimate: two ids, three numbers, a few properties and the entry of the unique index",
        remedy: "Raise `cost.database_storage`, or shorten `ingest.row_retention`.",
        check: storage_is_underpriced,
    },
    Rule {
        code: "VV812",
        severity: Severity::Note,
        title: "part of the price is left out",
        applies: Applies::OnAws,
        about: "What use decides can't be read off the resources: requests to the database's storage, data between zones \
                and through NAT. Left out, the estimate says `unknown`, which is not zero.",
        source: "AWS price lists, November 2026",
        remedy: "State the amounts in `cost`, measured or estimated.",
        check: usage_is_unstated,
    },
];

fn month_is_not_730_hours(spec: &Spec, _: &Context, found: &mut Breaches) {
    let hours = spec.cost.hours_per_month;
    if hours != 730 {
        let why = format!("{hours} hours make a year of {} days", hours / 2);
        found.add(&["cost.hours_per_month"], why, "set cost.hours_per_month: 730");
    }
}

fn storage_is_underpriced(spec: &Spec, _: &Context, found: &mut Breaches) {
    const ROW_BYTES: u64 = 200;
    let (Some(ingest), Some(priced)) = (&spec.ingest, spec.cost.database_storage) else {
        return;
    };
    let minutes = ingest.row_retention.as_secs() / 60;
    let rows = ingest.event_rate.per_minute() * Decimal::from(minutes);
    let bytes = (rows * Decimal::from(ROW_BYTES)).to_u64().unwrap_or(u64::MAX);
    if bytes > priced.as_bytes() {
        let terabytes = bytes.div_ceil(1_000_000_000_000);
        let fits = Decimal::from(priced.as_bytes() / ROW_BYTES) / ingest.event_rate.per_minute();
        let kept = Duration::from_secs(fits.to_u64().unwrap_or(0) * 60);
        let why = format!(
            "{} for {} at {ROW_BYTES} bytes a row are about {terabytes} TB; {} GB are priced, and full after {} h",
            ingest.event_rate,
            ingest.row_retention,
            priced.as_gb().normalize(),
            kept.as_secs() / 3_600
        );
        let fix = format!("set cost.database_storage: {terabytes}TB, or a shorter ingest.row_retention");
        found.add(
            &[
                "cost.database_storage",
                "ingest.row_retention",
                "ingest.event_rate",
            ],
            why,
            fix,
        );
    }
}

fn usage_is_unstated(spec: &Spec, _: &Context, found: &mut Breaches) {
    let cost = &spec.cost;
    let pays_by_request = spec
        .aurora
        .as_ref()
        .is_some_and(|it| it.storage_type != Some(AuroraStorage::IoOptimized));
    let amounts = [
        (
            pays_by_request && cost.database_io_monthly.is_none(),
            "cost.database_io_monthly",
        ),
        (
            spec.network.is_some() && cost.nat_data_monthly.is_none(),
            "cost.nat_data_monthly",
        ),
        (
            spec.kafka.is_some() && cost.transfer_between_zones_monthly.is_none(),
            "cost.transfer_between_zones_monthly",
        ),
    ];
    let unstated: Vec<&str> = amounts.into_iter().filter(|it| it.0).map(|it| it.1).collect();
    if !unstated.is_empty() {
        let why = format!("{} stay unknown in the estimate", unstated.join(", "));
        found.add(&unstated, why, format!("set {}", unstated.join(", ")));
    }
}
