//! Plans over plans: what `extends`, `--var-file` and `--set` change, and where it is then said to stand.

use vvbill::spec::{Compression, Duration, FieldPath, Loaded, Overrides, SecretReference, diagnostic, load};

const BASE: &str = "\
metadata:
  name: base
  tags:
    Team: billing
target: local
kafka:
  version: 4.1.0
  brokers: 3
  topics:
    a: { partitions: 1 }
    b: { partitions: 2 }
network:
  cidr: 10.0.0.0/16
  zones: [one, two]
operating_system:
  sysctl:
    fs.nr_open: 1000
";

fn load_over(top: &str, var_files: &[&str], sets: &[&str]) -> Loaded {
    let overrides = Overrides {
        var_files: var_files
            .iter()
            .map(|text| ("over.yaml".to_owned(), text.as_bytes().to_vec()))
            .collect(),
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
    };
    let mut read = |name: &str| match name {
        "plans/top.yaml" => Ok(top.as_bytes().to_vec()),
        "base.yaml" => Ok(BASE.as_bytes().to_vec()),
        other => Err(format!("{other} was asked for")),
    };
    load("plans/top.yaml", &overrides, &mut read).unwrap_or_else(|problems| panic!("{}", problems.render()))
}

/// Where a field stands: file, line, column and the text there.
fn place(loaded: &Loaded, path: &str) -> String {
    let excerpt = loaded.sources.excerpt(loaded.spans.get(path).unwrap());
    let marked: String = excerpt
        .text
        .chars()
        .skip(excerpt.caret as usize - 1)
        .take(excerpt.length as usize)
        .collect();
    format!("{}:{}:{} {marked}", excerpt.file, excerpt.line, excerpt.column)
}

