//! Quantities: what they mean, what they refuse, and that their text says all of it.

use std::fmt::Debug;
use std::str::FromStr;

use proptest::prelude::*;
use rust_decimal::Decimal;
use vvbill::spec::{
    Bytes, Cidr, CpuQuantity, Duration, EventRate, LoopbackAddress, Money, Name, Percent, Port,
    SecretReference, TimeWindow, Unit, UnitError, WeeklyWindow, WorkerCount,
};

fn parse<U: Unit>(text: &str) -> U {
    text.parse()
        .unwrap_or_else(|error: UnitError| panic!("{text}: {error}"))
}

#[test]
fn durations() {
    let micros = |text: &str| parse::<Duration>(text).as_micros();
    assert_eq!(micros("5s"), 5_000_000);
    assert_eq!(micros("5000ms"), micros("5s"));
    assert_eq!(micros("7d"), micros("168h"));
    assert_eq!(micros("1h30m"), micros("90 min"));
    assert_eq!(micros("1.5h"), micros("90m"));
    assert_eq!(micros("10_000us"), micros("10ms"));
    assert_eq!(micros("0"), 0);
    assert_eq!(parse::<Duration>("168h").to_string(), "7d");
}

#[test]
fn sizes_are_binary_or_decimal_by_their_unit() {
    let bytes = |text: &str| parse::<Bytes>(text).as_bytes();
    assert_eq!(bytes("8GiB"), 8 << 30);
    assert_eq!(bytes("8Gi"), bytes("8 gib"));
    assert_eq!(bytes("8gb"), 8_000_000_000);
    assert_eq!(bytes("1TB"), 1_000_000_000_000);
    assert_eq!(bytes("0.5 KiB"), 512);
    assert_eq!(bytes("1,000 kB"), 1_000_000);
    assert_eq!(bytes("104857600 B"), bytes("100MiB"));
    assert_eq!(parse::<Bytes>("6Gi").kubernetes(), "6Gi");
    assert_eq!(parse::<Bytes>("1GB").kubernetes(), "1000000000");
    assert_eq!(parse::<Bytes>("500GiB").as_gib(), 500);
}

#[test]
fn rates_money_shares_and_processors() {
    assert_eq!(parse::<EventRate>("1M/min"), parse("1_000_000/min"));
    assert_eq!(parse::<EventRate>("1M/min"), parse("60M/h"));
    assert_eq!(parse::<EventRate>("1M/min").per_second_ceil(), 16_667);
    assert_eq!(parse::<EventRate>("15000/s"), parse("900K/min"));
    assert_eq!(parse::<Money>("$6,287").0, Decimal::from(6287));
    assert_eq!(parse::<Money>("6287 USD"), parse("6287"));
    assert_eq!(parse::<Percent>("99.99%").as_ratio(), Decimal::new(9_999, 4));
    assert_eq!(parse::<CpuQuantity>("3").as_millis(), 3_000);
    assert_eq!(parse::<CpuQuantity>("500m"), parse("0.5"));
    assert_eq!(
        parse::<WorkerCount>("multiprocessing.cpu_count() * 2 + 1").on(4),
        9
    );
    assert_eq!(parse::<WorkerCount>("cpu").on(4), 4);
}

#[test]
fn windows_and_blocks() {
    let window = parse::<TimeWindow>("23:30-00:30");
    assert_eq!(window.length_minutes(), 60);
    assert!(window.overlaps(parse("00:29-01:00")) && !window.overlaps(parse("00:30-01:00")));
    assert_eq!(parse::<WeeklyWindow>("sun:23:30-mon:00:30").length_minutes(), 60);
    let block = parse::<Cidr>("10.0.0.0/16");
    assert!(block.contains(parse("10.0.255.0/24")) && !block.contains(parse("10.1.0.0/24")));
    assert!(parse::<Cidr>("0.0.0.0/0").contains(block) && !block.contains(parse("0.0.0.0/0")));
    assert_eq!(block.subnet(20, 15), Some(parse("10.0.240.0/20")));
    assert_eq!(block.subnet(20, 16), None);
    assert_eq!(parse::<Cidr>("0.0.0.0/0").addresses(), 1 << 32);
}

