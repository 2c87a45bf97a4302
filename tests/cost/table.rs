//! The specification's cost table.

use rust_decimal::Decimal;
use vvbill::cost::difference::Difference;
use vvbill::cost::{Row, Scope, Unknown};

use super::plans::estimate;

/// As the specification has it.
const TABLE: [(&str, &str, u32); 11] = [
    ("EKS Cluster", "Control Plane", 73),
    ("EKS Cluster", "Worker Nodes, app-nodes", 1094),
    ("EKS Cluster", "Kafka Nodes, kafka-nodes", 410),
    ("RDS Aurora", "Primary, shard-0", 2074),
    ("RDS Aurora", "Storage", 100),
    ("RDS Aurora", "Backups", 95),
    ("ElastiCache", "Redis Cluster", 1166),
    ("Load Balancer", "ALB", 25),
    ("Load Balancer", "Data Transfer", 900),
    ("CloudWatch", "Logs", 250),
    ("CloudWatch", "Metrics", 100),
];

#[test]
fn the_specification_costs_what_its_table_says_line_by_line_and_in_total() {
    let found = estimate("specification", &[], "specification", None);
    let lines: Vec<(&str, &str, Decimal)> = found
        .lines
        .iter()
        .map(|line| {
            (
                line.row.group(),
                line.title.as_str(),
                line.monthly.unwrap().expected,
            )
        })
        .collect();
    let table = TABLE.map(|(group, title, cost)| (group, title, Decimal::from(cost)));
    assert_eq!(lines, table);
    assert_eq!(found.total().exact(), Some(Decimal::from(6287)));
    assert!(!found.outside.is_empty(), "the table leaves much out");
}

#[test]
fn the_same_scope_at_list_prices_and_730_hours_is_about_6184() {
    let sets = ["cost.hours_per_month=730".to_owned()];
    let found = estimate("specification", &sets, "aws-2026-11", Some(&Scope::table()));
    let balancer = found
        .lines
        .iter()
        .find(|line| line.row == Row::LoadBalancer)
        .unwrap();
    let others = found.total().exact().unwrap() - balancer.monthly.unwrap().expected;
    let kept = others + Decimal::from(25);
    assert!((kept - Decimal::from(6184)).abs() <= Decimal::ONE, "{kept}");
    assert_eq!(found.lines.len(), TABLE.len());
}

#[test]
fn each_difference_to_list_prices_is_explained_to_the_cent() {
    let before = estimate("specification", &[], "specification", None);
    let sets = ["cost.hours_per_month=730".to_owned()];
    let after = estimate("specification", &sets, "aws-2026-11", Some(&Scope::table()));
    let difference = Difference::between(&before, &after);
    assert_eq!(
        difference.exact().unwrap(),
        difference.known(),
        "the lines add up to the difference of the totals"
    );
    for change in &difference.changes {
        assert!(!change.why.is_empty(), "{}", change.line().id);
    }
    let unchanged = TABLE.len() - difference.changes.len();
    // Control plane, storage, transfer and logs are priced by the table as AWS does.
    assert_eq!(unchanged, 4);
}

#[test]
fn node_groups_give_bounds() {
    let found = estimate("specification", &[], "specification", None);
    let workers = found.lines.iter().find(|line| line.row == Row::Workers).unwrap();
    let monthly = workers.monthly.unwrap();
    // 4 × 0.19 × 720 = 547.2, 16 × 0.19 × 720 = 2,188.8
    assert_eq!(
        (monthly.low, monthly.high),
        (Decimal::from(547), Decimal::from(2189))
    );
    assert_eq!(workers.formula, "8 nodes (4 to 16) × 720 h × 0.19 USD");
}

#[test]
fn what_gets_cheaper_with_the_amount_is_priced_by_tier() {
    let found = one_region(&["cost.transfer_out_monthly=60TB"]);
    let line = found
        .lines
        .iter()
        .find(|line| line.row == Row::TransferOut)
        .unwrap();
    let components: Vec<(Decimal, Decimal)> = line
        .components
        .iter()
        .map(|component| {
            (
                component.quantity.unwrap().expected,
                component.monthly.unwrap().expected,
            )
        })
        .collect();
    let cents = |cents: i64| Decimal::new(cents, 2);
    // 10,240 GB × 0.09, 40,960 GB × 0.085, 8,800 GB × 0.07
    let expect = [
        (Decimal::from(10_240), cents(92_160)),
        (Decimal::from(40_960), cents(348_160)),
        (Decimal::from(8_800), cents(61_600)),
    ];
    assert_eq!(components, expect);
}

#[test]
fn what_has_no_price_is_unknown_and_so_is_the_total() {
    let known = one_region(&[]);
    assert_eq!(known.total().unknown, 0, "{:?}", unknown(&known));
    let sets = ["eks.node_groups.app-nodes.instance_type=m7i.xlarge"];
    let found = one_region(&sets);
    assert_eq!(found.total().exact(), None);
    let workers = found.lines.iter().find(|line| line.row == Row::Workers).unwrap();
    assert_eq!(workers.unknown, Some(Unknown::Price));
    assert_eq!(unknown(&found), ["workers/us-east-1/app-nodes"]);
}

#[test]
fn the_second_region_is_unknown_until_somebody_has_its_prices() {
    let found = estimate("production", &[], "aws-2026-11", None);
    let second: Vec<_> = found
        .lines
        .iter()
        .filter(|line| line.region == "eu-west-1")
        .collect();
    assert!(second.len() > 8);
    assert!(second.iter().all(|line| line.monthly.is_none()));
}

#[test]
fn every_resource_of_every_plan_has_a_line_or_costs_nothing() {
    for plan in ["specification", "production", "staging", "local"] {
        let found = estimate(plan, &[], "aws-2026-11", None);
        let strangers: Vec<&str> = found
            .lines
            .iter()
            .filter(|line| line.row == Row::Unsupported)
            .map(|line| line.title.as_str())
            .collect();
        assert!(strangers.is_empty(), "{plan}: {strangers:?}");
    }
}

#[test]
fn what_runs_on_this_machine_costs_nothing() {
    let found = estimate("local", &[], "aws-2026-11", None);
    assert_eq!(found.total().exact(), Some(Decimal::ZERO));
    assert!(found.lines.is_empty());
}

fn one_region(sets: &[&str]) -> vvbill::cost::Estimate {
    let without_second = [
        "regions.secondary=null",
        "network.secondary_cidr=null",
        "edge.records.api.policy=simple",
        "edge.cloudfront.origin_failover=false",
    ];
    let sets: Vec<String> = without_second
        .iter()
        .chain(sets)
        .map(|set| (*set).to_owned())
        .collect();
    estimate("production", &sets, "aws-2026-11", None)
}

fn unknown(estimate: &vvbill::cost::Estimate) -> Vec<&str> {
    let unknown = estimate.lines.iter().filter(|line| line.monthly.is_none());
    unknown.map(|line| line.id.as_str()).collect()
}