#[test]
fn maps_are_merged_lists_replaced_and_null_takes_away() {
    let top = "extends: ../base.yaml\nmetadata: { name: top }\nkafka:\n  brokers: 5\n  topics:\n    a: ~\n    c: {}\nnetwork: { zones: [three] }\n";
    let loaded = load_over(top, &[], &[]);
    let spec = &loaded.spec;
    assert_eq!(spec.metadata.name.as_str(), "top");
    assert_eq!(spec.metadata.tags["Team"], "billing");
    let kafka = spec.kafka.as_ref().unwrap();
    assert_eq!(kafka.brokers, 5);
    assert_eq!(kafka.topics.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(spec.network.as_ref().unwrap().zones, ["three"]);
    assert_eq!(spec.extends, None);
    assert_eq!(
        loaded.sources.names().collect::<Vec<_>>(),
        ["plans/top.yaml", "base.yaml"]
    );
}

#[test]
fn a_section_can_be_taken_away_and_given_anew() {
    let loaded = load_over("extends: ../base.yaml\nkafka: ~\n", &[], &[]);
    assert_eq!(loaded.spec.kafka, None);
    let loaded = load_over(
        "extends: ../base.yaml\nkafka: ~\n",
        &["kafka: { version: 4.2.0, brokers: 1 }"],
        &[],
    );
    assert_eq!(loaded.spec.kafka.unwrap().topics.len(), 0);
}

#[test]
fn later_layers_win() {
    let top = "extends: ../base.yaml\nkafka: { brokers: 4 }\n";
    let brokers = |files: &[&str], sets: &[&str]| load_over(top, files, sets).spec.kafka.unwrap().brokers;
    assert_eq!(brokers(&[], &[]), 4);
    assert_eq!(brokers(&["kafka: { brokers: 5 }"], &[]), 5);
    assert_eq!(
        brokers(&["kafka: { brokers: 5 }", "kafka: { brokers: 6 }"], &[]),
        6
    );
    assert_eq!(
        brokers(
            &["kafka: { brokers: 5 }"],
            &["kafka.brokers=7", "kafka.brokers=8"]
        ),
        8
    );
}

#[test]
fn set_reaches_every_kind_of_field() {
    let sets = [
        "kafka.retention=36h",
        "kafka.compression=zstd",
        "kafka.topics.new.partitions=7",
        "network.zones[1]=other",
        "operating_system.sysctl[\"fs.nr_open\"]=2097152",
        "buffer={maxmemory: 1GiB, auth: env:REDIS_PASSWORD}",
        "metadata.tags.Team=",
        "metadata.owner='a=b'",
        "alerts.Lag.expr=sum(lag) > 10",
        "alerts.Lag.summary=behind",
        "aurora={engine: postgresql, engine_version: 15.10, database_name: b, master_username: b}",
    ];
    let loaded = load_over("extends: ../base.yaml\n", &[], &sets);
    let spec = &loaded.spec;
    let kafka = spec.kafka.as_ref().unwrap();
    assert_eq!(
        (kafka.retention, kafka.compression),
        (Duration::from_secs(36 * 3_600), Compression::Zstd)
    );
    assert_eq!(kafka.topics["new"].partitions, Some(7));
    assert_eq!(spec.network.as_ref().unwrap().zones, ["one", "other"]);
    assert_eq!(spec.operating_system.sysctl["fs.nr_open"], "2097152");
    assert_eq!(
        spec.buffer.as_ref().unwrap().auth,
        Some(SecretReference::Environment("REDIS_PASSWORD".to_owned()))
    );
    assert!(spec.metadata.tags.is_empty());
    assert_eq!(spec.metadata.owner.as_deref(), Some("a=b"));
    assert_eq!(spec.alerts["Lag"].expr, "sum(lag) > 10");
    // Text keeps its digits: a YAML number would have become 15.1.
    assert_eq!(spec.aurora.as_ref().unwrap().engine_version, "15.10");
}

#[test]
fn every_field_is_said_to_stand_where_it_was_last_written() {
    let top = "extends: ../base.yaml\nkafka:\n  brokers: 5\n";
    let loaded = load_over(top, &["metadata:\n  owner: somebody\n"], &["kafka.retention=36h"]);
    assert_eq!(place(&loaded, "kafka.brokers"), "plans/top.yaml:3:12 5");
    assert_eq!(place(&loaded, "kafka.version"), "base.yaml:7:12 4.1.0");
    assert_eq!(place(&loaded, "kafka"), "plans/top.yaml:2:1 kafka");
    assert_eq!(place(&loaded, "kafka.topics.a"), "base.yaml:10:5 a");
    assert_eq!(place(&loaded, "network.zones[1]"), "base.yaml:14:16 two");
    assert_eq!(
        place(&loaded, "operating_system.sysctl[\"fs.nr_open\"]"),
        "base.yaml:17:17 1000"
    );
    assert_eq!(place(&loaded, "metadata.owner"), "over.yaml:2:10 somebody");
    assert_eq!(place(&loaded, "kafka.retention"), "--set:1:17 36h");
    // What is left to its default stands where the nearest thing around it does.
    assert_eq!(place(&loaded, "kafka.compression"), "plans/top.yaml:2:1 kafka");
    assert_eq!(place(&loaded, "buffer.maxmemory"), "plans/top.yaml:1:1 e");
    assert!(loaded.spans.is_written("kafka.brokers") && !loaded.spans.is_written("kafka.compression"));
}

/// Protects a secret that was written into a plan from being shown by whoever reports on that plan.
#[test]
fn a_literal_secret_is_kept_and_never_shown() {
    let top = "extends: ../base.yaml\nbuffer: { maxmemory: 1GiB, auth: hunter2 }\n";
    let loaded = load_over(
        top,
        &[],
        &[
            "buffer.sentinel.auth=hunter2",
            "cache={engine_version: '7', auth_token: hunter2}",
        ],
    );
    let buffer = loaded.spec.buffer.as_ref().unwrap();
    let SecretReference::Literal(literal) = buffer.auth.as_ref().unwrap() else {
        panic!("{:?}", buffer.auth)
    };
    assert_eq!(literal.length(), 7);
    assert_eq!(literal.refused(|c| c.is_ascii_lowercase()), 1);
    let debug = format!("{:?}", loaded.spec);
    let json = serde_json::to_string(&loaded.spec).unwrap();
    let shown: Vec<String> = ["buffer.auth", "buffer.sentinel.auth", "cache.auth_token"]
        .into_iter()
        .map(|path| {
            let finding = diagnostic::Diagnostic::error("VV999", "a secret")
                .at(path.parse::<FieldPath>().unwrap(), loaded.spans.get(path));
            diagnostic::render(&[finding], &loaded.sources)
        })
        .collect();
    assert!(
        !debug.contains("hunter2") && !json.contains("hunter2"),
        "{debug}\n{json}"
    );
    assert!(shown.iter().all(|text| !text.contains("hunter2")), "{shown:?}");
    insta::assert_snapshot!("literal-secrets", shown.join("\n"));
}
