//! Where each rule's boundary lies: a plan just inside and one just outside, as data.
//!
//! `cases/VV123.yaml` is a list of boundaries. Both sides are laid over one of the plans in `bases/`, which
//! are none of those that come with vvbill, so that no rule is fitted to one file.

use std::collections::BTreeSet;
use std::fs;

use jiff::civil::Date;
use serde::Deserialize;
use vvbill::spec::rules::{self, Context, Finding};
use vvbill::spec::{self, FieldPath, Loaded, Overrides};

use super::findings::TODAY;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rules");

/// One boundary of a rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Boundary {
    /// What is being told apart.
    what: String,
    /// The plan in `bases/` that both sides change.
    #[serde(default = "aws")]
    pub(crate) base: String,
    /// The field that the finding points at.
    at: String,
    /// What the plan just inside changes.
    #[serde(default)]
    pub(crate) inside: serde_json::Value,
    /// What the plan just outside changes.
    #[serde(default)]
    pub(crate) outside: serde_json::Value,
    /// The days on which both are judged, where that is the boundary.
    #[serde(default)]
    pub(crate) today: Option<[Date; 2]>,
}

fn aws() -> String {
    "aws".to_owned()
}

pub(crate) fn boundaries(code: &str) -> Vec<Boundary> {
    let file = format!("{FOLDER}/cases/{code}.yaml");
    let text = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{code} has no boundary test: {file}: {error}"));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The base with a part of a plan laid over it.
pub(crate) fn plan(base: &str, part: &serde_json::Value) -> Result<Loaded, String> {
    let mut overrides = Overrides::default();
    if !part.is_null() {
        overrides
            .var_files
            .push(("change.yaml".to_owned(), part.to_string().into_bytes()));
    }
    let mut read = |name: &str| fs::read(format!("{FOLDER}/bases/{name}")).map_err(|error| error.to_string());
    spec::load(&format!("{base}.yaml"), &overrides, &mut read).map_err(|problems| problems.render())
}

/// What is found on each side.
fn sides(boundary: &Boundary) -> Result<[Vec<Finding>; 2], String> {
    let days = boundary.today.unwrap_or([TODAY.today; 2]);
    let judge =
        |part, today| plan(&boundary.base, part).map(|it| rules::findings(&it.spec, &Context { today }));
    Ok([
        judge(&boundary.inside, days[0])?,
        judge(&boundary.outside, days[1])?,
    ])
}

fn codes(findings: &[Finding]) -> BTreeSet<&'static str> {
    findings.iter().map(|finding| finding.rule.code).collect()
}

/// Whether a path names a field, written as fields are: otherwise its place in the plan can't be shown.
fn is_field(path: &str) -> bool {
    path.parse::<FieldPath>()
        .is_ok_and(|parsed| parsed.to_string() == path)
        && spec::explain_field(path).is_ok()
}

/// Boundary tests tell something only if nothing else is wrong with the plan that they change.
#[test]
fn the_bases_have_no_finding() {
    for base in ["aws", "local"] {
        let found = rules::findings(&plan(base, &serde_json::Value::Null).unwrap().spec, &TODAY);
        assert!(found.is_empty(), "{base}: {found:#?}");
    }
}

/// A rule that fires too early or too late, at another field, or drags another one along, is found here.
#[test]
fn each_rule_fires_just_outside_its_boundary_and_not_inside() {
    let mut wrong = Vec::new();
    for rule in rules::all() {
        for boundary in boundaries(rule.code) {
            let name = format!("{} ({})", rule.code, boundary.what);
            let [inside, outside] = match sides(&boundary) {
                Ok(sides) => sides,
                Err(problems) => {
                    wrong.push(format!("{name}: {problems}"));
                    continue;
                }
            };
            if codes(&inside).contains(rule.code) {
                wrong.push(format!("{name}: fires inside its boundary: {inside:#?}"));
            }
            let new: Vec<&str> = codes(&outside).difference(&codes(&inside)).copied().collect();
            if new != [rule.code] {
                wrong.push(format!("{name}: outside adds {new:?}: {outside:#?}"));
            }
            let places: Vec<&str> = outside
                .iter()
                .filter(|finding| finding.rule.code == rule.code)
                .map(|finding| finding.paths[0].as_str())
                .collect();
            if !places.contains(&boundary.at.as_str()) {
                wrong.push(format!("{name}: points at {places:?} instead of {}", boundary.at));
            }
            let unknown = outside
                .iter()
                .flat_map(|finding| &finding.paths)
                .filter(|path| !is_field(path));
            wrong.extend(unknown.map(|path| format!("{name}: {path} is no field")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A case whose rule is gone would never run again.
#[test]
fn each_case_belongs_to_a_rule() {
    let known: BTreeSet<String> = rules::all().map(|rule| format!("{}.yaml", rule.code)).collect();
    for entry in fs::read_dir(format!("{FOLDER}/cases")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name} belongs to no rule");
    }
}

/// Codes are what people quote and search for: none twice, all in one form, each with a text.
#[test]
fn rules_are_well_formed() {
    let mut seen = BTreeSet::new();
    for rule in rules::all() {
        assert!(seen.insert(rule.code), "{} is given twice", rule.code);
        assert!(
            rule.code.len() == 5 && rule.code[2..].parse::<u16>().is_ok(),
            "{}",
            rule.code
        );
        for text in [rule.title, rule.about, rule.source, rule.remedy] {
            assert!(
                !text.is_empty() && text.trim() == text && !text.contains("  "),
                "{}: {text:?}",
                rule.code
            );
        }
        assert!(rules::explain(&rule.code.to_lowercase()).unwrap().code == rule.code);
    }
    assert_eq!(rules::explain("VV10l").unwrap_err().nearest, Some("VV101"));
    assert_eq!(rules::explain("kafka").unwrap_err().nearest, None);
}