#[test]
fn what_is_no_quantity_is_refused_with_a_fix() {
    fn refuse<U: Unit + Debug>(texts: &[&str]) {
        for text in texts {
            let error = text.parse::<U>().expect_err(text);
            assert!(!error.why.is_empty() && !error.fix.is_empty(), "{text}");
        }
    }
    refuse::<Duration>(&[
        "",
        " ",
        "5",
        "s",
        "5 parsecs",
        "-5s",
        "5s5",
        "1..5s",
        "0.0000001s",
        "99999999999d",
        "5S",
    ]);
    refuse::<Bytes>(&[
        "",
        "8",
        "GiB",
        "-1GiB",
        "8G",
        "1,5 GB",
        "1,00 GB",
        "0.3 B",
        "17 EiB",
        "18446744073709551616 B",
    ]);
    refuse::<Money>(&["", "-1 USD", "6287 EUR", "$", "1,2 USD", "USD 5"]);
    refuse::<Percent>(&["", "60", "101%", "-1%", "%"]);
    refuse::<CpuQuantity>(&["", "3 cores", "0.0001", "-1", "1.5m"]);
    refuse::<EventRate>(&["", "1M", "1M/day", "1G/min", "/min", "-1/s"]);
    refuse::<TimeWindow>(&[
        "",
        "03:00",
        "3:00-4:00",
        "24:00-01:00",
        "03:60-04:00",
        "03:00-03:00",
        "+3:00-04:00",
    ]);
    refuse::<WeeklyWindow>(&[
        "",
        "sun:05:00",
        "Sun:05:00-Sun:06:00",
        "xyz:05:00-sun:06:00",
        "sun:05:00-sun:05:00",
    ]);
    refuse::<Cidr>(&["", "10.0.0.0", "10.0.0.0/33", "10.0.0.1/16", "10.0.0/16", "::/0"]);
    refuse::<Port>(&["", "0", "65536", "-1", "+80", "http"]);
    refuse::<LoopbackAddress>(&["", "0.0.0.0", "10.0.0.1", "localhost", "::"]);
    refuse::<WorkerCount>(&["", "many", "cpu*", "cpu*2+", "cpu-1", "2*cpu", "-1"]);
    refuse::<Name>(&["", "-a", "A", "a_b", "a.b", "ä", &"a".repeat(41)]);
    refuse::<SecretReference>(&["", " ", "env:", "file: ", "secretsmanager:"]);
}

/// Protects the published examples and the schema's patterns' source: what is shown to users must be taken.
#[test]
fn every_example_parses() {
    fn check<U: Unit>() {
        assert!(!U::EXAMPLES.is_empty());
        U::EXAMPLES.iter().for_each(|example| drop(parse::<U>(example)));
    }
    check::<Duration>();
    check::<Bytes>();
    check::<Money>();
    check::<Percent>();
    check::<CpuQuantity>();
    check::<EventRate>();
    check::<TimeWindow>();
    check::<WeeklyWindow>();
    check::<Cidr>();
    check::<Port>();
    check::<LoopbackAddress>();
    check::<WorkerCount>();
    check::<Name>();
    check::<SecretReference>();
}

/// A text that was taken, printed, is taken again as the same.
fn comes_back<U: Unit + PartialEq + Debug + FromStr>(text: &str) {
    if let Ok(value) = text.parse::<U>() {
        let printed = value.to_string();
        let again = printed
            .parse::<U>()
            .unwrap_or_else(|error| panic!("{text} → {printed}: {}", error.why));
        assert_eq!(again, value, "{text} → {printed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn durations_and_sizes_come_back(number in any::<u64>()) {
        let duration = Duration::from_micros(number);
        prop_assert_eq!(duration.to_string().parse::<Duration>().unwrap(), duration);
        prop_assert_eq!(Bytes(number).to_string().parse::<Bytes>().unwrap(), Bytes(number));
        let cpu = CpuQuantity::from_millis(number);
        prop_assert_eq!(cpu.to_string().parse::<CpuQuantity>().unwrap(), cpu);
        let rate = EventRate::from_per_minute(number);
        prop_assert_eq!(rate.to_string().parse::<EventRate>().unwrap(), rate);
    }

    #[test]
    fn whatever_is_taken_comes_back(text in "[0-9]{1,12}[._,]?[0-9]{0,6} ?(us|ms|s|m|min|h|d|B|kB|MiB|GB|Gi|%|m|USD|K/s|M/min|/h|)") {
        comes_back::<Duration>(&text);
        comes_back::<Bytes>(&text);
        comes_back::<Money>(&text);
        comes_back::<Percent>(&text);
        comes_back::<CpuQuantity>(&text);
        comes_back::<EventRate>(&text);
        comes_back::<Port>(&text);
        comes_back::<WorkerCount>(&text);
    }

    #[test]
    fn no_text_makes_a_quantity_panic(text in any::<String>()) {
        comes_back::<Duration>(&text);
        comes_back::<Bytes>(&text);
        comes_back::<Money>(&text);
        comes_back::<Percent>(&text);
        comes_back::<CpuQuantity>(&text);
        comes_back::<EventRate>(&text);
        comes_back::<TimeWindow>(&text);
        comes_back::<WeeklyWindow>(&text);
        comes_back::<Cidr>(&text);
        comes_back::<Port>(&text);
        comes_back::<LoopbackAddress>(&text);
        comes_back::<WorkerCount>(&text);
        comes_back::<Name>(&text);
    }
}
