//! Plans that are wrong in every way that came to mind: each is answered with a clear diagnostic, all of them
//! at once, quickly, without a panic and without showing a secret.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use vvbill::spec::{MAX_BYTES, Overrides, Problems, all_codes, explain_code, load};

const GOOD: &str = "metadata:\n  name: a\ntarget: local\nkafka:\n  version: 4.1.0\n  brokers: 3\n";

/// No plan, however wrong, may take longer to be refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// Loads files that stand in memory; the first is the plan.
fn refuse(files: &[(&str, &[u8])], overrides: &Overrides) -> Problems {
    let mut read = |name: &str| {
        let file = files.iter().find(|(known, _)| *known == name);
        file.map(|(_, bytes)| bytes.to_vec())
            .ok_or_else(|| "no such file".to_owned())
    };
    let started = time_on_processor();
    let problems = load(files[0].0, overrides, &mut read).expect_err("a malformed plan is refused");
    let took = time_on_processor() - started;
    assert!(took < PATIENCE, "{}: took {took:?}", files[0].0);
    for diagnostic in &problems.diagnostics {
        assert!(
            explain_code(diagnostic.code).is_ok(),
            "{} is not explained",
            diagnostic.code
        );
        assert!(
            !diagnostic.fix.is_empty(),
            "{}: nothing says what to do",
            diagnostic.message
        );
    }
    assert!(
        !problems.render().contains("hunter"),
        "a secret is shown:\n{}",
        problems.render()
    );
    problems
}

/// How long this thread has been running: on a busy machine the clock on the wall tells of the others.
fn time_on_processor() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let counted = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = counted.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| FIRST.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

fn sets(sets: &[&str]) -> Overrides {
    Overrides {
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        ..Overrides::default()
    }
}

/// One snapshot for each file of `tests/spec/malformed/`.
#[test]
fn each_malformed_plan_is_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/malformed");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 40, "only {} plans", names.len());
    for name in names {
        let bytes = fs::read(folder.join(&name)).unwrap();
        let problems = refuse(&[(&name, &bytes)], &Overrides::default());
        insta::assert_snapshot!(name.trim_end_matches(".yaml"), problems.render());
    }
}

#[test]
fn bytes_that_are_no_text() {
    let latin = b"metadata:\n  name: a\n  owner: Andr\xe9\ntarget: local\n";
    insta::assert_snapshot!(
        "not-utf-8",
        refuse(&[("plan.yaml", latin)], &Overrides::default()).render()
    );
    let utf_16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xff\xfe".to_vec(), utf_16].concat();
    insta::assert_snapshot!(
        "utf-16",
        refuse(&[("plan.yaml", &marked)], &Overrides::default()).render()
    );
    let zeros = [GOOD.as_bytes(), &[0u8; 64]].concat();
    insta::assert_snapshot!(
        "zeros",
        refuse(&[("plan.yaml", &zeros)], &Overrides::default()).render()
    );
}

#[test]
fn fifty_megabytes_are_refused_at_once() {
    let large = vec![b'a'; 50 << 20];
    insta::assert_snapshot!(
        "50-megabytes",
        refuse(&[("plan.yaml", &large)], &Overrides::default()).render()
    );
}

/// Protects the time that the largest plan takes which is still read: wide, and in nearly every way wrong.
#[test]
fn the_largest_plans_are_answered_in_time() {
    let many_keys: String = (0..)
        .map(|number| format!("key{number}: {number}\n"))
        .take(12_000)
        .collect();
    let one_line = format!("{GOOD}owner: [{}]\n", "x,".repeat(MAX_BYTES / 2 - 200));
    let one_text = format!("{GOOD}owner: {}\n", "x".repeat(MAX_BYTES - 200));
    let quotes = format!("{GOOD}owner: \"{}\n", "\\\"".repeat(MAX_BYTES / 2 - 200));
    for (name, text) in [
        ("keys", many_keys),
        ("line", one_line),
        ("text", one_text),
        ("quotes", quotes),
    ] {
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        let problems = refuse(&[(name, text.as_bytes())], &Overrides::default());
        assert!(!problems.diagnostics.is_empty());
    }
}

