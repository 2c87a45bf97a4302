//! Properties of the parser: nothing that it is given makes it panic, hang or lose its way, and whatever
//! passes the check fits the type.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use vvbill::spec::{FieldPath, Loaded, Overrides, Problems, load};

fn load_with(bytes: &[u8], sets: Vec<String>) -> Result<Loaded, Problems> {
    let mut read = |name: &str| {
        if name == "plan.yaml" {
            Ok(bytes.to_vec())
        } else {
            Err("not there".to_owned())
        }
    };
    load(
        "plan.yaml",
        &Overrides {
            var_files: Vec::new(),
            sets,
        },
        &mut read,
    )
}

/// What must hold of every answer.
fn judge(answer: &Result<Loaded, Problems>) {
    match answer {
        Ok(loaded) => {
            for path in loaded.spans.paths() {
                let span = loaded.spans.nearest(path).unwrap();
                assert!(loaded.sources.excerpt(span).length >= 1);
                if *path != FieldPath::default() {
                    assert_eq!(&path.to_string().parse::<FieldPath>().unwrap(), path);
                }
            }
        }
        Err(problems) => {
            assert!(!problems.diagnostics.is_empty());
            for diagnostic in &problems.diagnostics {
                assert!(
                    !diagnostic.message.contains("doesn't fit together"),
                    "the schema took what the type refused: {}",
                    diagnostic.message
                );
                assert!(!diagnostic.fix.is_empty(), "{}", diagnostic.message);
            }
            let text = problems.render();
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        }
    }
}

fn plan(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name)).unwrap()
}

/// A change to a text, as a slip of the hand would make it.
#[derive(Clone, Debug)]
enum Slip {
    DeleteLine(Index),
    RepeatLine(Index),
    SwapLines(Index, Index),
    Indent(Index, usize),
    Insert(Index, String),
    Delete(Index, usize),
    ReplaceValue(Index, String),
}

fn slips() -> impl Strategy<Value = Slip> {
    let value = select(vec![
        "",
        "~",
        "[]",
        "{}",
        "-1",
        "1e9",
        ".nan",
        "true",
        "'x'",
        "99999999999999999999",
        "*a",
        "&a",
        "!t x",
        "5s",
        "1GiB",
        "|",
        "\"\\x00\"",
    ]);
    prop_oneof![
        any::<Index>().prop_map(Slip::DeleteLine),
        any::<Index>().prop_map(Slip::RepeatLine),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Slip::SwapLines(a, b)),
        (any::<Index>(), 1..6usize).prop_map(|(line, by)| Slip::Indent(line, by)),
        (any::<Index>(), "[\\PC\t\n]{1,5}").prop_map(|(at, text)| Slip::Insert(at, text)),
        (any::<Index>(), 1..40usize).prop_map(|(at, length)| Slip::Delete(at, length)),
        (any::<Index>(), value).prop_map(|(line, value)| Slip::ReplaceValue(line, value.to_owned())),
    ]
}

fn slip(text: &str, slip: &Slip) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut characters: Vec<char> = text.chars().collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let (line_count, length) = (lines.len(), characters.len());
    match slip {
        Slip::DeleteLine(at) => drop(lines.remove(at.index(line_count))),
        Slip::RepeatLine(at) => lines.insert(at.index(line_count), lines[at.index(line_count)].clone()),
        Slip::SwapLines(a, b) => lines.swap(a.index(line_count), b.index(line_count)),
        Slip::Indent(at, by) => lines[at.index(line_count)].insert_str(0, &" ".repeat(*by)),
        Slip::ReplaceValue(at, value) => {
            let line = &mut lines[at.index(line_count)];
            if let Some((key, _)) = line.split_once(':') {
                *line = format!("{key}: {value}");
            }
        }
        Slip::Insert(at, inserted) => {
            let at = at.index(length);
            characters.splice(at..at, inserted.chars());
            return characters.into_iter().collect();
        }
        Slip::Delete(at, count) => {
            let at = at.index(length);
            characters.drain(at..(at + count).min(length));
            return characters.into_iter().collect();
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        judge(&load_with(&bytes, Vec::new()));
    }

    #[test]
    fn what_looks_like_yaml_never_panics(text in "([a-c]|: |- |\\n|  |\\[|\\]|\\{|\\}|&a|\\*a|!t|\\||>|'|\"|#|,|%|@|\\?|~|<<|---|\\t|0|9|kafka|target|local|metadata|name){0,60}") {
        judge(&load_with(text.as_bytes(), Vec::new()));
    }

    #[test]
    fn slips_in_a_good_plan_never_panic(name in select(vec!["local.yaml", "specification.yaml"]), changes in proptest::collection::vec(slips(), 1..6)) {
        let text = changes.iter().fold(plan(name), |text, change| slip(&text, change));
        judge(&load_with(text.as_bytes(), Vec::new()));
    }

    #[test]
    fn overrides_never_panic(set in "([a-z]{1,8}|kafka|\\.|\\[|\\]|\"|=|0|\\\\|ä|:| ){0,20}") {
        judge(&load_with(plan("local.yaml").as_bytes(), vec![set]));
    }

    #[test]
    fn paths_come_back(keys in proptest::collection::vec(any::<String>(), 1..5), index in any::<usize>()) {
        let path = keys.iter().fold(FieldPath::default(), |path, key| path.key(key.as_str())).index(index);
        prop_assert_eq!(path.to_string().parse::<FieldPath>().unwrap(), path);
    }
}

/// Protects the agreement of schema and types: every field of a plan, given odd values, is either
/// refused by the check or taken by the type.
#[test]
fn whatever_passes_the_check_fits_the_type() {
    let values = [
        "0",
        "1",
        "-1",
        "4294967296",
        "18446744073709551616",
        "true",
        "x",
        "5s",
        "1GiB",
        "50%",
        "03:00-04:00",
        "[]",
        "{}",
        "[1]",
        "{a: 1}",
        "''",
    ];
    let text = plan("specification.yaml");
    let whole = load_with(text.as_bytes(), Vec::new()).unwrap();
    let paths: Vec<&FieldPath> = whole
        .spans
        .paths()
        .filter(|path| !path.segments().is_empty())
        .collect();
    for (number, path) in paths.iter().enumerate() {
        // Two of the values for each field, other ones for its neighbours.
        for value in values.iter().cycle().skip(number * 3).take(2) {
            judge(&load_with(text.as_bytes(), vec![format!("{path}={value}")]));
        }
    }
}
