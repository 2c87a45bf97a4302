//! `vvbill cost --refresh-prices` on a Price List that is as AWS documents it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use super::binary::{Site, plan, text};
use super::fake::Fake;

fn refresh(site: &Site<'_>, file: &str, more: &[&str]) -> Output {
    let plan = plan("production.yaml").display().to_string();
    let arguments = ["cost", &plan, "--refresh-prices", file, "--format", "json"];
    site.run(&[&arguments[..], more].concat())
}

/// Each line's monthly cost, by its name; `None` where it is unknown.
fn lines(output: &Output) -> BTreeMap<String, Option<String>> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| {
        panic!("{why}: {}", text(&output.stderr));
    });
    let resources = document["projects"][0]["breakdown"]["resources"]
        .as_array()
        .unwrap();
    let line = |resource: &Value| {
        let name = resource["name"].as_str().unwrap().to_owned();
        let region = resource["metadata"]["region"].as_str().unwrap_or_default();
        (
            format!("{name} {region}"),
            resource["monthlyCost"].as_str().map(str::to_owned),
        )
    };
    let lines: BTreeMap<String, Option<String>> = resources.iter().map(line).collect();
    assert_eq!(lines.len(), resources.len(), "names tell lines apart");
    lines
}

/// The names of the lines that differ.
fn changed(one: &Output, other: &Output) -> Vec<String> {
    let (one, other) = (lines(one), lines(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    let differs = |(name, cost): (&String, &Option<String>)| (other[name] != *cost).then(|| name.clone());
    one.iter().filter_map(differs).collect()
}

/// Protects: the new book has AWS's prices of both regions, whatever the size of a page, and prices the plan then
/// and later; made again it is the same.
#[test]
fn a_new_book_prices_the_plan() {
    let fake = Fake::start(&json!({ "price_list": { "page": 1 } }));
    let site = Site::new(&fake);
    let first = refresh(&site, "today.yaml", &[]);
    let said = text(&first.stderr);
    assert_eq!(first.status.code(), Some(0), "{said}");
    assert!(said.contains("from AWS's price list, "), "{said}");
    // The catalogue lacks alternatives that the book knows, and nothing that the plan takes.
    for used in ["m6i.xlarge", "gp3", "db.r6g.2xlarge", "redis cache.r6g.xlarge"] {
        assert!(!said.contains(&format!(" of {used} in ")), "{used}: {said}");
    }
    let book = fs::read_to_string(site.folder.path().join("today.yaml")).unwrap();
    assert!(book.contains("dated: 2026-11-25\n"), "{book}");
    assert!(book.contains("AWS Price List, AmazonEC2, SKU "), "{book}");
    let tiers = "      - { up_to: 10240, price: 0.099 USD }\n      - { up_to: 51200, price: 0.0935 USD }\n";
    assert!(
        book.contains(tiers),
        "a tenth dearer in Ireland, and exact: {book}"
    );
    // Only use can tell how much is written; every other line has its price now.
    let unknown: Vec<String> = lines(&first)
        .into_iter()
        .filter_map(|(name, cost)| cost.is_none().then_some(name))
        .collect();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(unknown[0].contains("Replicated Writes"), "{unknown:?}");

    let plan = plan("production.yaml").display().to_string();
    let later = site.run(&["cost", &plan, "--prices", "today.yaml", "--format", "json"]);
    assert!(changed(&first, &later).is_empty());
    let again = refresh(&site, "again.yaml", &["--prices", "today.yaml"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let second = fs::read_to_string(site.folder.path().join("again.yaml")).unwrap();
    assert_eq!(second.replace("\"again\"", "\"today\""), book);
    assert!(
        fake.stats()["operations"]["pricing.GetProducts"].as_u64() > Some(200),
        "{}",
        fake.stats()
    );
}

/// Protects: a price that changes at AWS changes the lines that depend on it, and no other.
#[test]
fn a_changed_price_changes_its_lines_alone() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let before = refresh(&site, "before.yaml", &[]);
    fake.configure(&json!({ "price_list": { "price": { "NatGateway-Hours": "0.05" } } }));
    let after = refresh(&site, "after.yaml", &[]);
    assert_eq!(after.status.code(), Some(0), "{}", text(&after.stderr));
    let changed = changed(&before, &after);
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].contains("NAT Gateways"), "{changed:?}");
    assert_eq!(
        lines(&after)[&changed[0]].as_deref(),
        Some("109.5"),
        "3 × 730 h × 0.05 USD"
    );
}

/// Protects: what AWS has no price for is told with its reason, and keeps the old price where there is one.
#[test]
fn what_is_missing_is_told_and_kept() {
    let fake = Fake::start(&json!({ "price_list": {
        "hidden": ["LCUUsage", "EU-LCUUsage", "Outposts-LCUUsage", "EU-Outposts-LCUUsage"],
        "garbage": ["NatGateway-Bytes"],
        "price": { "CW:AlarmMonitorUsage": { "CNY": "0.7000000000" } },
    } }));
    let site = Site::new(&fake);
    let output = refresh(&site, "today.yaml", &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for told in [
        "load-balancer-unit of application in us-east-1: none of the 3 products that AWS answered with is it; \
         the price of `aws-2026-11` is kept",
        "load-balancer-unit of application in eu-west-1: none of the 3 products that AWS answered with is it; \
         it stays unknown",
        "nat-data in us-east-1: an answer of AWS's price list can't be read: ",
        "is priced in CNY, and books are in USD; the price of `aws-2026-11` is kept",
    ] {
        assert!(said.contains(told), "{told} is not in\n{said}");
    }
    let book = fs::read_to_string(site.folder.path().join("today.yaml")).unwrap();
    let kept = "source: \"Infracost's golden files, 2026-08; kept from `aws-2026-11` of 2026-11-24\"";
    assert!(book.contains(kept), "{book}");
}

/// Protects: calls that AWS throttles, or whose answers get lost, are made again, and the book is the same.
#[test]
fn what_passes_is_waited_for() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let calm = refresh(&site, "calm.yaml", &[]);
    fake.configure(&json!({ "faults": {
        "seed": 7, "throttle": 0.06, "error500": 0.05, "drop": 0.05, "only": ["pricing:GetProducts"],
    } }));
    let rough = refresh(&site, "rough.yaml", &[]);
    assert_eq!(rough.status.code(), Some(0), "{}", text(&rough.stderr));
    let faults = fake.stats()["faults"].clone();
    for kind in ["throttle", "error500", "drop"] {
        assert!(faults[kind].as_u64() > Some(0), "{faults}");
    }
    assert!(changed(&calm, &rough).is_empty());
    let read = |name: &str| fs::read_to_string(site.folder.path().join(name)).unwrap();
    assert_eq!(
        read("rough.yaml").replace("\"rough\"", "\"calm\""),
        read("calm.yaml")
    );
}

/// Protects: what can't be finished writes nothing, also where it breaks off in the middle.
#[test]
fn an_error_leaves_no_file() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    let refused = |config: &Value, expect: &[&str]| {
        fake.configure(config);
        let output = refresh(&site, "today.yaml", &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty(), "no estimate at old prices");
        for words in expect {
            assert!(said.contains(words), "{words} is not in\n{said}");
        }
        let left: Vec<_> = fs::read_dir(site.folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    };
    refused(
        &json!({ "deny": ["pricing:GetProducts"] }),
        &[
            "nothing was written",
            "a policy that allows `pricing:GetProducts`",
        ],
    );
    refused(
        &json!({ "deny": [], "credentials": "expired" }),
        &["nothing was written", "aws sso login"],
    );
    refused(
        &json!({ "credentials": "valid", "faults": {
            "seed": 3, "error500": 0.8, "only": ["pricing:GetProducts"],
        } }),
        &["nothing was written", "pricing:GetProducts"],
    );
    let (calls, failed) = (
        &fake.stats()["operations"]["pricing.GetProducts"],
        &fake.stats()["faults"]["error500"],
    );
    assert!(
        calls.as_u64() > failed.as_u64().map(|failed| failed + 2),
        "some were answered: {calls}, {failed}"
    );
}

/// Protects: no book is written over, and none is begun from what prices a platform in its own way.
#[test]
fn what_cannot_be_begun_asks_nothing() {
    let fake = Fake::start(&json!({}));
    let site = Site::new(&fake);
    fs::write(site.folder.path().join("there.yaml"), "mine").unwrap();
    for (file, more, expect) in [
        ("there.yaml", &[][..], "`there.yaml` is there already"),
        ("none/today.yaml", &[][..], "there is no folder `none`"),
        ("aws-2026-11", &[][..], "the name of a built-in book"),
        (
            "today.yaml",
            &["--prices", "specification"][..],
            "the book `specification` is no list of AWS's prices",
        ),
    ] {
        let output = refresh(&site, file, more);
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(expect), "{expect} is not in\n{said}");
    }
    assert_eq!(fs::read(site.folder.path().join("there.yaml")).unwrap(), b"mine");
    assert_eq!(fake.stats()["operations"]["pricing.GetProducts"], Value::Null);
}