#[test]
fn circles_and_gaps_in_extends() {
    let circle: [(&str, &[u8]); 3] = [
        ("plans/a.yaml", b"extends: b.yaml\n"),
        ("plans/b.yaml", b"extends: ../plans/c.yaml\n"),
        ("plans/c.yaml", b"extends: ./a.yaml\n"),
    ];
    insta::assert_snapshot!(
        "extends-in-a-circle",
        refuse(&circle, &Overrides::default()).render()
    );
    let gap: [(&str, &[u8]); 2] = [
        ("a.yaml", b"extends: b.yaml\n"),
        ("b.yaml", b"extends: ../lost/c.yaml\n"),
    ];
    insta::assert_snapshot!("extends-into-a-gap", refuse(&gap, &Overrides::default()).render());
    let texts: Vec<(String, String)> = (0..40)
        .map(|number| {
            (
                format!("{number}.yaml"),
                format!("extends: {}.yaml\n", number + 1),
            )
        })
        .collect();
    let chain: Vec<(&str, &[u8])> = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    insta::assert_snapshot!("extends-too-long", refuse(&chain, &Overrides::default()).render());
    let below: [(&str, &[u8]); 2] = [
        ("a.yaml", b"extends: b.yaml\nkafka:\n  brokers: many\n"),
        ("b.yaml", b"metadata:\n  nam: a\ntarget: local\n"),
    ];
    insta::assert_snapshot!(
        "problems-in-two-files",
        refuse(&below, &Overrides::default()).render()
    );
}

#[test]
fn overrides_that_fit_nowhere() {
    let wrong = [
        "kafka.brokers",
        "=3",
        "kafka..brokers=3",
        "kafka.brokers.=3",
        "kafka[brokers=3",
        "kafka[0]=3",
        "metadata.name.first=b",
        "kafak.brokers=3",
        "kafka.brokers=many",
        "kafka.brokers=",
        "kafka.topics=[a",
        "target=*moon",
        "buffer.auth=hunter2",
        "buffer={maxmemory: 1GiB, auth: hunter2, x: y}",
        "aurora.password=hunter2",
        "kafka={brokers: 5, brokers: 6}",
        "local.bind=10.0.0.1",
    ];
    let texts: Vec<String> = wrong
        .iter()
        .map(|set| refuse(&[("plan.yaml", GOOD.as_bytes())], &sets(&[set])).render())
        .collect();
    insta::assert_snapshot!("overrides", texts.join("\n"));
    let all = refuse(&[("plan.yaml", GOOD.as_bytes())], &sets(&wrong));
    assert!(
        all.diagnostics.len() >= wrong.len() - 3,
        "only {} problems at once",
        all.diagnostics.len()
    );
}

#[test]
fn files_of_overrides_that_are_wrong() {
    let files = [
        ("empty.yaml", "" as &str),
        ("extends.yaml", "extends: plan.yaml\n"),
        ("wrong.yaml", "kafka:\n  brokers: x\n"),
    ];
    let texts: Vec<String> = files
        .iter()
        .map(|(name, text)| {
            let var_files = vec![((*name).to_owned(), text.as_bytes().to_vec())];
            refuse(
                &[("plan.yaml", GOOD.as_bytes())],
                &Overrides {
                    var_files,
                    sets: Vec::new(),
                },
            )
            .render()
        })
        .collect();
    insta::assert_snapshot!("files-of-overrides", texts.join("\n"));
}

#[test]
fn every_code_is_explained_and_stands_once() {
    let mut codes: Vec<&str> = all_codes().collect();
    assert!(codes.len() > 12 && codes.is_sorted(), "{codes:?}");
    codes.dedup();
    assert_eq!(codes.len(), all_codes().count());
    for code in codes {
        let text = explain_code(&code.to_lowercase()).unwrap();
        assert!(text.starts_with(code) && text.contains("What to do: "), "{text}");
    }
    assert_eq!(explain_code("VV013").unwrap_err().nearest, Some("VV003"));
    assert_eq!(explain_code("kafka").unwrap_err().nearest, None);
}
