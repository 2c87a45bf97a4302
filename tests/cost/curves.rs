//! Costs week by week and over rates of events.

use rust_decimal::Decimal;
use vvbill::cost::{Book, Input, curve};
use vvbill::topology;

use super::plans::plan;

#[test]
fn weeks_add_what_they_bring_up_and_end_at_the_whole() {
    with("specification", "specification", |input| {
        let estimate = input.estimate();
        let weeks = curve::rollout(input.spec, &estimate);
        let costs: Vec<u32> = weeks
            .iter()
            .map(|week| known(week.total).try_into().unwrap())
            .collect();
        // Kafka brings network and cluster, then cache, database, the way in, and monitoring.
        assert_eq!(costs, [1577, 2743, 5012, 5937, 6287, 6287]);
    });
}

#[test]
fn the_curve_passes_through_the_plan_and_says_where_the_plan_ends() {
    with("production", "aws-2026-11", |input| {
        let rates = curve::rates(input);
        let million = Decimal::from(1_000_000);
        let at = |rate: Decimal| rates.iter().find(|it| it.events_a_minute == rate).unwrap();
        assert_eq!(rates.first().unwrap().events_a_minute, million / Decimal::TEN);
        assert_eq!(rates.last().unwrap().events_a_minute, million * Decimal::TEN);
        assert_eq!(at(million).total, input.estimate().total());
        assert!(!at(million).is_beyond);
        // The load test's 1.5 M/min is what shards and brokers are sized for.
        assert!(at(million * Decimal::TWO).is_beyond);
        let costs: Vec<Decimal> = rates.iter().map(|rate| known(rate.total)).collect();
        assert!(costs.is_sorted(), "{costs:?}");
        let each: Vec<Decimal> = rates.iter().map(|rate| rate.a_million.unwrap()).collect();
        assert!(each.iter().rev().is_sorted(), "{each:?}");
    });
}

fn known(total: vvbill::cost::Total) -> Decimal {
    total.known.expected
}

fn with(name: &str, book: &str, check: impl Fn(&Input<'_>)) {
    let spec = plan(name, &[]);
    let book = Book::built_in(book).unwrap().unwrap();
    let desired = topology::desired(&spec).unwrap();
    check(&Input {
        spec: &spec,
        desired: &desired,
        book: &book,
        scope: book.scope.as_ref(),
        as_of: "2026-11-24".parse().unwrap(),
        load: Decimal::ONE,
    });
}
